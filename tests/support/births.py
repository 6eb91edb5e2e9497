"""People who sign in, for tests of births."""

from __future__ import annotations

import uuid

from tenants.models import User


def person(name: str = "Ana Lima") -> User:
    """A new user, as sign-in through Facebook makes one."""
    first, _, last = name.partition(" ")
    user = User(username=f"fb-{uuid.uuid4().hex[:12]}", first_name=first, last_name=last)
    user.set_unusable_password()
    user.save()
    return user
