"""A workspace's agentflows: installed from Arriwa's templates or adopted, edited, tried, listed (S1, T1).

The row comes first and names the flow at Flowise, so that a repetition after a crash or a lost answer finds
what was made. Every service calls Flowise: no transaction may be open. All raise Unsupported for a connection
of a single flow, SharedFlowiseClosed, and the errors of `FlowiseAdmin`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid5

from django.conf import settings as django_settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from arriwa.common import clock
from integrations.base.deliveries import connections_forget
from integrations.base.errors import ConfigurationError, Rejected, Unsupported
from integrations.base.locks import platform_lock
from integrations.flowise.admin import AGENTFLOW, Chatflow, FlowiseAdmin
from integrations.flowise.config import OWN, flow_id_checked
from integrations.flowise.connect import flowise_credentials, flowise_workspace_ensure
from integrations.flowise.graphs import (
    API_CONFIG,
    Template,
    flow_data,
    model_checked,
    prompts_checked,
    template_of,
    templates,
)
from integrations.flowise.servers import managed
from integrations.models import Agentflow, Connection
from tenants.audit import Actor, audit_record

__all__ = [
    "RemoteFlow",
    "agentflow_adopt",
    "agentflow_install",
    "agentflow_list",
    "agentflow_remove",
    "agentflow_update",
    "flowise_credentials",
    "flowise_workspace_ensure",
    "templates",
]


#: What the templates' files say to people; pages translate them by their English words.
TEXTS = (
    gettext_noop("Arriwa: answers"),
    gettext_noop("Judges what a lead answers: valid, noise or ambiguous, with the value that was meant."),
    gettext_noop("How answers are judged"),
    gettext_noop("Arriwa: replies"),
    gettext_noop("Answers a lead in a sentence or two, remembering the last ten messages."),
    gettext_noop("How replies are written"),
)
#: What errors of this package say to people as standing texts.
ERRORS = (
    gettext_noop(
        "The shared Flowise does not let Arriwa in: tell support; our own rules judge answers meanwhile."
    ),
    gettext_noop("A prompt must not be empty."),
    gettext_noop("This is no name of a model, such as gpt-4.1-mini."),
    gettext_noop('The Flowise connection\'s "url" must be a plain http or https address: correct it.'),
    gettext_noop("There is no Flowise at this address: correct it."),
    gettext_noop("Flowise refuses the API key: make a new one and reconnect."),
    gettext_noop(
        "The Flowise key lacks a permission: it needs those of agentflows, chatflows, credentials,"
        " API keys and executions."
    ),
    gettext_noop("Flowise has no such agentflow: check flow_id."),
    gettext_noop("The URL leads to an address inside our own network; give a public https address."),
    gettext_noop("Only https addresses may be called."),
    gettext_noop("The number has no agentflow: choose one for it, or install one of ours."),
)


@dataclass(frozen=True, slots=True)
class RemoteFlow:
    """An agentflow at Flowise that the workspace may see; `agentflow` once it is one of ours."""

    id: str
    name: str
    takes_context: bool
    agentflow: Agentflow | None


def agentflow_install(
    *, connection: Connection, template: str, actor: Actor, name: str = "", model: str = ""
) -> Agentflow:
    """Installs a template; again with the same name, it answers the flow that is there.

    `name`: the owner's, by default the template's title; `model`: by default the operator's choice. A flow
    that was deleted at Flowise is made anew. The connection's first flow serves numbers without one.
    """
    plan = template_of(template)
    title = (name.strip() or plan.title)[:120]
    with platform_lock(uuid5(connection.id, "agentflows")), managed(connection) as admin:
        row = _row(connection, plan, title, model_checked(model or django_settings.LLM_MODEL))
        _push(admin, connection, row, plan)
    _recorded("agentflow.installed", row, actor)
    return row


def agentflow_update(
    *,
    agentflow: Agentflow,
    actor: Actor,
    prompts: Mapping[str, str] | None = None,
    model: str | None = None,
) -> Agentflow:
    """Changes prompts and model at Flowise, then here; what is None stays.

    Raises PromptInvalid naming the field, Unsupported for an adopted flow, whose prompts are not ours.
    """
    if not agentflow.template:
        raise Unsupported(_("This agentflow is your own: edit it in your Flowise."))
    plan, connection = template_of(agentflow.template), agentflow.connection
    with platform_lock(uuid5(connection.id, "agentflows")), managed(connection) as admin:
        agentflow.refresh_from_db()
        wanted = {**agentflow.prompts, **(prompts or {})}
        agentflow.prompts = prompts_checked(plan, wanted)
        agentflow.model = model_checked(agentflow.model if model is None else model)
        _push(admin, connection, agentflow, plan)
    _recorded("agentflow.updated", agentflow, actor)
    return agentflow


def agentflow_adopt(*, connection: Connection, external_id: str, actor: Actor) -> Agentflow:
    """Takes a flow of the tenant's own Flowise as it is; again, it answers the same row.

    Raises Unsupported for the shared server, where flows of others are; ConfigurationError saying what to
    change in Flowise: no agentflow, bound to another key, or not letting calls bring their context along.
    """
    if connection.config.get("way") != OWN:
        raise Unsupported(_("Only agentflows of your own Flowise can be adopted: install one of ours."))
    flow_id_checked(external_id)
    with managed(connection) as admin:
        flow = admin.chatflow(external_id)
    _check_adoptable(connection, flow)
    row, made = Agentflow.objects.get_or_create(
        connection=connection,
        external_id=flow.id,
        defaults={"workspace_id": connection.workspace_id, "name": flow.name[:120], "pushed_at": clock.now()},
    )
    _first(connection, row)
    if made:
        _recorded("agentflow.adopted", row, actor)
    return row


def agentflow_list(connection: Connection) -> tuple[RemoteFlow, ...]:
    """The workspace's flows at Flowise; of the tenant's own server all agentflows, by name."""
    ours = {row.external_id: row for row in connection.agentflows.exclude(external_id="")}
    with managed(connection) as admin:
        found = admin.chatflows()
    if connection.config.get("way") != OWN:
        found = tuple(flow for flow in found if flow.category == _category(connection))
    return tuple(
        RemoteFlow(flow.id, flow.name, flow.takes_context, ours.get(flow.id))
        for flow in sorted(found, key=lambda flow: flow.name)
        if flow.type in ("", AGENTFLOW)
    )


def agentflow_remove(*, agentflow: Agentflow, actor: Actor) -> None:
    """Removes a flow here, and at Flowise when it is ours; numbers that used it fall back to the default."""
    connection = agentflow.connection
    with platform_lock(uuid5(connection.id, "agentflows")), managed(connection) as admin:
        if agentflow.template and agentflow.external_id:
            try:
                admin.chatflow_delete(agentflow.external_id)
            except Rejected as error:
                if error.platform_code != "404":
                    raise
    with transaction.atomic():
        row = Connection.objects.select_for_update().get(id=connection.id)
        if row.config.get("flow_id") == agentflow.external_id:
            row.config = {key: value for key, value in row.config.items() if key != "flow_id"}
            row.save(update_fields=["config"])
        _recorded("agentflow.removed", agentflow, actor)
        agentflow.delete()
        transaction.on_commit(connections_forget)


def flow_of(connection: Connection, row: Agentflow) -> dict[str, Any]:
    """What Flowise should hold for a flow of ours."""
    return flow_data(
        template_of(row.template),
        row.prompts,
        row.model,
        str(connection.config.get("credential_id") or ""),
        str(connection.config.get("llm_url") or ""),
    )


def _row(connection: Connection, plan: Template, title: str, model: str) -> Agentflow:
    known = connection.agentflows.filter(template=plan.key, name=title).order_by("created_at").first()
    return known or Agentflow.objects.create(
        workspace_id=connection.workspace_id,
        connection=connection,
        name=title,
        template=plan.key,
        prompts=plan.texts(),
        model=model,
    )


def _push(admin: FlowiseAdmin, connection: Connection, row: Agentflow, plan: Template) -> None:
    """Makes Flowise hold our version, and notes it."""
    wanted: dict[str, Any] = {
        "flow": flow_of(connection, row),
        "api_config": API_CONFIG,
        "api_key_id": str(connection.config.get("key_id") or ""),
    }
    flow = _updated(admin, row, wanted) or _made(admin, connection, row, plan, wanted)
    row.external_id, row.pushed_at = flow.id, clock.now()
    row.save(update_fields=["external_id", "prompts", "model", "pushed_at"])
    _first(connection, row)


def _updated(admin: FlowiseAdmin, row: Agentflow, wanted: dict[str, Any]) -> Chatflow | None:
    """None when Flowise does not have it, or no longer."""
    if not row.external_id:
        return None
    try:
        return admin.chatflow_update(row.external_id, **wanted)
    except Rejected as error:
        if error.platform_code == "404":
            return None
        raise


def _made(
    admin: FlowiseAdmin, connection: Connection, row: Agentflow, plan: Template, wanted: dict[str, Any]
) -> Chatflow:
    """Found by its name, which holds our id: an earlier attempt's answer may have been lost."""
    name, category = f"{plan.title} · {row.id.hex[:12]}", _category(connection)
    known = next((f for f in admin.chatflows() if f.name == name and f.category == category), None)
    if known is not None:
        return admin.chatflow_update(known.id, **wanted)
    return admin.chatflow_create(name=name, category=category, **wanted)


