"""A browser before the product's and the sandbox's pages, with the product running in this process."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from tests import environment
from tests.browser.owner import Owner
from tests.support.facebook import make_person
from tests.support.sandbox import Sandbox

#: Without these, Chromium calls home at every start.
SILENT = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium: the system's, else a loud skip."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("NO CHROMIUM: the pages were not looked at. Install the package chromium.")
    from playwright.sync_api import sync_playwright

    # Playwright's sync API keeps an event loop in this thread; nothing here is async.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=SILENT)
        yield chromium
        chromium.close()


@contextmanager
def working() -> Iterator[None]:
    """The loops of relay, workers and beat in a thread, for the block."""
    from tenants.birth import births_advance
    from tests.support.settle import work_once

    stop = threading.Event()

    def work() -> None:
        try:
            while not stop.is_set():
                # Under pytest a thread's error is told at the end, not here: the loop goes on.
                if not births_advance() + work_once():
                    time.sleep(0.05)
        finally:
            connection.close()

    worker = threading.Thread(target=work, name="worker")
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()


@pytest.fixture
def product(demo: Any, sandbox: Sandbox) -> Iterator[None]:
    """The API over HTTP for the sandbox page's ledger, and the loops."""
    from django.core.wsgi import get_wsgi_application

    from tenants.services import api_token_create
    from tests.support.receiver import serve

    token = api_token_create(organization=demo.organization, name="page")
    port = environment.free_port()
    server = serve(get_wsgi_application(), port)
    sandbox.post("/_product", {"url": f"http://127.0.0.1:{port}", "token": token})
    with working():
        yield
    server.shutdown()
    server.server_close()


@pytest.fixture
def origin(demo: Any) -> Iterator[str]:
    """The whole product on one origin, as granian serves it, and the loops; its URL."""
    from django.core.wsgi import get_wsgi_application

    from tests.support.receiver import behind, nothing_else

    behind.application = get_wsgi_application()
    with working():
        yield environment.HOOK_URL
    behind.application = nothing_else


@pytest.fixture
def owner_of(browser: Any, origin: str, sandbox: Sandbox) -> Iterator[Any]:
    """Makes somebody new at Facebook, in front of a browser of his own; see make_person for `given`."""
    sandbox.post("/gupshup/_partner", {"limits": False, "live_delay": 0.01, "review_delay": 0.01})
    made: list[Owner] = []

    def make(**given: Any) -> Owner:
        made.append(Owner(browser, origin, sandbox, make_person(sandbox.url, **given)))
        return made[-1]

    yield make
    for owner in made:
        owner.close()
