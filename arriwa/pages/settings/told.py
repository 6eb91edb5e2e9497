"""What services refuse is told on the page that follows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.http import HttpRequest

from tenants.errors import TenancyError


@contextmanager
def told(request: HttpRequest) -> Iterator[None]:
    """Turns a TenancyError of the block into a message; the block ends there."""
    try:
        yield
    except TenancyError as error:
        messages.error(request, error.message)
