"""Connecting a Kommo account: by a long-lived token, or by signing in there (T2)."""

from __future__ import annotations

import hmac
import secrets as random
from collections.abc import Mapping, MutableMapping
from datetime import datetime
from typing import Any

from django.conf import settings as django_settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from arriwa.common.errors import ArriwaError
from arriwa.outbox.enqueue import real_now
from integrations.base.connect import connection_save
from integrations.base.errors import ConfigurationError
from integrations.base.urls import platform_url
from integrations.kommo.client import Account
from integrations.kommo.config import LONG_LIVED, OAUTH, KommoSettings, host_allowed, subdomain_of
from integrations.kommo.mapping import kommo_map, main_pipeline, stages_matched
from integrations.kommo.oauth import TokenClient, authorize_url, token_expiry
from integrations.kommo.tokens import MARK, integration, kommo_client
from integrations.models import Connection
from subscribers.playbook.document import Playbook
from tenants.audit import Actor, audit_record
from tenants.context import current_organization_id
from tenants.workspaces.models import Workspace

#: What errors of this package say to people as standing texts; pages translate them by their English words.
TEXTS = (
    gettext_noop("This answer from Kommo belongs to no sign-in of this browser: start connecting once more."),
    gettext_noop("Kommo was not allowed to let us in: start connecting once more and allow it there."),
    gettext_noop("Signing in at Kommo is not set up here: use a long-lived token."),
    gettext_noop("Kommo does not take this sign-in any more: start connecting once more."),
    gettext_noop("Kommo no longer renews the access: connect the account once more."),
    gettext_noop("A renewal of the access was cut short and its answer is lost: connect Kommo once more."),
    gettext_noop("Kommo's answers to renewals were lost twice: connect the account once more."),
    gettext_noop('The Kommo connection\'s "subdomain" is only the first part of the address: correct it.'),
    gettext_noop("This is no host of Kommo: connect the account again."),
    gettext_noop("Kommo no longer accepts the token: make a new one and reconnect."),
    gettext_noop("The Kommo account is not paid: pay it, then resume."),
    gettext_noop("The token's owner lacks the right to do this: let an administrator make the token."),
    gettext_noop("Kommo blocked the account for too many requests."),
    gettext_noop("Kommo has no such object or account: check the ids and the subdomain."),
)
#: Under this key the session keeps what was sent to Kommo, so that only its own answer is taken.
SESSION_KEY = "kommo_oauth"
#: Seconds for an owner to come back; Kommo's code lives as long.
STATE_SECONDS = 1200


class SigninBroken(ArriwaError):
    """This answer from Kommo belongs to no sign-in of this browser: start connecting once more."""


class SigninDeclined(ArriwaError):
    """Kommo was not allowed to let us in: start connecting once more and allow it there."""


def kommo_connect_token(
    *, workspace: Workspace, subdomain: str, token: str, actor: Actor, name: str = ""
) -> Connection:
    """Connects an account by a long-lived token; again for the same account, it puts the new token in.

    `subdomain`: also the whole address. Calls Kommo, so no transaction may be open. Raises
    ConfigurationError when the token opens another account, and the errors of `KommoClient`.
    """
    settings = KommoSettings.from_connection({"subdomain": subdomain}, {"token": token})
    account = kommo_client(settings, None).account()
    if account.subdomain and account.subdomain != settings.subdomain:
        raise ConfigurationError(
            _("This token opens the account %(found)s, not %(wanted)s.")
            % {"found": account.subdomain, "wanted": settings.subdomain},
            field="token",
        )
    return _save(
        workspace=workspace,
        account=account,
        config={"subdomain": settings.subdomain, "auth": LONG_LIVED, "host": ""},
        secrets={"token": settings.token},
        expires_at=token_expiry(settings.token),
        actor=actor,
        name=name,
    )


def kommo_oauth_start(*, workspace: Workspace, session: MutableMapping[str, Any]) -> str:
    """The address to which the owner's browser is sent; the answer is bound to this session and workspace.

    Raises ConfigurationError when the operator has no integration at Kommo.
    """
    ours = integration()
    state = random.token_urlsafe(24)
    session[SESSION_KEY] = {
        "state": state,
        "organization": str(current_organization_id()),
        "workspace": str(workspace.id),
        "at": int(real_now().timestamp()),
    }
    return authorize_url(django_settings.KOMMO_AUTH_URL, client_id=ours.client_id, state=state)


