"""What a playbook must hold beyond its shape: one rule per function, all problems named. Pure.

WhatsApp's limits are from the Cloud API's message reference: button title 20, row title 24, row
description 72, list button 20, body 1024, header 60, at most 3 buttons and 10 rows.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

#: Audiences of every playbook besides CA_QUAL_Q{n} and the segments (L10, L17, L18, L20, L21).
AUDIENCES = ("A1_STARTED_NOT_FINISHED", "A2_QUALIFIED", "CA_PURCHASERS", "CA_EXCLUDE_NOISE")
#: Events of every playbook besides QUALIFY_Q{n} (design 4).
EVENTS = (
    "OptIn",
    "QUALIFY_COMPLETE",
    "ViewContent",
    "AddToCart",
    "InitiateCheckout",
    "Purchase",
    "NOISE",
    "AMBIGUOUS",
)
NOISE_EVENTS = frozenset({"NOISE", "AMBIGUOUS"})
#: text key -> most characters WhatsApp shows where the text stands
TEXT_LIMITS = {
    "cards_header": 60,
    "cards_body": 1024,
    "cards_section": 24,
    "products_button": 20,
    "link_body": 1024,
    "link_label": 20,
    "link_waiting": 1024,
    "parked": 1024,
    "unsupported": 1024,
    "answer_first": 1024,
    "choose_card": 1024,
    "choose_again": 1024,
    "already_paid": 1024,
    "known_customer": 1024,
}
#: form -> (most options, most characters of an option's title)
FORM_LIMITS = {"buttons": (3, 20), "list": (10, 24)}
_MOST_BUTTONS = 3

Problem = dict[str, str]
Document = dict[str, Any]


def problems(document: Document) -> Iterator[Problem]:
    """Every problem of meaning in a document whose shape is right: {"path", "message"} each."""
    for rule in (
        _languages,
        _questions,
        _ranges,
        _products,
        _link_body,
        _audiences,
        _events,
        _numbers,
    ):
        yield from rule(document)


def segment_audience(segment: str, value: str) -> str:
    """Name of the audience of an answer: ("SEG_NICHE", "school") -> "SEG_NICHE_SCHOOL"."""
    return f"{segment}_{value.upper()}"


def _problem(path: str, message: str) -> Problem:
    return {"path": path, "message": message}


def _localised(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every map from language to text that must name all languages, with its path."""
    for i, question in enumerate(document["questions"]):
        base = f"/questions/{i}"
        yield f"{base}/texts", question["texts"]
        yield f"{base}/reprompts", question["reprompts"]
        if question["form"] == "list":
            yield f"{base}/menu_button", question.get("menu_button", {})
        for j, option in enumerate(question.get("options", [])):
            yield f"{base}/options/{j}/titles", option["titles"]
            if option.get("descriptions"):
                yield f"{base}/options/{j}/descriptions", option["descriptions"]
    for i, product in enumerate(document["products"]):
        yield f"/products/{i}/titles", product["titles"]
        yield f"/products/{i}/accesses", product["accesses"]
    for key, texts in document["texts"].items():
        yield f"/texts/{key}", texts
    for key, template in document["templates"].items():
        yield f"/templates/{key}/names", template["names"]
        yield f"/templates/{key}/languages", template["languages"]


def _languages(document: Document) -> Iterator[Problem]:
    languages = document["languages"]
    if document["default_language"] not in languages:
        yield _problem("/default_language", "is not one of the languages; choose one of them")
    for path, texts in _localised(document):
        for language in languages:
            if language not in texts:
                yield _problem(path, f"has no text in language {language}; add it")
        for language in texts:
            if language not in languages:
                yield _problem(f"{path}/{language}", f"language {language} is not one of the playbook's")


def _doubles(values: list[str]) -> list[str]:
    return sorted(value for value, count in Counter(values).items() if count > 1)


def _questions(document: Document) -> Iterator[Problem]:
    for key in _doubles([question["key"] for question in document["questions"]]):
        yield _problem("/questions", f"key {key} names more than one question; keys are unique")
    for i, question in enumerate(document["questions"]):
        base, options = f"/questions/{i}", question.get("options", [])
        for value in _doubles([option["value"] for option in options]):
            yield _problem(f"{base}/options", f"value {value} names more than one option; values are unique")
        for language in document["languages"]:
            titles = [option["titles"].get(language, "").casefold() for option in options]
            for title in _doubles([title for title in titles if title]):
                yield _problem(f"{base}/options", f"title {title!r} is given twice in language {language}")
        yield from _form(base, question)
        field = question.get("crm_field", "")
        if field and field not in document["crm_fields"]:
            yield _problem(f"{base}/crm_field", f"{field} is not among crm_fields; add it there")
        for language, reprompts in question["reprompts"].items():
            if len(reprompts) < document["max_attempts"]:
                yield _problem(
                    f"{base}/reprompts/{language}",
                    f"has {len(reprompts)} texts for {document['max_attempts']} attempts; give one for each",
                )


