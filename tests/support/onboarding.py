"""An owner in front of the fake Gupshup's signup page, and an onboarding to walk."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass, replace
from typing import Any

import requests

from arriwa.outbox.enqueue import real_now
from arriwa.outbox.models import NO_CONNECTION, OutboxTask
from arriwa.outbox.registry import Claimed
from integrations.gupshup import onboarding
from integrations.gupshup import onboarding_steps as steps
from integrations.gupshup.onboarding import Contact
from integrations.models import NumberOnboarding
from subscribers.playbook.load import default_document
from subscribers.services.playbook import playbook_publish
from tenants.audit import Actor
from tenants.context import in_organization
from tenants.services import workspace_create
from tests.support.sandbox import Sandbox

_numbers = itertools.count(1)


def fresh_number() -> str:
    """A business number that nothing uses."""
    return f"3712{uuid.uuid4().int % 10**5:05}{next(_numbers):02}"


def own_workspace(made: Any) -> Any:
    """A new workspace of the organization that speaks already, so that no other test meets its numbers."""
    workspace = workspace_create(
        organization=made.organization, name="Nord", business_id=f"b{uuid.uuid4().hex[:12]}", language="ru"
    )
    with in_organization(made.organization.schema_name):
        document = default_document() | {"silence_seconds": 0.05, "silence_limit_seconds": 0.2}
        playbook_publish(workspace=workspace, document=document)
    return replace(made, workspace=workspace, connections={})


@dataclass
class Walk:
    """One number's way in one workspace."""

    sandbox: Sandbox
    made: Any
    settle: Any
    identity: uuid.UUID

    @property
    def row(self) -> NumberOnboarding:
        """As it stands."""
        with in_organization(self.made.organization.schema_name):
            return NumberOnboarding.objects.select_related("connection", "workspace").get(id=self.identity)

    def states(self) -> dict[str, str]:
        """step -> state, or state:code where there is one."""
        found = {}
        for step, known in self.row.steps.items():
            if step not in ("mail", "notices"):
                code = known.get("code", "")
                found[step] = f"{known['state']}:{code}" if code else known["state"]
        return found

    def act(self, service: Any, **given: Any) -> Any:
        """An act of the owner's."""
        with in_organization(self.made.organization.schema_name):
            return service(
                workspace=self.made.workspace, identity=self.identity, actor=Actor.system(), **given
            )

    def sign_up(self, number: str, *, outcome: str = "ok", link: str = "", **given: Any) -> requests.Response:
        """Goes through the signup page."""
        form = {
            "business": "7001",
            "name": "Cafe Nord",
            "number": number,
            "otp": "123456",
            "outcome": outcome,
        }
        return requests.post(link or self.row.link, data=form | given, timeout=60)


def begin(sandbox: Sandbox, made: Any, settle: Any, *, way: str = "new", **given: Any) -> Walk:
    """A new onboarding, as the form begins it."""
    walk = Walk(sandbox, made, settle, uuid.uuid4())
    contact = Contact("Ana Ozola", "ana@example.com", "37129990000")
    values = {"way": way, "contact": contact, "region": "DE", **given}
    walk.act(onboarding.onboarding_start, **values)
    return walk


def due_now(kind: str = "gupshup.onboarding") -> None:
    """What was put off is due."""
    OutboxTask.objects.filter(kind=kind).update(available_at=real_now())


def apps_of(sandbox: Sandbox, walk: Walk) -> list[str]:
    """Names of the apps that this onboarding made."""
    start = steps.app_name(walk.made.workspace.name, walk.identity.hex, 0)
    return [name for name in sandbox.get("/_accounts") if name.startswith(start)]


def subscriptions_of(sandbox: Sandbox, walk: Walk) -> list[Any]:
    """The app's subscriptions."""
    rows = sandbox.state("gupshup")["subscriptions"]
    return [row for row in rows if row["appId"] == walk.row.app_id]


def asked_of(sandbox: Sandbox, walk: Walk, path: str, query: str = "") -> list[Any]:
    """Requests about the app to a path, with a query."""
    rows = [row for row in sandbox.received("gupshup") if walk.row.app_id in row["path"]]
    key, _, value = query.partition("=")
    return [row for row in rows if path in row["path"] and (not key or row["query"].get(key) == value)]


def link_end(walk: Walk) -> None:
    """Five days pass, for Gupshup and for us; the sandbox's clock stays, for tokens are older than it."""
    with in_organization(walk.made.organization.schema_name):
        NumberOnboarding.objects.filter(id=walk.identity).update(link_expires_at=real_now())
    walk.sandbox.post("/gupshup/_app", {"app_id": walk.row.app_id, "link_ends": 0})


def claimed(walk: Walk) -> Claimed:
    """A task in hand for the onboarding."""
    schema = walk.made.organization.schema_name
    return Claimed(0, "events", "gupshup.onboarding", schema, walk.identity, NO_CONNECTION, "", "", (), 1)


def token_of(walk: Walk) -> str:
    """The app's token as we keep it."""
    with in_organization(walk.made.organization.schema_name):
        connection = walk.row.connection
        assert connection is not None
        return str(connection.secrets()["token"])
