"""Getting a token from Gupshup, with what earlier attempts left behind cleared away. No database.

At most three tokens are active for us and for each app (reference 1.1): a crash between Gupshup's answer
and our note of it leaves one over. Ours are told by the start of their names.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from integrations.base.errors import Rejected
from integrations.gupshup.partner_client import Minted, PartnerClient

#: Names that our own token takes in turn, so that a left-over can be revoked without knowing its id.
SLOTS = ("a", "b", "c")
LOGIN_LIFE = timedelta(hours=24)


def partner_token_get(
    client: PartnerClient, *, universal: bool, prefix: str, current: str, now: datetime
) -> Minted:
    """A new token of our own. `current`: name of the one in use, which stays. Raises the client's errors."""
    if not universal:
        return client.login(now + LOGIN_LIFE)
    names = [f"{prefix}-{slot}" for slot in SLOTS]
    start = names.index(current) + 1 if current in names else 0
    free = [name for name in (*names[start:], *names[:start]) if name != current]
    for name in free:
        try:
            return client.universal_mint(name)
        except Rejected as error:
            if error.status != 409:
                raise
            _revoke_left_over(client, name)
    return client.universal_mint(free[0])


def app_token_get(
    client: PartnerClient, *, universal: bool, partner_token: str, app_id: str, prefix: str, current: str
) -> Minted:
    """A new token of an app. `current`: id of the one in use, which stays. Raises the client's errors."""
    if not universal:
        return client.app_static(partner_token, app_id)
    try:
        return client.app_mint(partner_token, app_id, _name(prefix))
    except Rejected as error:
        if error.status != 409:
            raise
    for token_id, name in client.app_tokens(partner_token, app_id):
        if name.startswith(f"{prefix}-") and token_id != current:
            _ended_is_fine(client, partner_token, app_id, token_id)
    return client.app_mint(partner_token, app_id, _name(prefix))


def _name(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(6)}"


def _revoke_left_over(client: PartnerClient, name: str) -> None:
    try:
        client.universal_revoke(name)
    except Rejected as error:
        if error.status not in (404, 410):
            raise


def _ended_is_fine(client: PartnerClient, partner_token: str, app_id: str, token_id: str) -> None:
    try:
        client.app_revoke(partner_token, app_id, token_id)
    except Rejected as error:
        if error.status not in (404, 410):
            raise
