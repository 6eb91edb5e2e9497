"""Web as it is run: granian's own process, hooks on its loop and pages in threads."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

from arriwa.common import sealing
from arriwa.ops.demo import Addresses, product_processes
from arriwa.ops.lifetime import tied
from arriwa.outbox.session import connection_parameters, direct_connection
from integrations.receipts.models import Receipt
from tenants.services import hook_route_secrets
from tests import environment
from tests.support.routes import PLATFORMS, proof, route_of

BODY = b'{"anything": true}'
READY_SECONDS = 60.0


class Server:
    """The process `web` of the demo, on the test's database."""

    def __init__(self, log: Path) -> None:
        self.port = environment.free_port()
        database = connection_parameters()
        host, port = database.get("host", ""), database.get("port", "")
        url = f"postgresql://{database['user']}:{database.get('password', '')}@/{database['dbname']}"
        keys = ",".join(f"{n}:{b64encode(key).decode()}" for n, key in settings.MASTER_KEYS.items())
        env = {
            **os.environ,
            "DATABASE_URL": f"{url}?host={quote(host, safe='')}&port={port}",
            "ARRIWA_MASTER_KEY": keys,
            "ARRIWA_SECRET_KEY": "only-for-tests",
        }
        [web, *_] = product_processes(Addresses(self.port, environment.SANDBOX_PORT), env)
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                tied(web.argv), env=web.env, cwd=web.cwd, stdout=output, stderr=output, start_new_session=True
            )
        end = time.monotonic() + READY_SECONDS
        while not (web.ready and web.ready()):
            assert self.process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.05)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> HTTPResponse:
        """A request; the answer with its body read into `.body`."""
        link = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            link.request(
                method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
            )
            answer = link.getresponse()
            answer.body = answer.read()  # type: ignore[attr-defined]
            return answer
        finally:
            link.close()

    def hook(self, route: Any, body: bytes = BODY, **headers: str) -> int:
        """The status of a hook with the route's secret; 0 when no answer came."""
        given = headers or proof(route.platform, body, hook_route_secrets(route)[0])
        try:
            answer = self.ask("POST", path_of(route), body, **given)
        except (OSError, HTTPException):
            return 0
        assert answer.body == b""  # type: ignore[attr-defined]
        return answer.status

    def stop(self, number: int) -> None:
        """Sends the signal to all of its processes and waits until they have ended."""
        os.killpg(self.process.pid, number)
        self.process.wait(30)


def path_of(route: Any) -> str:
    return f"/hooks/{route.platform}/{route.key}/"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("web") / "log"


@pytest.fixture(scope="module")
def server(organizations: Any, log: Path) -> Iterator[Server]:
    made = Server(log)
    yield made
    made.stop(signal.SIGKILL)


def bodies(demo: Any) -> list[bytes]:
    connection.set_schema_to_public()
    return [
        sealing.unseal(row.body_sealed, organization=demo.organization.id, row=row.seal_row)
        for row in Receipt.objects.order_by("id")
    ]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_answer_of_the_table(demo: Any, server: Server, platform: str) -> None:
    route = route_of(demo, platform)
    name = next(iter(proof(platform, BODY, "any")))
    assert server.hook(route) == 200
    assert server.hook(route, **{name: "wrong"}) == 401
    assert server.hook(route, **{name: "t=\xff,v1=\xff"}) == 401
    assert server.hook(route, Content_Type="application/json") == 401
    assert server.ask("POST", f"/hooks/{platform}/nobody/", BODY).status == 404
    assert server.ask("POST", f"/hooks/{platform}/%D0%B6/", BODY).status == 404
    assert server.ask("POST", f"/hooks/{platform}/%ff/", BODY).status == 404
    assert server.ask("GET", path_of(route)).status == 405
    limit = settings.HOOK_BODY_LIMIT
    assert server.hook(route, b" " * limit) == 200
    assert server.hook(route, b" " * (limit + 1)) in (0, 413)
    assert bodies(demo) == [BODY, b" " * limit]


def test_a_hook_of_unknown_length_is_read_up_to_the_limit(demo: Any, server: Server) -> None:
    route = route_of(demo, "gupshup")
    headers = proof("gupshup", BODY, hook_route_secrets(route)[0])
    assert server.ask("POST", path_of(route), iter([BODY[:5], BODY[5:]]), **headers).status == 200
    too_much = (b" " * (1 << 20) for _ in range(5))
    # It may be answered and hung up on before all of it was sent.
    with contextlib.suppress(OSError):
        assert server.ask("POST", path_of(route), too_much, **headers).status == 413
    assert bodies(demo) == [BODY]


