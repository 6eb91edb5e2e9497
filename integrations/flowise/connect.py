"""Connecting a workspace to Flowise: the operator's shared server, or one of its own (S1, T1).

Open-source Flowise has one organization, one workspace and no row security (reference 3), so Arriwa keeps
tenants apart: every workspace has a credential, a predict key and agentflows of its own, the flows bound to
the key. The server's management key and canvas never reach a tenant.
"""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import uuid5

from django.conf import settings as django_settings
from django.db import transaction
from django.utils.translation import gettext as _

from arriwa.common.redaction import redact_text
from integrations.base.connect import connection_save
from integrations.base.errors import ConfigurationError, Rejected
from integrations.base.locks import platform_lock
from integrations.base.withdrawal import register_withdrawal
from integrations.flowise.admin import ApiKey, FlowiseAdmin
from integrations.flowise.config import OWN, SHARED, address_checked
from integrations.flowise.servers import ADMIN_KEY, admin_client, managed, operators_key, way_checked
from integrations.models import Connection
from tenants.audit import Actor, audit_record
from tenants.workspaces.models import Workspace

PLATFORM = "flowise"
#: What the predict key may: running needs no permission, and an empty list is refused.
PREDICT_PERMISSIONS = ("executions:view",)
CREDENTIAL_KIND = "openAIApi"


def flowise_workspace_ensure(
    *,
    workspace: Workspace,
    way: str,
    actor: Actor,
    url: str = "",
    key: str = "",
    credential_id: str = "",
    llm_url: str = "",
    name: str = "",
) -> Connection:
    """The workspace's connection to Flowise, made or renewed; repeated, nothing is made twice.

    `way`: "shared" (the operator's server) or "own": then `url` and `key` are the tenant's server and a key
    that may manage its agentflows, API keys and executions; `credential_id`: the model's credential there
    (see `flowise_credentials`), `llm_url`: the base of an OpenAI-compatible server, "" for OpenAI. A key left
    out is the one that was given before. Calls Flowise, so no transaction may be open. Raises Unsupported for
    other ways, ConfigurationError, ForbiddenAddress for an address inside our network, SharedFlowiseClosed,
    and the errors of `FlowiseAdmin`.
    """
    way_checked(way)
    address = address_checked(url) if way == OWN else ""
    if way == OWN and not key.strip():
        key = _kept_key(workspace, address)
    admin = admin_client(way, address, key.strip())
    with platform_lock(uuid5(workspace.id, "flowise")), operators_key(way):
        admin.version()
        predict = _predict_key(admin, workspace)
        credential = _credential(admin, workspace) if way == SHARED else credential_id
    config = {"way": way, "key_id": predict.id, "credential_id": credential, "llm_url": llm_url}
    secrets = {"key": predict.key}
    if way == OWN:
        config |= {"url": address}
        secrets |= {ADMIN_KEY: key.strip()}
    else:
        config |= {"llm_url": django_settings.LLM_URL}
    return _save(workspace, _account(way, address), config, secrets, actor, name)


def flowise_credentials(connection: Connection) -> tuple[tuple[str, str], ...]:
    """(id, name) of the model credentials at the tenant's own server; none of the shared one's."""
    if connection.config.get("way") != OWN:
        return ()
    with managed(connection) as admin:
        return tuple((one.id, one.name) for one in admin.credentials(CREDENTIAL_KIND))


def flowise_withdraw(connection: Connection) -> None:
    """Removes our agentflows, the predict key and, at the shared server, the model's credential.

    Adopted flows are the tenant's own and stay. Raises the errors of `FlowiseAdmin`.
    """
    if connection.config.get("way") not in (SHARED, OWN):
        return
    made = connection.agentflows.exclude(template="").exclude(external_id="")
    name = f"arriwa-{connection.workspace_id}"
    with platform_lock(uuid5(connection.workspace_id, "flowise")), managed(connection) as admin:
        there = {flow.id for flow in admin.chatflows()}
        for flow_id in made.values_list("external_id", flat=True):
            if flow_id in there:
                admin.chatflow_delete(flow_id)
        for key in admin.api_keys():
            if key.name == name:
                admin.api_key_delete(key.id)
        if connection.config["way"] == SHARED:
            for credential in admin.credentials(CREDENTIAL_KIND):
                if credential.name == name:
                    admin.credential_delete(credential.id)
    made.update(external_id="")


def _account(way: str, address: str) -> str:
    if way == SHARED:
        return SHARED
    parts = urlsplit(address)
    return f"{parts.netloc}{parts.path}"[:120]


def _kept_key(workspace: Workspace, address: str) -> str:
    known = Connection.objects.filter(
        workspace=workspace, platform=PLATFORM, account=_account(OWN, address)
    ).first()
    kept = str(known.secrets().get(ADMIN_KEY) or "") if known else ""
    if not kept:
        raise ConfigurationError(_("Your own Flowise needs an API key: make one there."), field="key")
    return kept


def _predict_key(admin: FlowiseAdmin, workspace: Workspace) -> ApiKey:
    """The workspace's key, found by its name: Flowise lists keys in clear."""
    name = f"arriwa-{workspace.id}"
    found = next((one for one in admin.api_keys() if one.name == name), None)
    return found or admin.api_key_create(name, PREDICT_PERMISSIONS)


def _credential(admin: FlowiseAdmin, workspace: Workspace) -> str:
    """Id of the workspace's credential at the shared server; "" when its models need none."""
    if not django_settings.LLM_KEY:
        return ""
    name, secret = f"arriwa-{workspace.id}", {"openAIApiKey": django_settings.LLM_KEY}
    found = next((one for one in admin.credentials(CREDENTIAL_KIND) if one.name == name), None)
    if found is None:
        return admin.credential_create(name, CREDENTIAL_KIND, secret).id
    try:
        admin.credential_update(found, secret)
    except Rejected as error:
        raise ConfigurationError(
            _("Flowise refuses to change the model's credential: %(text)s")
            % {"text": redact_text(error.message)}
        ) from error
    return found.id


@transaction.atomic
def _save(
    workspace: Workspace,
    account: str,
    config: dict[str, str],
    secrets: dict[str, str],
    actor: Actor,
    name: str,
) -> Connection:
    known = Connection.objects.filter(workspace=workspace, platform=PLATFORM, account=account).exists()
    connection = connection_save(
        workspace=workspace, platform=PLATFORM, account=account, config=config, secrets=secrets
    )
    connection.name = name or connection.name
    connection.save(update_fields=["name"])
    audit_record(
        actor=actor,
        action="connection.reconnected" if known else "connection.connected",
        subject=f"{PLATFORM} {account}",
        workspace=workspace,
        details={"way": config["way"]},
    )
    return connection


def flowise_connect(*, workspace: Workspace, url: str, flow_id: str, key: str) -> Connection:
    """Stores one given agentflow and the key that is bound to it; its prompts are not ours to edit."""
    return connection_save(
        workspace=workspace,
        platform=PLATFORM,
        account=flow_id,
        config={"url": url, "flow_id": flow_id} if url else {"flow_id": flow_id},
        secrets={"key": key},
    )


register_withdrawal(PLATFORM, flowise_withdraw)
