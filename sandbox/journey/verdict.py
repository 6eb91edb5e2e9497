"""All comparisons of a ledger with the sandbox's record. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.journey import expected
from sandbox.journey.compare import Row
from sandbox.journey.record import (
    Lead,
    problems_of_flowise,
    problems_of_gupshup,
    problems_of_referral,
    problems_of_stripe,
)
from sandbox.journey.record_kommo import problems_of_kommo
from sandbox.journey.record_meta import problems_of_ad, problems_of_audiences, problems_of_events


@dataclass(frozen=True)
class Record:
    """What the sandbox tells after the way."""

    #: platform -> the effects that its fake holds
    state: Mapping[str, Any]
    #: requests with events as they arrived at Meta
    received: Sequence[Mapping[str, Any]]
    #: status id -> stage in the CRM
    stages: Mapping[int, str]
    #: the account's settings by platform
    settings: Mapping[str, Mapping[str, Any]]


def problems_of_record(rows: Sequence[Row], record: Record, lead: Lead) -> list[str]:
    """What the ledger lacks or has too much, and every proof that differs."""
    state, lines = record.state, expected.LINES
    meta, kommo = record.settings["meta"], record.settings["kommo"]
    ad = next(one for one in meta["ads"] if one["id"] == expected.AD_ID)
    return [
        *problems_of_referral(rows, lead, ad),
        *problems_of_gupshup(rows, state["gupshup"], lead, lines),
        *problems_of_ad(rows, ad),
        *problems_of_events(rows, state["meta"], record.received, lead, meta["noise_pixel_id"]),
        *problems_of_audiences(rows, state["meta"], lead, lines, expected.MEMBER_OF),
        *problems_of_kommo(rows, state["kommo"][kommo["subdomain"]], record.stages, lead),
        *problems_of_stripe(rows, state["stripe"], lead),
        *problems_of_flowise(rows, state["flowise"]),
    ]
