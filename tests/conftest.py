"""Shared fixtures: a real database, a real sandbox, two organizations (design 7).

Tests that need them ask for `demo`; each uses a phone of its own, commits for real and cleans nothing
up. The second organization holds look-alike data and is compared after every such test.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import translation

from tests import environment
from tests.support.database import PAGES, copied, drop_template, entered
from tests.support.sandbox import ROOT, Phone, Sandbox


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Each test begins in the first language, whatever page the one before it has read."""
    with translation.override(settings.LANGUAGE_CODE):
        yield


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The platforms, one process per test process."""
    process = Sandbox(environment.SANDBOX_PORT)
    yield process
    process.stop()


@pytest.fixture(scope="session")
def database(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    """The migrated test database, open for the whole session: these tests commit.

    Made here, because pytest-django makes one only for tests that carry its mark.
    """
    from arriwa.outbox.drain import thread_session

    name = f"test_arriwa_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    with django_db_blocker.unblock(), copied(name), entered(name):
        yield
        thread_session().close()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The process that began the run ends it; the others have gone."""
    if not hasattr(session.config, "workerinput") and "DATABASE_URL" in os.environ:
        drop_template()


@pytest.fixture(scope="session")
def hooks(database: None) -> Iterator[str]:
    """The hook receiver over HTTP; yields its base URL."""
    from arriwa.outbox import wakeup
    from integrations.receipts.receiver import Receiver
    from tests.support.receiver import behind, serve

    wakeup.listen_here(lambda topic: None)
    receiver = Receiver(behind)
    server = serve(receiver, environment.HOOK_PORT)
    yield environment.HOOK_URL
    server.shutdown()
    server.server_close()
    receiver.close()


@dataclass(frozen=True)
class Organizations:
    """What `provision` made for each account of accounts.json."""

    demo: Any
    other: Any


@pytest.fixture(scope="session")
def organizations(database: None, hooks: str, sandbox: Sandbox) -> Organizations:
    """Two organizations with look-alike accounts, and a look-alike lead in the second."""
    from arriwa.provision import provision
    from tests.support.settle import settle

    accounts = json.loads((ROOT / "sandbox" / "accounts.json").read_text())
    for account in accounts.values():
        sandbox.post("/gupshup/_settings", {"app_id": account["gupshup"]["app_id"], "delay": 0.005})
    sandbox.post("/kommo/_settings", {"lag": 0.2, "rate": 1000})
    quick = {"silence_seconds": 0.05, "silence_limit_seconds": 0.2}
    made = {
        name: provision(name=name, page_id=page, accounts=accounts[name], playbook=quick)
        for name, page in PAGES.items()
    }
    Phone(sandbox, account="other", number="77010000001").tap_ad()
    settle(sandbox)
    return Organizations(demo=made["demo"], other=made["other"])


@pytest.fixture
def demo(organizations: Organizations, sandbox: Sandbox) -> Iterator[Any]:
    """The first organization; at the end the second one must be as it was, in rows and at platforms."""
    from arriwa.common import clock
    from arriwa.outbox.models import OutboxTask, RateLimit, Timer
    from integrations.receipts.models import Receipt
    from tests.support.isolation import fingerprint, holdings

    def rows_of(schema: str) -> str:
        with connection.cursor() as cursor:
            return fingerprint(cursor, schema)

    schema = organizations.other.organization.schema_name
    sandbox.clear_faults()
    before, held_before = rows_of(schema), holdings(sandbox, "other")
    yield organizations.demo
    sandbox.clear_faults()
    clock.set_offset(timedelta(0))
    connection.set_schema_to_public()
    for model in (OutboxTask, Timer, Receipt, RateLimit):
        model.objects.all().delete()
    assert rows_of(schema) == before, "the second organization's rows changed"
    assert holdings(sandbox, "other") == held_before, "the second organization's accounts changed"


@pytest.fixture
def phone(demo: Any, sandbox: Sandbox) -> Phone:
    """A new person's phone."""
    return Phone(sandbox)


@pytest.fixture
def settle(sandbox: Sandbox) -> Callable[..., None]:
    """Works everything off in this process."""
    from functools import partial

    from tests.support import settle as settling

    return partial(settling.settle, sandbox)
