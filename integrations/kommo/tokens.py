"""The current access token of a connection, renewed by one process at a time.

A refresh token works once, so two workers must never use the same one. Who renews holds an advisory lock on
a direct connection of its own; the others wait for it and read what it stored. No transaction is open
meanwhile, and no Django connection is needed: effects renew in the middle of a platform call.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings as django_settings
from psycopg import sql

from arriwa.common import sealing
from arriwa.common.schema import current_schema
from arriwa.outbox.enqueue import real_now
from integrations.base.errors import (
    ConfigurationError,
    CredentialRefused,
    MalformedReply,
    OutcomeUnknown,
    RemoteFault,
)
from integrations.base.locks import platform_lock
from integrations.base.urls import platform_url
from integrations.kommo.client import KommoClient
from integrations.kommo.config import OAUTH, KommoSettings
from integrations.kommo.oauth import Integration, TokenClient, TokenPair
from integrations.models import Connection
from tenants.context import current_organization_id

#: A token that ends so soon is renewed before it is used.
MARGIN = timedelta(minutes=5)
#: In the config while a renewal is under way: when it began. Left over, it tells of one that was cut short.
MARK = "renewal_began"

_READ = sql.SQL("SELECT secrets_sealed, config, expires_at FROM {table} WHERE id = %s")
_MARK = sql.SQL("UPDATE {table} SET config = config || %s::jsonb WHERE id = %s")
# Only what was read is replaced: an owner may have connected anew meanwhile.
_STORE = sql.SQL(
    "UPDATE {table} SET secrets_sealed = %s, config = config - %s, expires_at = %s"
    " WHERE id = %s AND secrets_sealed = %s"
)


def integration() -> Integration:
    """Our integration at Kommo. Raises ConfigurationError when the operator has none."""
    if not (django_settings.KOMMO_CLIENT_ID and django_settings.KOMMO_CLIENT_SECRET):
        raise ConfigurationError(
            "Signing in at Kommo is not set up here: use a long-lived token.", field="client_id"
        )
    return Integration(
        django_settings.KOMMO_CLIENT_ID,
        django_settings.KOMMO_CLIENT_SECRET,
        django_settings.KOMMO_REDIRECT_URI,
    )


@dataclass(frozen=True, slots=True)
class TokenKeeper:
    """Renews one connection's token; made inside its organization, used anywhere."""

    schema: str
    organization: UUID
    connection: UUID
    subdomain: str
    host: str = ""
    expires_at: datetime | None = field(default=None)

    def current(self, token: str) -> str:
        """`token`, or its successor when it ends within MARGIN. Raises as `renew`."""
        if self.expires_at is not None and self.expires_at - real_now() < MARGIN:
            return self.renew(token)
        return token

    def renew(self, refused: str) -> str:
        """The token that follows `refused`: another worker's, or one that is asked for now.

        Raises CredentialRefused (connect once more) when Kommo takes the refresh token no longer, which is
        also so after a renewal whose answer was lost; Unreachable, Throttled, RemoteFault; RemoteFault when
        another process's renewal takes too long; ConfigurationError without an integration.
        """
        with platform_lock(self.connection) as db:
            row = db.execute(self._sql(_READ), [self.connection]).fetchone()
            if row is None:
                raise ConfigurationError("The Kommo connection is gone.")
            sealed, config = bytes(row[0]), row[1]
            secrets = self._open(sealed)
            if secrets.get("token") != refused and not self._ends(row[2]):
                return str(secrets["token"])
            pair = self._ask(db, secrets, config)
            stored = db.execute(
                self._sql(_STORE),
                [self._seal({**secrets, **pair.secrets()}), MARK, pair.expires_at, self.connection, sealed],
            )
            return pair.access if stored.rowcount else self._reread(db)

    def _ask(self, db: psycopg.Connection[Any], secrets: dict[str, Any], config: dict[str, Any]) -> TokenPair:
        client = TokenClient(
            base_url=platform_url("kommo", subdomain="{subdomain}"),
            subdomain=self.subdomain,
            host=self.host,
            integration=integration(),
        )
        cut_short = MARK in config
        db.execute(self._sql(_MARK), [json.dumps({MARK: real_now().isoformat()}), self.connection])
        try:
            return client.refresh(str(secrets.get("refresh_token") or ""), now=real_now())
        except CredentialRefused as error:
            if cut_short:
                raise CredentialRefused(
                    "A renewal of the access was cut short and its answer is lost: connect Kommo once more.",
                    status=error.status,
                ) from error
            raise
        except (OutcomeUnknown, MalformedReply) as error:
            if cut_short:
                raise CredentialRefused(
                    "Kommo's answers to renewals were lost twice: connect the account once more."
                ) from error
            # The old refresh token may be dead; the next try shows it, and there is only one.
            raise RemoteFault("Kommo did not answer a renewal of the access.") from error

    def _reread(self, db: psycopg.Connection[Any]) -> str:
        row = db.execute(self._sql(_READ), [self.connection]).fetchone()
        if row is None:
            raise ConfigurationError("The Kommo connection is gone.")
        return str(self._open(bytes(row[0]))["token"])

    @staticmethod
    def _ends(expires_at: datetime | None) -> bool:
        return expires_at is not None and expires_at - real_now() < MARGIN

    def _sql(self, statement: sql.SQL) -> sql.Composed:
        return statement.format(table=sql.Identifier(self.schema, "integrations_connection"))

    def _open(self, sealed: bytes) -> dict[str, Any]:
        opened: dict[str, Any] = sealing.unseal_json(
            sealed, organization=self.organization, row=f"connection:{self.connection}"
        )
        return opened

    def _seal(self, secrets: dict[str, Any]) -> bytes:
        return sealing.seal_json(secrets, organization=self.organization, row=f"connection:{self.connection}")


def keeper_of(connection: Connection) -> TokenKeeper | None:
    """Who renews the connection's token; None for a long-lived one, which nobody can renew."""
    if connection.config.get("auth") != OAUTH:
        return None
    return TokenKeeper(
        schema=current_schema(),
        organization=current_organization_id(),
        connection=connection.id,
        subdomain=str(connection.config.get("subdomain") or ""),
        host=str(connection.config.get("host") or ""),
        expires_at=connection.expires_at,
    )


def kommo_client(settings: KommoSettings, keeper: TokenKeeper | None) -> KommoClient:
    """A client that has the current token and renews it once when it is refused."""
    renew: Callable[[str], str] | None = keeper.renew if keeper else None
    if keeper is not None:
        settings = settings.with_token(keeper.current(settings.token))
    return KommoClient(
        base_url=platform_url("kommo", subdomain="{subdomain}"), settings=settings, renew=renew
    )


def client_of(connection: Connection) -> KommoClient:
    """A client for a connection as just read. Call it outside a transaction: it may renew the token."""
    settings = KommoSettings.from_connection(connection.config, connection.secrets())
    return kommo_client(settings, keeper_of(connection))