def _category(connection: Connection) -> str:
    return f"arriwa-{connection.workspace_id}"


@transaction.atomic
def _first(connection: Connection, row: Agentflow) -> None:
    kept = Connection.objects.select_for_update().get(id=connection.id)
    # Also when the flow that was the first is gone, or was made anew under another id.
    if not connection.agentflows.filter(external_id=kept.config.get("flow_id") or "-").exists():
        kept.config = {**kept.config, "flow_id": row.external_id}
        kept.save(update_fields=["config"])
    connection.config = kept.config
    transaction.on_commit(connections_forget)


def _check_adoptable(connection: Connection, flow: Chatflow) -> None:
    if flow.type != AGENTFLOW:
        raise ConfigurationError(_("This is no agentflow (V2): choose another."), field="external_id")
    if flow.api_key_id not in ("", str(connection.config.get("key_id") or "")):
        raise ConfigurationError(
            _("The agentflow is bound to another API key: bind it to %(key)s.")
            % {"key": f"arriwa-{connection.workspace_id}"},
            field="external_id",
        )
    if not flow.takes_context:
        raise ConfigurationError(
            _("The agentflow takes no context from us: allow overriding the Flow State of its node Start."),
            field="external_id",
        )


def _recorded(action: str, row: Agentflow, actor: Actor) -> None:
    audit_record(
        actor=actor,
        action=action,
        subject=row.name,
        workspace=row.workspace,
        details={"template": row.template, "model": row.model},
    )
