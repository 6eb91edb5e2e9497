"""A browser before the demo page, with the product running behind it in this process."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from tests import environment
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


@pytest.fixture
def product(demo: Any, sandbox: Sandbox) -> Iterator[None]:
    """The API over HTTP for the page's ledger, and the relay's and workers' loops in a thread."""
    from django.core.wsgi import get_wsgi_application

    from tenants.services import api_token_create
    from tests.support.receiver import serve
    from tests.support.settle import work_once

    token = api_token_create(organization=demo.organization, name="page")
    port = environment.free_port()
    server = serve(get_wsgi_application(), port)
    sandbox.post("/_product", {"url": f"http://127.0.0.1:{port}", "token": token})
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            if not work_once():
                time.sleep(0.02)
        connection.close()

    worker = threading.Thread(target=work, name="worker")
    worker.start()
    yield
    stop.set()
    worker.join()
    server.shutdown()
    server.server_close()
