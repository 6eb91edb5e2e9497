"""Tokens that end: kept sealed, renewed before their end, and anew once Gupshup refuses one.

Ours (all organizations) is a PartnerToken; an app's is in its Connection, so that the send path reads it
like any other secret. One task renews at a time: its batch key is exclusive, and a claim is a lock that
dies with its session. No transaction is open during the calls.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from arriwa.common import sealing
from arriwa.common.errors import ArriwaError, Disposition
from arriwa.common.redaction import redact_text
from arriwa.outbox.enqueue import real_now, task_enqueue
from arriwa.outbox.finish import backoff, connection_resume
from arriwa.outbox.registry import Attempt, Claimed, Outcome, Verdict
from integrations.base.errors import ConfigurationError, CredentialRefused, Throttled
from integrations.base.urls import platform_url
from integrations.gupshup import PLATFORM
from integrations.gupshup.kinds import TOKEN
from integrations.gupshup.minting import app_token_get, partner_token_get
from integrations.gupshup.partner_client import Minted, PartnerClient, PartnerCredentials
from integrations.models import Connection
from tenants.models import PartnerToken
from tenants.models.partners import PARTNER

logger = logging.getLogger(__name__)

#: A token is renewed so long before its end.
EARLY = timedelta(minutes=30)
#: In an app's place: our own token alone.
NO_APP = UUID(int=0)
#: Seconds between two attempts after Gupshup refused our account: staff have to act.
REFUSED_PAUSE = 300.0
#: Config key and value of connections whose token is renewed here.
AUTH, UNIVERSAL, LEGACY = "auth", "universal", "legacy"


def partner_configured() -> bool:
    """Whether this installation has an account in the partner portal."""
    return bool(
        settings.GUPSHUP_PARTNER_ID
        and settings.GUPSHUP_PARTNER_EMAIL
        and settings.GUPSHUP_PARTNER_CLIENT_SECRET
    )


def partner_client() -> PartnerClient:
    """The client of our account. Raises ConfigurationError when there is none."""
    if not partner_configured():
        raise ConfigurationError(
            "Arriwa has no partner account at Gupshup: set ARRIWA_GUPSHUP_PARTNER_ID and those beside it."
        )
    credentials = PartnerCredentials(
        settings.GUPSHUP_PARTNER_ID,
        settings.GUPSHUP_PARTNER_EMAIL,
        settings.GUPSHUP_PARTNER_CLIENT_SECRET,
        universal(),
    )
    return PartnerClient(base_url=platform_url(PLATFORM), credentials=credentials)


def universal() -> bool:
    """Whether tokens are universal ones."""
    return str(settings.GUPSHUP_PARTNER_AUTH) != LEGACY


def partner_token() -> str:
    """Our token, "" when there is none or it ends soon: enqueue TOKEN then."""
    row = PartnerToken.objects.filter(platform=PLATFORM).first()
    return _opened(row) if row is not None else ""


def partner_refusal() -> str:
    """Why Gupshup refused our account lately, "" when it did not."""
    since = real_now() - timedelta(seconds=REFUSED_PAUSE)
    row = PartnerToken.objects.filter(platform=PLATFORM, tried_at__gt=since).exclude(error_text="").first()
    return row.error_text if row else ""


def app_token(connection: Connection) -> str:
    """The app's token, "" when there is none or it ends soon: enqueue TOKEN then."""
    token = str(connection.secrets().get("token", ""))
    ends = connection.expires_at
    return "" if ends is not None and ends <= real_now() else token


def token_want(connection: UUID = NO_APP, *, delay: float = 0.0) -> None:
    """Has the app's token (or ours alone) made or renewed; inside a transaction."""
    task_enqueue(kind=TOKEN, subject=connection, batch_key=f"{PLATFORM}:tokens", delay=delay)


def token_refused(connection_id: UUID, token: str) -> bool:
    """Gupshup refused `token`: a new one is on its way. False for a token that is not renewed here.

    One that was replaced meanwhile is left alone. Inside a transaction.
    """
    connection = Connection.objects.select_for_update().filter(id=connection_id).first()
    if connection is None or connection.config.get(AUTH) != UNIVERSAL:
        return False
    if connection.secrets().get("token") == token:
        Connection.objects.filter(id=connection_id).update(expires_at=real_now())
        token_want(connection_id)
    return True


def partner_refused(token: str) -> None:
    """Gupshup refused our own token: the next one that needs it gets a new one. Inside a transaction."""
    row = PartnerToken.objects.select_for_update().filter(platform=PLATFORM).first()
    if row is not None and _opened(row) == token:
        PartnerToken.objects.filter(platform=PLATFORM).update(expires_at=real_now())


def _opened(row: PartnerToken) -> str:
    if row.token_sealed is None or row.expires_at is None or row.expires_at - EARLY <= real_now():
        return ""
    return str(sealing.unseal_json(row.token_sealed, organization=PARTNER, row=row.seal_row)["token"])


@dataclass(slots=True)
class Minting:
    """What one attempt needs, and what it brought."""

    client: PartnerClient
    partner: str
    partner_name: str
    #: "" when only our own token is wanted.
    app_id: str = ""
    current: str = ""
    #: Filled by the call; what came before an error counts.
    new_partner: Minted | None = None
    new_app: Minted | None = None
    refused: bool = field(default=False)


