"""Assets at Meta as `assets_client` tells of them; ids are decimal texts."""

from __future__ import annotations

from dataclasses import dataclass

#: `AdAccount.status` of an account that may advertise; all others stop writes (reference meta 7.4).
ACTIVE = 1


@dataclass(frozen=True, slots=True)
class Page:
    """A Facebook Page and what the person may do there, such as ("MANAGE", "ADVERTISE")."""

    id: str
    name: str
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Business:
    """A business portfolio (Business Manager)."""

    id: str
    name: str
    #: "verified", "not_verified", … as Meta says; "" when it says nothing.
    verification_status: str = ""


@dataclass(frozen=True, slots=True)
class AdAccount:
    """An ad account; `id` without "act_"."""

    id: str
    name: str
    #: 1 active, 2 disabled, 3 unsettled, 7 in review, 9 in grace period, 100 closing, 101 closed …
    status: int
    #: ISO 4217.
    currency: str
    timezone_name: str
    owned: bool

    @property
    def is_active(self) -> bool:
        """Whether ads may run and audiences be written."""
        return self.status == ACTIVE


@dataclass(frozen=True, slots=True)
class Pixel:
    """A pixel, which Meta also calls a dataset; never the messaging dataset of a WhatsApp account."""

    id: str
    name: str
    owned: bool


@dataclass(frozen=True, slots=True)
class Catalog:
    """A product catalog."""

    id: str
    name: str
    vertical: str
    product_count: int
    owned: bool


@dataclass(frozen=True, slots=True)
class Waba:
    """A WhatsApp Business account."""

    id: str
    name: str
    owned: bool


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A number of a WhatsApp Business account; `number` in digits with country code."""

    id: str
    number: str
    verified_name: str


@dataclass(frozen=True, slots=True)
class AudienceTerms:
    """The terms of custom audiences of one ad account, and the page where a person accepts them."""

    accepted: bool
    link: str
