"""The *test* button: one real, harmless call per connection, told in words (T2).

Every platform registers a check in its `checks` module. A check makes calls and writes nothing;
`connection_check` runs it outside any transaction and keeps what it found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from arriwa.common import clock
from arriwa.common.errors import ArriwaError, Disposition
from arriwa.common.redaction import redact, redact_text
from arriwa.outbox.enqueue import real_now
from integrations.base.connect import connection_resume
from integrations.base.effects import connection_pause
from integrations.base.errors import ConfigurationError, Unsupported
from integrations.models import Connection
from tenants.audit import Actor, audit_record

Health = Connection.Health


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found: `text` in words for the owner, `facts` for the details (ids; no secrets)."""

    health: str
    text: str
    facts: dict[str, Any] = field(default_factory=dict)
    #: The credential itself is refused: everything of the connection has to wait for a person.
    refused: ArriwaError | None = None

    @property
    def works(self) -> bool:
        """Whether effects may be sent."""
        return self.health in (Health.OK, Health.WARNING)


Check = Callable[[Connection], CheckResult]
_checks: dict[str, Check] = {}


def register_check(platform: str, check: Check) -> None:
    """Makes `check` the test of the platform's connections. It may raise ArriwaError and writes nothing."""
    _checks[platform] = check


def connection_check(connection: Connection, actor: Actor) -> CheckResult:
    """Tests a connection now and keeps the result on its row.

    Call it outside a transaction: it calls the platform. A refused credential pauses the connection;
    a connection that Arriwa had paused and that works again works on, one that a person paused stays.
    """
    result = _run(connection)
    _keep(connection, result, actor)
    return result


def _run(connection: Connection) -> CheckResult:
    check = _checks.get(connection.platform)
    if check is None:
        return CheckResult(Health.UNKNOWN, _("There is no test for this platform yet."))
    try:
        return check(connection)
    except ArriwaError as error:
        return result_of(error)


def result_of(error: ArriwaError) -> CheckResult:
    """What an error means for the owner, by its disposition."""
    text = redact_text(error.message)
    facts = {"code": error.code}
    if isinstance(error, ConfigurationError):
        return CheckResult(Health.BROKEN, _("Something is missing: %(text)s") % {"text": text}, facts)
    if isinstance(error, Unsupported):
        return CheckResult(Health.BROKEN, _("This is not supported: %(text)s") % {"text": text}, facts)
    if error.disposition is Disposition.PAUSE_CONNECTION:
        told = _("The access is refused: %(text)s") % {"text": text}
        return CheckResult(Health.BROKEN, told, facts, refused=error)
    if error.disposition is Disposition.WAIT:
        told = _("The platform asks us to wait; nothing has to be done: %(text)s") % {"text": text}
        return CheckResult(Health.WARNING, told, facts)
    if error.disposition is Disposition.RETRY:
        told = _("The platform did not serve us now; test again in a minute: %(text)s") % {"text": text}
        return CheckResult(Health.BROKEN, told, facts)
    if error.disposition is Disposition.RESOLVE:
        told = _("The platform's answer did not come or cannot be read: %(text)s") % {"text": text}
        return CheckResult(Health.BROKEN, told, facts)
    return CheckResult(Health.BROKEN, _("The platform refuses: %(text)s") % {"text": text}, facts)


@transaction.atomic
def _keep(connection: Connection, result: CheckResult, actor: Actor) -> None:
    connection.health = result.health
    connection.health_text = redact_text(result.text)[:400]
    connection.checked_at = real_now()
    fields = ["health", "health_text", "checked_at"]
    if result.works:
        connection.last_success_at = clock.now()
        fields.append("last_success_at")
    connection.save(update_fields=fields)
    if result.refused is not None:
        connection_pause(connection, result.refused)
    row = Connection.objects.values("state", "paused_by").get(id=connection.id)
    if result.works and row["state"] == Connection.State.PAUSED and row["paused_by"] is None:
        connection_resume(connection=connection, actor=actor)
    if actor.id is not None:
        audit_record(
            actor=actor,
            action="connection.checked",
            subject=f"{connection.platform} {connection.name or connection.account}",
            workspace=connection.workspace,
            details={"health": result.health, "facts": redact(result.facts)},
        )


def connections_check(actor: Actor) -> list[tuple[Connection, CheckResult]]:
    """Tests all connections of the organization whose schema we are in, in each workspace's language."""
    found = []
    connections = Connection.objects.filter(removed_at=None).select_related("workspace")
    for connection in connections.order_by("platform", "account"):
        with translation.override(connection.workspace.language):
            found.append((connection, connection_check(connection, actor)))
    return found
