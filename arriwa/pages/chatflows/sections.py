"""The tabs of the playbook's editor: which places of the document stand where, and how they are called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from arriwa.pages.chatflows.fields import (
    BOUND,
    CHOICE,
    LONG,
    MONEY,
    NULLABLE,
    NUMBER,
    OPTIONAL,
    TEXT,
    WHOLE,
    WORDS,
    Field,
)
from arriwa.pages.chatflows.labels import FORMS, LANGUAGES, TEXT_LABELS
from subscribers.playbook.checks import FORM_LIMITS, TEXT_LIMITS
from subscribers.playbook.diff import place_words

_LINES = 200


@dataclass(slots=True)
class Group:
    """A card of fields. `path` names the member of a list that buttons act on, "" for none."""

    title: str
    fields: list[Field]
    path: str = ""
    #: Shown when opened.
    more: list[Field] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    #: The list that a button adds a member to, "" for none.
    adds: str = ""
    add_label: str = ""
    #: Whether something within is refused: then nothing of it is folded away.
    open: bool = False

    def all_fields(self) -> Iterator[Field]:
        """Its fields and those of its groups."""
        yield from self.fields
        yield from self.more
        for group in self.groups:
            yield from group.all_fields()


def groups_of(section: str, document: dict[str, Any]) -> list[Group]:
    """The cards of a tab for this document; "expert" has none."""
    made = {
        "questions": _questions,
        "products": _products,
        "texts": _texts,
        "rules": _rules,
        "names": _names,
    }.get(section)
    return made(document) if made else []


def section_of(path: str) -> str:
    """The tab on which a problem's place stands."""
    head = path.split("/")[1] if path.startswith("/") else ""
    if head in ("questions", "products", "texts"):
        return head
    if head in ("audiences", "stages", "crm_fields", "templates", "event_map"):
        return "names"
    return "rules" if head else "expert"


def _language(code: str) -> str:
    return LANGUAGES.get(code, code)


def _per_language(
    document: dict[str, Any], path: str, label: str, kind: str = TEXT, most: int = 0, note: str = ""
) -> list[Field]:
    return [
        Field(f"{path}/{code}", f"{label} · {_language(code)}", kind, most=most, language=code, help=note)
        for code in document["languages"]
    ]


def _questions(document: dict[str, Any]) -> list[Group]:
    return [_question(document, number) for number in range(len(document["questions"]))]


def _question(document: dict[str, Any], number: int) -> Group:
    question, path = document["questions"][number], f"/questions/{number}"
    closed = question["form"] != "text"
    fields = [
        *_per_language(document, f"{path}/texts", _("Question"), LONG, 1024),
        Field(f"{path}/form", _("How it is answered"), CHOICE, choices=_choices(FORMS)),
    ]
    if question["form"] == "list":
        fields += _per_language(document, f"{path}/menu_button", _("Button that opens the list"), TEXT, 20)
    more = []
    for code in document["languages"]:
        count = max(len(question["reprompts"].get(code, [])), document["max_attempts"])
        label = _("In other words, %(number)s") + f" · {_language(code)}"
        more += [
            Field(f"{path}/reprompts/{code}/{n}", label % {"number": n + 1}, LONG, most=1024, language=code)
            for n in range(min(count, 10))
        ]
    more += [
        Field(f"{path}/key", _("Short name"), help=_("Latin letters, digits and _; unique.")),
        Field(f"{path}/crm_field", _("CRM field"), help=_("Key such as cf_niche; empty for none.")),
        Field(f"{path}/segment", _("Segment"), help=_("Such as SEG_NICHE; empty for none.")),
        Field(
            f"{path}/currency",
            _("Currency of the ranges"),
            OPTIONAL,
            most=3,
            help=_("ISO code such as USD, when the answers are ranges of money."),
        ),
    ]
    options = [_option(document, question, path, n) for n in range(len(question.get("options", [])))]
    return Group(
        title=_("Question %(number)s") % {"number": number + 1},
        fields=fields,
        path=path,
        more=more,
        groups=options,
        adds=f"{path}/options",
        add_label=_("Add an answer") if closed else _("Add an answer that the judge may accept"),
    )


def _option(document: dict[str, Any], question: dict[str, Any], base: str, number: int) -> Group:
    path = f"{base}/options/{number}"
    longest = FORM_LIMITS.get(question["form"], (0, 80))[1]
    fields = _per_language(document, f"{path}/titles", _("Answer"), TEXT, longest)
    more = _per_language(
        document,
        f"{path}/words",
        _("Accepted words"),
        WORDS,
        note=_("Separated by commas; * at the end stands for any ending."),
    )
    if question["form"] == "list":
        more += _per_language(document, f"{path}/descriptions", _("Second line"), OPTIONAL, 72)
    more.append(
        Field(f"{path}/value", _("Value"), help=_("What the CRM stores and the audience is named by."))
    )
    if question.get("currency"):
        more += [
            Field(f"{path}/minimum", _("From (included)"), BOUND),
            Field(f"{path}/maximum", _("Up to (excluded)"), BOUND),
        ]
    title = _("Answer %(number)s") % {"number": number + 1}
    return Group(title=title, fields=fields, path=path, more=more)


