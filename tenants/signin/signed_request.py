"""Meta's `signed_request`: who is meant, if Meta says so. Pure (reference meta 7.5)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from arriwa.common.errors import ArriwaError

ALGORITHM = "HMAC-SHA256"
#: Meta repeats a callback that was not answered; older ones are replays by somebody else.
MOST_AGE = timedelta(hours=24)
#: Clocks differ.
MOST_AHEAD = timedelta(minutes=5)
#: Characters; a real one has some 300.
MOST_LENGTH = 4096


class BadSignedRequest(ArriwaError):
    """The signed_request is not Meta's: check that the app secret is the app's, and ask again."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What Meta vouches for."""

    #: App-scoped id of the person.
    user_id: str
    issued_at: datetime


def signed_request_read(text: str, *, secret: str, now: datetime) -> SignedRequest:
    """Verifies signature (in constant time), algorithm and age. `now` is real time.

    Raises BadSignedRequest; nothing of the payload is believed before the signature fits.
    """
    if not secret or len(text) > MOST_LENGTH:
        raise BadSignedRequest()
    signature, dot, payload = text.partition(".")
    expected = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).digest()
    if not dot or not hmac.compare_digest(_decoded(signature), expected):
        raise BadSignedRequest()
    try:
        told = json.loads(_decoded(payload))
    except ValueError as error:
        raise BadSignedRequest() from error
    if not isinstance(told, dict) or str(told.get("algorithm", "")).upper() != ALGORITHM:
        raise BadSignedRequest(f"The signed_request must be signed with {ALGORITHM}.")
    issued_at, user_id = told.get("issued_at"), told.get("user_id")
    if isinstance(issued_at, bool) or not isinstance(issued_at, int) or not user_id:
        raise BadSignedRequest("The signed_request names no person or no time.")
    try:
        issued = datetime.fromtimestamp(issued_at, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise BadSignedRequest("The signed_request names no time.") from error
    if not now - MOST_AGE <= issued <= now + MOST_AHEAD:
        raise BadSignedRequest("The signed_request is too old, or a clock is wrong.")
    return SignedRequest(user_id=str(user_id), issued_at=issued)


def _decoded(text: str) -> bytes:
    """base64url without its padding."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadSignedRequest() from error