def _form(base: str, question: dict[str, Any]) -> Iterator[Problem]:
    form, options = question["form"], question.get("options", [])
    if form not in FORM_LIMITS:
        if question.get("segment") and not options:
            yield _problem(f"{base}/segment", "a segment needs options to name its audiences")
        return
    most, longest = FORM_LIMITS[form]
    if not 1 <= len(options) <= most:
        yield _problem(f"{base}/options", f"form {form} takes 1 to {most} options, not {len(options)}")
    for j, option in enumerate(options):
        for language, title in option["titles"].items():
            if len(title) > longest:
                yield _problem(
                    f"{base}/options/{j}/titles/{language}",
                    f"has {len(title)} characters; form {form} shows at most {longest}",
                )


def _ranges(document: Document) -> Iterator[Problem]:
    for i, question in enumerate(document["questions"]):
        bounds = []
        for j, option in enumerate(question.get("options", [])):
            low, high = option.get("minimum"), option.get("maximum")
            if low is None and high is None:
                continue
            if low is not None and high is not None and low >= high:
                yield _problem(f"/questions/{i}/options/{j}", "minimum is not below maximum")
            bounds.append((float("-inf") if low is None else low, float("inf") if high is None else high))
        bounds.sort()
        if any(left[1] > right[0] for left, right in itertools.pairwise(bounds)):
            yield _problem(f"/questions/{i}/options", "ranges overlap; each amount belongs to one option")


def _products(document: Document) -> Iterator[Problem]:
    products = document["products"]
    for key in _doubles([product["key"] for product in products]):
        yield _problem("/products", f"key {key} names more than one product; keys are unique")
    if len({product["currency"] for product in products}) > 1:
        yield _problem("/products", "products have several currencies; a deal has one price in one currency")
    if document["catalog_id"]:
        return
    form = "buttons" if len(products) <= _MOST_BUTTONS else "list"
    longest = FORM_LIMITS[form][1]
    for i, product in enumerate(products):
        for language, title in product["titles"].items():
            if len(title) > longest:
                yield _problem(
                    f"/products/{i}/titles/{language}",
                    f"has {len(title)} characters; without a catalog at most {longest} are shown",
                )


def _link_body(document: Document) -> Iterator[Problem]:
    for language, body in document["texts"]["link_body"].items():
        bare = body.replace("{product}", "").replace("{price}", "")
        if "{" in bare or "}" in bare:
            yield _problem(f"/texts/link_body/{language}", "may hold {product} and {price} only")
        titles = (product["titles"].get(language, "") for product in document["products"])
        if len(bare) + max(map(len, titles)) + 30 > TEXT_LIMITS["link_body"]:
            yield _problem(f"/texts/link_body/{language}", "leaves no room for product and price in 1024")


def audiences_needed(document: Document) -> list[str]:
    """Every audience that the questions call for, by the brief's name."""
    needed = [*AUDIENCES, *(f"CA_QUAL_Q{n}" for n in range(1, len(document["questions"]) + 1))]
    for question in document["questions"]:
        if question.get("segment"):
            needed += [segment_audience(question["segment"], o["value"]) for o in question.get("options", [])]
    return needed


def _audiences(document: Document) -> Iterator[Problem]:
    needed = audiences_needed(document)
    for name in needed:
        if name not in document["audiences"]:
            yield _problem("/audiences", f"{name} is missing; name the audience at the platform")
    for name in document["audiences"]:
        if name not in needed:
            yield _problem(f"/audiences/{name}", "is not an audience of this playbook; remove it")
    for name in _doubles(list(document["audiences"].values())):
        yield _problem("/audiences", f"{name!r} is given to more than one audience; names are unique")


def _events(document: Document) -> Iterator[Problem]:
    event_map = document["event_map"]
    needed = [*EVENTS, *(f"QUALIFY_Q{n}" for n in range(1, len(document["questions"]) + 1))]
    for name in needed:
        if name not in event_map:
            yield _problem("/event_map", f"{name} is missing; say where it goes")
    for name, target in event_map.items():
        good = target["messaging"] or target["pixel"]
        if name in NOISE_EVENTS and good:
            yield _problem(f"/event_map/{name}", "is noise; it goes to the NOISE pixel only (R4)")
        if name not in NOISE_EVENTS and target["noise"]:
            yield _problem(f"/event_map/{name}", "is not noise; it never goes to the NOISE pixel (R4)")
        if bool(target["pixel"]) != bool(target["pixel_when"]):
            yield _problem(f"/event_map/{name}/pixel_when", "is given exactly when there is a pixel name")


def _numbers(document: Document) -> Iterator[Problem]:
    if document["silence_limit_seconds"] < document["silence_seconds"]:
        yield _problem("/silence_limit_seconds", "is below silence_seconds; the limit is the longer one")
    if document["mark_at_attempt"] > document["max_attempts"] + 1:
        yield _problem("/mark_at_attempt", "comes after the last attempt; a lead would never be marked")
