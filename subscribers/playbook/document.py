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
    #: Lower case, "*" at the end of a word stands for any ending: "школ*".
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: Second line of a list row, per language; at most 72 characters.
    descriptions: dict[str, str] = field(default_factory=dict)
    #: The amounts that fall into this option: from `minimum` (included) to `maximum` (excluded), in
    #: major units of `Question.currency`; None leaves the end open. Both None: not a range.
    minimum: float | None = None
    maximum: float | None = None


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
    #: ISO 4217 currency of the options' ranges; "" when the question is not about money.
    currency: str = ""


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
    #: text key -> language -> text; the keys are `subscribers.playbook.checks.TEXT_LIMITS`.
    texts: dict[str, dict[str, str]]
    #: purpose -> template; purpose "question:<key>" falls back to "question", "reprompt:…" to "reprompt".
    templates: dict[str, TemplateRef]
    #: our event -> {"messaging": name | None, "pixel": name | None, "noise": name | None,
    #: "pixel_when": "always" | "no_click_id" | None} (design 4)
    event_map: dict[str, dict[str, str | None]]
    #: the brief's audience name -> name at the platform
    audiences: dict[str, str]
    #: stage key (new, qualified, paid) -> stage name in the CRM
    stages: dict[str, str]
    #: CRM field key (cf_niche …) -> {"name", "type", "entity"}
    crm_fields: dict[str, dict[str, Any]]
    attribution_window_days: int = 7

    def language_for(self, language: str) -> str:
        """The language to speak with somebody of `language`: it, else the default one."""
        return language if language in self.languages else self.default_language
