"""Fixtures of the staff's site."""

from __future__ import annotations

from tests.support.members import club, club_organization  # noqa: F401