def test_pages_work(server: Server) -> None:
    """Short answers, streamed ones, forms, cookies, other scripts in the address."""
    assert server.ask("GET", "/healthz").status == 200
    missing = server.ask("GET", f"/{quote('нет такой')}/", Accept_Language="ru")
    assert missing.status == 404
    assert "Такой страницы нет" in missing.body.decode()  # type: ignore[attr-defined]
    login = server.ask("GET", "/admin/login/?next=/admin/")
    assert login.status == 200
    token = login.getheader("Set-Cookie", "").split(";")[0]
    form = f"csrfmiddlewaretoken={token.partition('=')[2]}&username={quote('я')}&password=x"
    kind = "application/x-www-form-urlencoded"
    host = f"http://127.0.0.1:{server.port}"
    refused = server.ask("POST", "/admin/login/", form, Cookie=token, Content_Type=kind, Origin=host)
    assert refused.status == 200
    assert 'value="я"' in refused.body.decode()  # type: ignore[attr-defined]
    assert server.ask("POST", "/admin/login/", form, Content_Type=kind).status == 403
    assert server.ask("HEAD", "/healthz").body == b""  # type: ignore[attr-defined]
    schema = server.ask("GET", "/api/schema/")
    assert schema.status == 200
    assert b"/api/v1/subscribers/" in schema.body  # type: ignore[attr-defined]
    script = server.ask("GET", "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js")
    assert script.status == 200
    assert len(script.body) == int(script.getheader("Content-Length", "0")) > 1_000_000  # type: ignore[attr-defined]


def test_slow_pages_do_not_hold_hooks_up(demo: Any, server: Server) -> None:
    """All threads of pages wait, some for a sender that sends nothing."""
    route = route_of(demo, "gupshup")
    lazy = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    for one in lazy:
        one.sendall(b"POST /admin/login/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
    connection.set_schema_to_public()
    with (
        ThreadPoolExecutor(20) as threads,
        direct_connection(application_name="arriwa test") as blocker,
        blocker.transaction(),
    ):
        blocker.execute("LOCK TABLE public.tenants_apitoken IN ACCESS EXCLUSIVE MODE")
        token = {"Authorization": "Bearer x"}
        pages = [threads.submit(server.ask, "GET", "/api/v1/subscribers/", **token) for _ in range(20)]
        time.sleep(0.5)
        begin = time.monotonic()
        assert server.hook(route) == 200
        assert time.monotonic() - begin < 2
        assert not any(page.done() for page in pages)
    assert {page.result(30).status for page in pages} == {401}
    for one in lazy:
        one.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_process_has_answered_no_hook_that_is_not_stored(
    demo: Any, organizations: Any, log: Path, number: int
) -> None:
    server, route = Server(log.with_suffix(f".{number}")), route_of(demo, "gupshup")
    told: dict[bytes, int] = {}

    def post(first: int) -> None:
        for n in range(first, first + 100_000):
            body = b'{"n": %d}' % n
            told[body] = server.hook(route, body)
            if told[body] == 0:
                return

    with ThreadPoolExecutor(8) as threads:
        senders = [threads.submit(post, first * 1_000_000) for first in range(8)]
        time.sleep(1)
        server.stop(number)
        for sender in senders:
            sender.result(30)
    answered = {body for body, status in told.items() if status == 200}
    found = bodies(demo)
    assert len(answered) > 50
    assert answered <= set(found)
    assert len(found) == len(set(found))
    assert set(told.values()) <= {200, 0}


def test_hooks_that_wait_are_answered_before_the_process_stops(
    demo: Any, organizations: Any, log: Path
) -> None:
    server, route = Server(log.with_suffix(".wait")), route_of(demo, "gupshup")
    assert server.hook(route) == 200
    with ThreadPoolExecutor(8) as threads:
        with direct_connection(application_name="arriwa test") as blocker, blocker.transaction():
            blocker.execute("LOCK TABLE public.receipts_receipt IN SHARE MODE")
            answers: list[Future[int]] = [threads.submit(server.hook, route) for _ in range(6)]
            time.sleep(0.5)
            os.kill(server.process.pid, signal.SIGTERM)
            time.sleep(0.5)
            assert not any(answer.done() for answer in answers)
        assert [answer.result(30) for answer in answers] == [200] * 6
    assert server.process.wait(30) is not None
    assert len(bodies(demo)) == 7