class TokenEffect:
    """Renews one app's token, and ours when it is due."""

    kind = TOKEN
    queue = "events"
    batch = 1
    exclusive = True
    parks = False

    def prepare(self, tasks: list[Claimed]) -> list[Attempt]:
        """Nothing to do for a connection that is gone, that a person paused, or whose token is good."""
        return [self._prepare(task) for task in tasks]

    def _prepare(self, task: Claimed) -> Attempt:
        row = PartnerToken.objects.filter(platform=PLATFORM).first()
        partner = _opened(row) if row else ""
        connection = Connection.objects.filter(id=task.subject).first()
        idle = connection is None or _given_up(connection) or _fresh(connection)
        if (task.subject == NO_APP and partner) or (task.subject != NO_APP and idle):
            return Attempt([task], verdict=Verdict(Outcome.DONE))
        try:
            client = partner_client()
        except ConfigurationError as error:
            _note_failure(error)
            return Attempt([task], verdict=Verdict(Outcome.RETRY, delay=REFUSED_PAUSE))
        minting = Minting(client, partner, row.name if row else "")
        if connection is not None:
            minting.app_id, minting.current = connection.account, connection.secrets().get("token_id", "")
        return Attempt([task], payload=minting)

    def call(self, attempt: Attempt) -> None:
        """Ours first where it is missing or refused, then the app's."""
        work: Minting = attempt.payload
        if not work.partner:
            self._mint_partner(work)
        if not work.app_id:
            return
        try:
            work.new_app = self._mint_app(work)
        except CredentialRefused:
            if work.new_partner is not None:
                raise
            self._mint_partner(work)
            work.new_app = self._mint_app(work)

    def _mint_partner(self, work: Minting) -> None:
        work.new_partner = partner_token_get(
            work.client,
            universal=universal(),
            prefix=settings.GUPSHUP_TOKEN_PREFIX,
            current=work.partner_name,
            now=real_now(),
        )
        work.partner = work.new_partner.token

    def _mint_app(self, work: Minting) -> Minted:
        return app_token_get(
            work.client,
            universal=universal(),
            partner_token=work.partner,
            app_id=work.app_id,
            prefix=settings.GUPSHUP_TOKEN_PREFIX,
            current=work.current,
        )

    def record(self, attempt: Attempt) -> Sequence[Verdict]:
        """Stores what came, also when something else failed."""
        work: Minting = attempt.payload
        if work.new_partner is not None:
            _store_partner(work.new_partner)
        if work.new_app is not None:
            _store_app(attempt.tasks[0].subject, work.new_app)
        return [self._verdict(attempt.error, attempt.tasks[0])]

    def _verdict(self, error: ArriwaError | None, task: Claimed) -> Verdict:
        if error is None:
            return Verdict(Outcome.DONE)
        _note_failure(error)
        if isinstance(error, Throttled):
            return Verdict(Outcome.RETRY, delay=max(error.retry_after, 20.0))
        if error.disposition in (Disposition.DEAD, Disposition.PAUSE_CONNECTION):
            logger.error("Gupshup gives us no token: %s", redact_text(error.message))
            return Verdict(Outcome.RETRY, delay=REFUSED_PAUSE)
        return Verdict(Outcome.RETRY, delay=backoff(task.attempts))


def _given_up(connection: Connection) -> bool:
    return connection.state == Connection.State.PAUSED and connection.paused_by is not None


def _fresh(connection: Connection) -> bool:
    token = connection.secrets().get("token")
    return bool(token) and (connection.expires_at is None or connection.expires_at - EARLY > real_now())


def _note_failure(error: ArriwaError) -> None:
    text = redact_text(error.message)[:300]
    PartnerToken.objects.update_or_create(
        platform=PLATFORM, defaults={"tried_at": real_now(), "error_text": text}
    )


def _store_partner(minted: Minted) -> None:
    row, _ = PartnerToken.objects.select_for_update().get_or_create(platform=PLATFORM)
    row.token_sealed = sealing.seal_json({"token": minted.token}, organization=PARTNER, row=row.seal_row)
    row.name, row.expires_at, row.tried_at, row.error_text = minted.name, minted.expires_at, real_now(), ""
    row.save()


def _store_app(connection_id: UUID, minted: Minted) -> None:
    connection = Connection.objects.select_for_update().filter(id=connection_id).first()
    if connection is None:
        return
    connection.set_secrets({**connection.secrets(), "token": minted.token, "token_id": minted.id})
    connection.expires_at = minted.expires_at
    if connection.state == Connection.State.PAUSED and connection.paused_by is None:
        # We had paused it ourselves, while no token was to be had.
        connection.state, connection.state_reason = Connection.State.ACTIVE, ""
    connection.save(update_fields=["secrets_sealed", "expires_at", "state", "state_reason"])
    if connection.state == Connection.State.ACTIVE:
        connection_resume(connection=connection.id)
    if minted.expires_at is not None:
        left: Any = minted.expires_at - EARLY - real_now()
        token_want(connection_id, delay=max(left.total_seconds(), 60.0))