def _products(document: dict[str, Any]) -> list[Group]:
    return [
        Group(
            title=_("Product %(number)s") % {"number": number + 1},
            path=f"/products/{number}",
            fields=[
                *_per_language(document, f"/products/{number}/titles", _("Name"), TEXT, 80),
                Field(f"/products/{number}/amount_minor", _("Price"), MONEY),
                Field(f"/products/{number}/currency", _("Currency"), most=3, help=_("ISO code such as USD.")),
                *_per_language(
                    document,
                    f"/products/{number}/accesses",
                    _("What the receipt grants"),
                    LONG,
                    900,
                ),
            ],
            more=[
                Field(
                    f"/products/{number}/key",
                    _("Catalog's retailer id"),
                    help=_("The same as in the WhatsApp catalog; unique."),
                )
            ],
        )
        for number in range(len(document["products"]))
    ]


def _texts(document: dict[str, Any]) -> list[Group]:
    groups = []
    for key, label in TEXT_LABELS.items():
        limit = TEXT_LIMITS[key]
        note = ngettext("At most %(count)s character.", "At most %(count)s characters.", limit) % {
            "count": limit
        }
        if key == "link_body":
            note += " " + _("{product} and {price} stand for the chosen product.")
        kind = OPTIONAL if key == "known_customer" else LONG if limit > _LINES else TEXT
        fields = [
            Field(f"/texts/{key}/{code}", _language(code), kind, most=limit, language=code, help=note)
            for code in document["languages"]
        ]
        groups.append(Group(title=str(label), fields=fields))
    return groups


def _rules(document: dict[str, Any]) -> list[Group]:
    spoken = tuple((code, _language(code)) for code in document["languages"])
    return [
        Group(
            title=_("Answers"),
            fields=[
                Field("/max_attempts", _("Re-prompts per question"), WHOLE),
                Field(
                    "/mark_at_attempt",
                    _("Bad answers before a lead is marked"),
                    WHOLE,
                    help=_("A marked lead gets a tag in the CRM and is excluded from ads."),
                ),
                Field(
                    "/threshold",
                    _("Confidence from which an answer counts"),
                    NUMBER,
                    help=_("From 0 to 1; 0.65 unless you know better."),
                ),
                Field("/silence_seconds", _("Seconds of silence before a text is judged"), NUMBER),
                Field("/silence_limit_seconds", _("Longest wait since the first text, seconds"), NUMBER),
            ],
        ),
        Group(
            title=_("Languages, catalog, attribution"),
            fields=[
                Field("/default_language", _("Language when the lead's is unknown"), CHOICE, choices=spoken),
                Field(
                    "/catalog_id",
                    _("WhatsApp catalog"),
                    help=_("Digits; empty: products are offered by buttons or a list."),
                ),
                Field("/attribution_window_days", _("Attribution window, days"), WHOLE),
            ],
        ),
    ]


def _names(document: dict[str, Any]) -> list[Group]:
    templates = [
        Field(f"/templates/{purpose}/{part}/{code}", f"{purpose}, {label} · {_language(code)}", language="")
        for purpose in document["templates"]
        for code in document["languages"]
        for part, label in (("names", _("template")), ("languages", _("language code")))
    ]
    stages = {
        "new": _("After the first message"),
        "qualified": _("After the last question"),
        "paid": _("Paid"),
    }
    crm = [
        Field(f"/crm_fields/{key}/name", _("Name of %(key)s") % {"key": key})
        for key in document["crm_fields"]
    ]
    events = [
        Field(
            f"/event_map/{name}/{'noise' if target['noise'] else 'pixel'}",
            f"{name}, {place_words(('noise' if target['noise'] else 'pixel',), _)}",
            NULLABLE,
            most=50,
        )
        for name, target in document["event_map"].items()
    ]
    return [
        Group(title=_("Templates for a closed 24 h window"), fields=templates),
        Group(
            title=_("CRM stages"), fields=[Field(f"/stages/{key}", stages.get(key, key)) for key in stages]
        ),
        Group(title=_("CRM fields"), fields=crm),
        Group(
            title=_("Audiences"),
            fields=[Field(f"/audiences/{name}", name, most=100) for name in document["audiences"]],
        ),
        Group(title=_("Events in the pixels"), fields=events),
    ]


def _choices(pairs: Any) -> tuple[tuple[str, str], ...]:
    return tuple((value, str(label)) for value, label in pairs)
