"""One stack of real processes for the whole file; a test kills and restarts some of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.kill.leads import Leads
from tests.kill.stack import Stack


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, django_test_environment: None, django_db_blocker: Any
) -> Iterator[Stack]:
    """Everything that Arriwa consists of, on a database and a sandbox of its own."""
    made = Stack(tmp_path_factory.mktemp("kill"))
    try:
        with django_db_blocker.unblock():
            made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def leads(stack: Stack) -> Leads:
    """Leads to be had in front of any step."""
    return Leads(stack)
