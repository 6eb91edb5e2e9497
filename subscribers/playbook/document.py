"""A playbook's document as typed, frozen data (design 5). `parse` is the only way to make one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class AnswerOption:
    """An accepted answer. `value` goes to the CRM and names the segment; titles per language."""

    value: str
    titles: dict[str, str]
    #: Words per language by which the local classifier knows the answer.
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """One of Q1 … Q4. `form`: buttons (<= 3 options) | list (<= 10) | text (free, options advisory)."""

    key: str  # niche, budget, channel, readiness …
    form: str
    texts: dict[str, str]
    reprompts: dict[str, tuple[str, ...]]
    options: tuple[AnswerOption, ...] = ()
    menu_button: dict[str, str] = field(default_factory=dict)
    #: Contact field in the CRM, such as cf_niche; "" for none.
    crm_field: str = ""
    #: Prefix of the segment audience, such as SEG_NICHE -> SEG_NICHE_SCHOOL; "" for none.
    segment: str = ""


@dataclass(frozen=True, slots=True)
class Product:
    """A thing for sale. `key` is the catalog's retailer id."""

    key: str
    titles: dict[str, str]
    amount_minor: int
    currency: str
    #: What the receipt grants: text per language.
    accesses: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TemplateRef:
    """The approved template that stands in for a purpose when the window is closed (R3)."""

    names: dict[str, str]  # language -> template name
    languages: dict[str, str]  # language -> template language code


@dataclass(frozen=True, slots=True)
class Playbook:
    """What a workspace's agent does. A conversation keeps the version that it started with."""

    languages: tuple[str, ...]
    default_language: str
    questions: tuple[Question, ...]
    products: tuple[Product, ...]
    catalog_id: str
    threshold: float
    max_attempts: int
    mark_at_attempt: int
    silence_seconds: float
    silence_limit_seconds: float
    #: text key -> language -> text; keys: cards_header, cards_body, cards_section, link_body,
    #: link_label, link_waiting, receipt_body, parked, unsupported, already_paid …
    texts: dict[str, dict[str, str]]
    #: purpose -> template; purpose "question:<key>" falls back to "question", "reprompt:…" to "reprompt".
    templates: dict[str, TemplateRef]
    #: our event -> {"messaging": name | None, "pixel": name | None, "noise": name | None} (design 4)
    event_map: dict[str, dict[str, str | None]]
    #: the brief's audience name -> name at the platform
    audiences: dict[str, str]
    #: stage key (new, qualified, paid) -> stage name in the CRM
    stages: dict[str, str]
    #: CRM field key (cf_niche …) -> {"name", "type", "entity"}
    crm_fields: dict[str, dict[str, Any]]
    attribution_window_days: int = 7
