"""One stack of real processes for the whole file; a test kills and restarts some of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.kill.leads import MESSAGE_SECONDS, Leads, settle
from tests.kill.stack import Stack
from tests.support.sandbox import Phone


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, django_test_environment: None, django_db_blocker: Any
) -> Iterator[Stack]:
    """Everything that Arriwa consists of, on a database and a sandbox of its own.

    A look-alike lead has gone a step in the second organization.
    """
    made = Stack(tmp_path_factory.mktemp("kill"))
    try:
        with django_db_blocker.unblock():
            made.start()
            twin = Phone(made.sandbox, account="other", number="77010000001")
            twin.tap_ad()
            twin.wait_for(1, MESSAGE_SECONDS)
            settle(made)
        yield made
    finally:
        made.stop()


@pytest.fixture(autouse=True)
def untouched(stack: Stack) -> Iterator[None]:
    """The second organization is as it was, in rows and at platforms, whatever was killed."""
    rows, held = stack.others()
    yield
    rows_now, held_now = stack.others()
    assert rows_now == rows, "the second organization's rows changed"
    assert held_now == held, "the second organization's accounts changed"


@pytest.fixture(scope="module")
def leads(stack: Stack) -> Leads:
    """Leads to be had in front of any step."""
    return Leads(stack)