def kommo_oauth_finish(
    *, session: MutableMapping[str, Any], params: Mapping[str, str], actor: Actor, name: str = ""
) -> Connection:
    """Takes Kommo's callback: its code becomes a pair of tokens, the account a connection.

    `params`: the callback's query: code, referer, state, or error. A state counts once. Calls Kommo, so no
    transaction may be open. Raises SigninBroken, SigninDeclined, ConfigurationError for a host that is
    not Kommo's, Rejected for a used or old code, and the errors of `KommoClient`.
    """
    workspace = _started(session.pop(SESSION_KEY, None), params.get("state", ""))
    if params.get("error"):
        raise SigninDeclined()
    host, code = params.get("referer", ""), params.get("code", "")
    if not host_allowed(host):
        # Our secret goes to that host: it must be Kommo's, whatever the browser says.
        raise ConfigurationError(
            _("This answer does not come from Kommo: start connecting once more."), field="referer"
        )
    if not code:
        raise SigninBroken()
    subdomain = subdomain_of(host)
    tokens = TokenClient(
        base_url=platform_url("kommo", subdomain="{subdomain}"),
        subdomain=subdomain,
        host=host,
        integration=integration(),
    )
    pair = tokens.exchange(code, now=real_now())
    config = {"subdomain": subdomain, "auth": OAUTH, "host": host}
    settings = KommoSettings.from_connection(config, pair.secrets())
    return _save(
        workspace=workspace,
        account=kommo_client(settings, None).account(),
        config=config,
        secrets=pair.secrets(),
        expires_at=pair.expires_at,
        actor=actor,
        name=name,
    )


def _started(kept: Any, state: str) -> Workspace:
    if not isinstance(kept, dict) or not hmac.compare_digest(
        str(kept.get("state")).encode(), state.encode("utf-8", "surrogatepass")
    ):
        raise SigninBroken()
    if real_now().timestamp() - int(kept["at"]) > STATE_SECONDS:
        raise SigninBroken(_("Signing in at Kommo took too long: start connecting once more."))
    if kept["organization"] != str(current_organization_id()):
        raise SigninBroken(
            _("Another organization was chosen meanwhile: go back to it and connect once more.")
        )
    workspace = Workspace.objects.filter(id=kept["workspace"]).first()
    if workspace is None:
        raise SigninBroken()
    return workspace


@transaction.atomic
def _save(
    *,
    workspace: Workspace,
    account: Account,
    config: dict[str, Any],
    secrets: dict[str, Any],
    expires_at: datetime | None,
    actor: Actor,
    name: str,
) -> Connection:
    known = (
        Connection.objects.select_for_update()
        .filter(workspace=workspace, platform="kommo", account=config["subdomain"])
        .first()
    )
    before = known.config.get("account_id") if known else None
    if before and int(before) != account.id:
        raise ConfigurationError(
            _("Under this address there is another account now: remove the old connection first."),
            field="subdomain",
        )
    connection = connection_save(
        workspace=workspace,
        platform="kommo",
        account=config["subdomain"],
        config={**config, "account_id": account.id, "currency": account.currency},
        secrets=secrets,
    )
    connection.config.pop(MARK, None)
    connection.name = name or connection.name or account.name[:120]
    connection.expires_at = expires_at
    connection.granted_by = actor.id if config["auth"] == OAUTH else None
    connection.save(update_fields=["config", "name", "expires_at", "granted_by"])
    audit_record(
        actor=actor,
        action="connection.reconnected" if known else "connection.connected",
        subject=f"kommo {connection.account}",
        workspace=workspace,
        details={"auth": config["auth"], "account_id": account.id},
    )
    return connection


def kommo_connect(
    *, workspace: Workspace, subdomain: str, account_id: int, token: str, playbook: Playbook
) -> Connection:
    """Connects and maps in one go: the main pipeline, the playbook's stages, its fields made when missing.

    Raises ConfigurationError naming stages that the account lacks, and the errors of `KommoClient`.
    """
    connection = kommo_connect_token(
        workspace=workspace, subdomain=subdomain, token=token, actor=Actor.system()
    )
    if int(connection.config["account_id"]) != account_id:
        raise ConfigurationError(f"This token opens another account than {account_id}.", field="account_id")
    pipeline = main_pipeline(connection)
    matched = stages_matched(pipeline, playbook.stages)
    missing = [playbook.stages[key] for key, stage in matched.items() if stage is None]
    if missing:
        raise ConfigurationError(
            f"The Kommo pipeline lacks the stages {', '.join(missing)}: make them.", field="stages"
        )
    kommo_map(
        connection=connection,
        pipeline_id=pipeline.id,
        stages={key: stage for key, stage in matched.items() if stage is not None},
        create_missing=True,
        actor=Actor.system(),
        playbook=playbook,
    )
    return connection
