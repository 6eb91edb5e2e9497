"""Is this a real click? What can honestly be told of a `ctwa_clid` without Meta (brief L7). Pure.

Only Meta's answer to an event confirms or refutes a click id; it is opaque and never normalised.
Lengths and first letter are observations, no contract, so they only raise suspicion.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_ALPHABET = re.compile(r"[A-Za-z0-9_-]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}")
# Long words cannot come about by chance in a random value; short ones count only between separators.
_PLACEHOLDER = re.compile(r"example|replace|undefined|(?:^|[_-])(?:test|null)(?:[_-]|$)", re.IGNORECASE)
#: How a website's click id begins ("Iw…", "PA…" hold the letters "extn" or "clck" in base64).
_WEB_CLICK = ("IwAR", "IwY2xjaw", "IwZXh0bg", "PAY2xjaw", "PAZXh0bg")
MIN_LENGTH, MAX_LENGTH = 20, 512
USUAL_LENGTHS = range(80, 201)
MAX_AGE_SECONDS = 7 * 86_400


class ClickState(enum.StrEnum):
    """What we believe before Meta has spoken. Only `absent` and `malformed` keep a click from Meta."""

    ABSENT = "absent"
    MALFORMED = "malformed"
    SUSPICIOUS = "suspicious"
    PLAUSIBLE = "plausible"


@dataclass(frozen=True, slots=True)
class ClickId:
    """A judged click id. `value` as it came; `reason`: stable words joined by commas, "" if plausible."""

    value: str
    state: ClickState
    reason: str

    @property
    def sendable(self) -> bool:
        """Whether an event may carry it."""
        return self.state in (ClickState.SUSPICIOUS, ClickState.PLAUSIBLE)


def click_id_problem(clid: object, other_ids: Iterable[str] = ()) -> str | None:
    """Why this cannot be a click id, or None. `other_ids`: the message's ad id, phone and message id."""
    if not isinstance(clid, str):
        return "not_text"
    if not clid:
        return "empty"
    if clid.startswith(("fb.1.", *_WEB_CLICK)):
        return "web_click_id"
    checks = (
        ("alphabet", not _ALPHABET.fullmatch(clid)),
        ("copied_id", clid in set(other_ids)),
        ("digits_only", clid.isdigit()),
        ("uuid", _UUID.fullmatch(clid) is not None),
        ("placeholder", _PLACEHOLDER.search(clid) is not None),
        ("too_short", len(clid) < MIN_LENGTH),
        ("too_long", len(clid) > MAX_LENGTH),
    )
    return next((reason for reason, failed in checks if failed), None)


def judge_click_id(
    referral: Mapping[str, Any] | None,
    *,
    other_ids: Iterable[str] = (),
    age_seconds: float | None = None,
    seen_with_other_contact: bool = False,
    waba_matches: bool = True,
    ad_account_known: bool = True,
) -> ClickId:
    """The state of a message's `referral.ctwa_clid`.

    `age_seconds`: from the click's message to the event, if known. `seen_with_other_contact`: a click
    has one person. `waba_matches`: the message's WhatsApp account is the dataset's. `ad_account_known`:
    the ad's account is connected here. A referral without a click id is normal for ads in Status.
    """
    raw = (referral or {}).get("ctwa_clid")
    if raw is None or raw == "":
        return ClickId("", ClickState.ABSENT, "no_referral" if not referral else "no_click_id")
    referral = referral or {}
    source_id = referral.get("source_id")
    own_ids = [*other_ids, *([str(source_id)] if source_id else [])]
    problem = click_id_problem(raw, own_ids)
    if problem:
        return ClickId(raw if isinstance(raw, str) else "", ClickState.MALFORMED, problem)
    flags = (
        ("unusual_length", len(raw) not in USUAL_LENGTHS),
        ("unusual_first_letter", not raw.startswith("A")),
        ("no_source_id", not source_id),
        ("not_an_ad", referral.get("source_type") != "ad"),
        ("old_click", age_seconds is not None and age_seconds > MAX_AGE_SECONDS),
        ("other_contact", seen_with_other_contact),
        ("other_whatsapp_account", not waba_matches),
        ("unknown_ad_account", not ad_account_known),
    )
    reason = ",".join(name for name, raised in flags if raised)
    return ClickId(raw, ClickState.SUSPICIOUS if reason else ClickState.PLAUSIBLE, reason)
