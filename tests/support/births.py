"""Births for tests, and the people who ask for them."""

from __future__ import annotations

import uuid

from django_tenants.utils import schema_context

from tenants.birth import birth_advance, birth_request
from tenants.birth.steps import schema_name_of
from tenants.models import Birth, User
from tenants.schemas.migrations import schema_state
from tenants.workspaces.models import AuditEntry, Workspace

ONE = {"id": "bm-1", "name": "School"}
TWO = {"id": "bm-2", "name": "Shop", "language": "en", "time_zone": "Asia/Almaty"}


def person(name: str = "Ana Lima") -> User:
    """A new user, as sign-in through Facebook makes one."""
    first, _, last = name.partition(" ")
    user = User(username=f"fb-{uuid.uuid4().hex[:12]}", first_name=first, last_name=last)
    user.set_unusable_password()
    user.save()
    return user


def page_new() -> str:
    """The id of a Page that nobody has chosen yet."""
    return f"page-{uuid.uuid4().hex[:12]}"


def ask(user: User, page: str, *businesses: dict[str, str]) -> Birth:
    """The user asks for the Page's organization, with one business unless others are named."""
    chosen = businesses or (ONE,)
    return birth_request(user=user, page_id=page, page_name="A school", businesses=chosen)


def born(user: User, page: str, *businesses: dict[str, str]) -> Birth:
    """As `ask`, and a worker takes it to its end."""
    return birth_advance(birth=ask(user, page, *businesses))


def workspaces(birth: Birth) -> dict[str, Workspace]:
    """The workspaces in the birth's schema, by their business."""
    with schema_context(schema_name_of(birth)):
        return {workspace.business_id: workspace for workspace in Workspace.objects.all()}


def audit(birth: Birth) -> list[tuple[str, str]]:
    """What the log of the birth's schema tells, in order."""
    with schema_context(schema_name_of(birth)):
        return list(AuditEntry.objects.order_by("at").values_list("action", "subject"))


def exists(birth: Birth) -> bool:
    """Whether its schema is there."""
    return schema_state(schema_name_of(birth)).missing is not None
