"""The *test* button for Flowise: the server, the key, and whether the agentflows are as we made them."""

from __future__ import annotations

from django.utils.translation import gettext as _

from integrations.base.checks import CheckResult, Health, register_check
from integrations.base.errors import Rejected, Unsupported
from integrations.flowise import FLOWISE_VERSION
from integrations.flowise.admin import FlowiseAdmin
from integrations.flowise.config import SHARED
from integrations.flowise.servers import flowise_client, flowise_settings, managed
from integrations.flowise.services import flow_of
from integrations.models import Agentflow, Connection

#: A session that no conversation has: asking for its runs shows that the key works, and runs nothing.
PROBE = "arriwa-test"


def check(connection: Connection) -> CheckResult:
    """Reads runs with the predict key, then version and flows. Raises the errors of both clients."""
    settings = flowise_settings(connection)
    flows = list(connection.agentflows.exclude(external_id=""))
    chosen = settings.for_flow(settings.flow_id or (flows[0].external_id if flows else ""))
    if not chosen.flow_id:
        told = _("Flowise is connected. Install an agentflow, then free text is judged by it.")
        return CheckResult(Health.WARNING, told)
    client = flowise_client(chosen)
    try:
        client.executions(PROBE)
    except Unsupported:
        told = _("The key may not see runs: a run whose answer was lost is then judged by our own rules.")
        return CheckResult(Health.WARNING, told)
    if not connection.config.get("way"):
        return CheckResult(Health.OK, _("Flowise answers and takes the key."))
    with managed(connection) as admin:
        return _managed(admin, connection, flows)


def _managed(admin: FlowiseAdmin, connection: Connection, flows: list[Agentflow]) -> CheckResult:
    version = admin.version()
    facts = {"version": version, "agentflows": len(flows), "way": connection.config["way"]}
    problems = [problem for flow in flows if (problem := _problem(admin, connection, flow))]
    if problems:
        return CheckResult(Health.WARNING, " ".join(problems), facts)
    if connection.config["way"] != SHARED and _number(version) < _number(FLOWISE_VERSION):
        told = _("Flowise %(version)s has known security holes: update it to %(wanted)s or newer.")
        return CheckResult(Health.WARNING, told % {"version": version, "wanted": FLOWISE_VERSION}, facts)
    return CheckResult(Health.OK, _("Flowise answers, and the agentflows are as they were made."), facts)


def _problem(admin: FlowiseAdmin, connection: Connection, row: Agentflow) -> str:
    try:
        flow = admin.chatflow(row.external_id)
    except Rejected as error:
        if error.platform_code != "404":
            raise
        return _("The agentflow “%(name)s” is gone from Flowise: save it once more.") % {"name": row.name}
    if not flow.takes_context:
        told = _("The agentflow “%(name)s” takes no context any more: its node Start was changed.")
        return told % {"name": row.name}
    if row.template and (
        flow.flow != flow_of(connection, row) or flow.api_key_id != connection.config["key_id"]
    ):
        told = _("The agentflow “%(name)s” was changed in Flowise: save it once more to undo that.")
        return told % {"name": row.name}
    return ""


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("-")[0].split(".") if part.isdigit())


register_check("flowise", check)
