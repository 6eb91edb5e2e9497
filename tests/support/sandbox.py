"""The sandbox as tests see it: its process, its controls, its phone."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parent.parent.parent


class Sandbox:
    """One sandbox process and its controls."""

    def __init__(self, port: int, *, product_url: str = "", product_token: str = "") -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.http = requests.Session()
        self.http.trust_env = False
        argv = [sys.executable, "-m", "sandbox", "--host", "127.0.0.1", "--port", str(port)]
        if product_url:
            argv += ["--product-url", product_url, "--product-token", product_token]
        self.process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "ready" in line, f"the sandbox did not start: {line!r}"

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.http.get(f"{self.url}{path}", params=params, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: Any = None) -> Any:
        answer = self.http.post(f"{self.url}{path}", json=body if body is not None else {}, timeout=60)
        assert answer.ok, f"{path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def state(self, platform: str) -> Any:
        """What the platform holds."""
        return self.get("/_state", platform=platform)

    def received(self, platform: str) -> list[dict[str, Any]]:
        """Requests as they arrived, oldest first."""
        found: list[dict[str, Any]] = self.get("/_received", platform=platform)
        return found

    def pending(self) -> int:
        """Hooks that are still on their way."""
        return int(self.get("/_pending")["pending"])

    @contextmanager
    def faults(self, *faults: dict[str, Any]) -> Iterator[None]:
        """Sets the fault dial for the block."""
        self.post("/_faults", list(faults))
        try:
            yield
        finally:
            self.clear_faults()

    def clear_faults(self) -> None:
        self.http.delete(f"{self.url}/_faults", timeout=60).raise_for_status()


_numbers = itertools.count(random.randrange(1_000_000, 8_000_000))


@dataclass
class Phone:
    """A lead's phone in front of the sandbox's WhatsApp."""

    sandbox: Sandbox
    account: str = "demo"
    number: str = field(default_factory=lambda: f"7701{next(_numbers)}")
    name: str = "Ана"

    def act(self, action: str, **body: Any) -> Any:
        return self.sandbox.post(f"/phone/{self.number}/{action}", {"account": self.account, **body})

    def tap_ad(self, **body: Any) -> Any:
        return self.act("tap-ad", ad_id="120219876543210001", name=self.name, **body)

    def say(self, text: str, **body: Any) -> Any:
        return self.act("send", text=text, **body)

    def chat(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self.sandbox.get(f"/phone/{self.number}/chat", account=self.account)[
            "messages"
        ]
        return messages

    def received(self) -> list[dict[str, Any]]:
        """What the business sent, oldest first."""
        return [message for message in self.chat() if message["from"] == "business"]

    def last(self) -> dict[str, Any]:
        return self.received()[-1]

    def choose(self, index: int = 0) -> Any:
        """Taps a row or button of the last message."""
        message = self.last()
        options = message.get("rows") or message.get("buttons") or []
        return self.act("tap", wamid=message["wamid"], id=options[index]["id"])

    def order(self, product: str = "course-start") -> Any:
        cards = next(m for m in reversed(self.received()) if m["type"] == "product_list")
        return self.act("order", wamid=cards["wamid"], products=[{"retailer_id": product, "quantity": 1}])

    def pay(self) -> Any:
        link = next(m for m in reversed(self.received()) if m["type"] == "cta_url")
        return self.act("pay", url=link["link"]["url"])

    def wait_for(self, count: int, seconds: float = 30.0) -> dict[str, Any]:
        """The business's `count`-th message. Fails when it does not come in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            messages = self.received()
            if len(messages) >= count:
                return messages[count - 1]
            time.sleep(0.02)
        raise AssertionError(f"only {len(self.received())} messages came, not {count}")
