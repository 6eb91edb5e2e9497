"""How many statements the hot path may cost; docs/performance.md tells why they count."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from arriwa.outbox.drain import drain
from integrations.base import remembered
from integrations.receipts.intake import drain_receipts
from tests.support.sandbox import Phone, Sandbox

TAP = 24
SEND = 10
FOUR_STATUSES = 7


def _wait(sandbox: Sandbox) -> None:
    end = time.monotonic() + 30
    while sandbox.pending():
        assert time.monotonic() < end, "hooks are still on their way"
        time.sleep(0.01)
    connection.set_schema_to_public()


def _count(work: Callable[[], int]) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert work() > 0
    return len(captured)


def test_a_tap_and_its_reply_stay_within_their_statements(
    demo: Any, phone: Phone, sandbox: Sandbox, settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a slow machine five seconds may end in the middle of what is counted.
    monkeypatch.setattr(remembered, "SECONDS", 120.0)
    # Another lead first: what a process remembers of accounts and audiences is then there.
    for one in (Phone(sandbox), phone):
        one.tap_ad()
        settle()
        one.choose(0)
        _wait(sandbox)
        if one is not phone:
            settle()
    assert _count(lambda: drain_receipts(limit=1)) <= TAP
    assert _count(lambda: drain("interactive")) <= SEND
    _wait(sandbox)
    assert _count(drain_receipts) <= FOUR_STATUSES
