"""What the tests of the sandbox share: a client, a listener for hooks, message bodies."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import requests

ROOT = Path(__file__).resolve().parents[2]
ACCOUNTS: dict[str, Any] = json.loads((ROOT / "sandbox" / "accounts.json").read_text(encoding="utf-8"))
LEAD = "77010001122"
Found = TypeVar("Found")


def wait_for(look: Callable[[], Found], seconds: float = 30.0) -> Found:
    """What `look` returns as soon as it is truthy; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"still nothing after {seconds} s: {found!r}")
        time.sleep(0.01)


class Listener:
    """An HTTP server that keeps every POST as {path, headers, body}; answers `status` or, to GET, `pages`."""

    def __init__(self) -> None:
        self.hooks: list[dict[str, Any]] = []
        self.status = 200
        #: path with query -> JSON that a GET answers; headers of each are kept in `asked`
        self.pages: dict[str, Any] = {}
        self.asked: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.hooks.append({"path": self.path, "headers": dict(self.headers), "body": body})
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                outer.asked.append(dict(self.headers))
                page = json.dumps(outer.pages.get(self.path, {})).encode()
                self.send_response(200 if self.path in outer.pages else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def json(self, path: str) -> list[Any]:
        """The bodies that came to `path`, in order of arrival."""
        return [json.loads(hook["body"]) for hook in self.hooks if hook["path"] == path]


class Client:
    """Short ways to ask the sandbox as the `demo` account and as its lead."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.demo = ACCOUNTS["demo"]
        self.app = f"/gupshup/partner/app/{self.demo['gupshup']['app_id']}"

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.url + path, timeout=60, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        return self.session.post(self.url + path, json=body, timeout=60, **options)

    def act(self, action: str, wa_id: str = LEAD, **given: Any) -> Any:
        """One action of the lead's phone; fails unless it was possible."""
        answer = self.post(f"/phone/{wa_id}/{action}", {"account": "demo", **given})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def chat(self, wa_id: str = LEAD) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self.get(f"/phone/{wa_id}/chat?account=demo").json()["messages"]
        return messages

    def message(self, to: str = LEAD, **content: Any) -> requests.Response:
        """Sends a v3 message with the demo app's token."""
        body = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": to, **content}
        return self.post(
            self.app + "/v3/message", body, headers={"Authorization": self.demo["gupshup"]["token"]}
        )

    def subscribe(self, url: str, **form: str) -> requests.Response:
        given = {"modes": "ALL", "tag": "test", "version": "3", "url": url, **form}
        headers = {"Authorization": "Bearer " + self.demo["gupshup"]["token"]}
        return self.session.post(
            self.url + self.app + "/subscription", data=given, headers=headers, timeout=60
        )

    def held(self, platform: str) -> Any:
        return self.get(f"/_state?platform={platform}").json()


def statuses(listener: Listener, path: str = "/gs") -> list[dict[str, Any]]:
    found = []
    for body in listener.json(path):
        for status in body["entry"][0]["changes"][0]["value"].get("statuses", []):
            if status.get("type") != "set-callback":
                found.append(status)
    return found


def buttons(*titles: str) -> dict[str, Any]:
    replies = [{"type": "reply", "reply": {"id": f"b{n}", "title": t}} for n, t in enumerate(titles)]
    return {"type": "button", "body": {"text": "Which?"}, "action": {"buttons": replies}}


def rows(count: int, title: str = "Row") -> dict[str, Any]:
    found = [{"id": f"r{n}", "title": f"{title} {n}"} for n in range(count)]
    action = {"button": "Show", "sections": [{"title": "All", "rows": found}]}
    return {"type": "list", "body": {"text": "Choose"}, "action": action}


def cards(catalog: str = "55501", product: str = "course-pro", **more: Any) -> dict[str, Any]:
    sections = [{"title": "Courses", "product_items": [{"product_retailer_id": product}]}]
    header = {"type": "text", "text": "For you"}
    action = {"catalog_id": catalog, "sections": sections}
    return {"type": "product_list", "header": header, "body": {"text": "Two"}, "action": action, **more}
