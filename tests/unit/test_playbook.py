"""The default playbook is good, and each way to spoil a playbook is named."""

from __future__ import annotations

import copy
import json

import pytest
from jsonschema import Draft202012Validator

from subscribers.playbook.load import PlaybookInvalid, as_document, default_document, parse, schema


def problems_of(document) -> dict[str, str]:
    with pytest.raises(PlaybookInvalid) as raised:
        parse(document)
    found: dict[str, str] = {}
    for problem in raised.value.problems:
        found[problem["path"]] = f"{found.get(problem['path'], '')}{problem['message']}; "
    return found


def test_the_default_playbook_is_valid_and_complete():
    playbook = parse(default_document())
    assert [(q.key, q.form) for q in playbook.questions] == [
        ("niche", "list"),
        ("budget", "text"),
        ("channel", "text"),
        ("readiness", "buttons"),
    ]
    assert [(p.key, p.amount_minor, p.currency) for p in playbook.products] == [
        ("course-start", 90000, "USD"),
        ("course-pro", 190000, "USD"),
    ]
    assert playbook.stages == {"new": "Новый", "qualified": "Квалифицирован", "paid": "Оплачено"}
    assert (playbook.threshold, playbook.max_attempts, playbook.mark_at_attempt) == (0.65, 3, 1)
    assert {key for key in playbook.crm_fields} >= {"cf_niche", "cf_budget_month"}


def test_the_default_event_map_is_the_designs_table():
    events = parse(default_document()).event_map
    assert {name: target["messaging"] for name, target in events.items() if target["messaging"]} == {
        "OptIn": "LeadSubmitted",
        "QUALIFY_COMPLETE": "QualifiedLead",
        "ViewContent": "ViewContent",
        "AddToCart": "AddToCart",
        "InitiateCheckout": "InitiateCheckout",
        "Purchase": "Purchase",
    }
    assert {name for name, target in events.items() if target["noise"]} == {"NOISE", "AMBIGUOUS"}
    assert {name for name, target in events.items() if target["pixel_when"] == "no_click_id"} == {
        "ViewContent",
        "AddToCart",
        "InitiateCheckout",
        "Purchase",
    }


def test_platform_names_of_audiences_hint_at_nothing():
    names = parse(default_document()).audiences.values()
    assert not [name for name in names if any(w in name.lower() for w in ("budget", "1000", "noise", "$"))]


def test_a_playbook_survives_the_way_out_and_in():
    playbook = parse(default_document())
    document = json.loads(json.dumps(as_document(playbook)))
    assert parse(document) == playbook
    assert as_document(parse(document)) == document


def test_the_published_schema_is_valid_strict_and_described():
    published = schema()
    Draft202012Validator.check_schema(published)
    assert published["$schema"].endswith("2020-12/schema")

    def visit(node, path):
        if isinstance(node, dict):
            if node.get("type") == "object":
                assert node.get("additionalProperties") is False, path
                for name, child in node.get("properties", {}).items():
                    assert "description" in child or "$ref" in child, f"{path}/{name}"
            for key, child in node.items():
                visit(child, f"{path}/{key}")

    visit(published, "")


def test_every_problem_of_shape_is_named_at_once():
    document = default_document()
    document["threshold"] = 65
    document["colour"] = "red"
    document["questions"][0]["form"] = "poll"
    del document["texts"]["parked"]
    found = problems_of(document)
    assert set(found) == {"", "/threshold", "/questions/0/form", "/texts"}
    assert "colour" in found[""]
    assert "parked" in found["/texts"]


def test_the_error_says_what_to_do_and_keeps_every_problem():
    with pytest.raises(PlaybookInvalid, match=r"1 problem\(s\).*?/threshold.*save it again") as raised:
        parse({**default_document(), "threshold": -0.1})
    assert raised.value.code == "playbook_invalid"
    assert raised.value.details["problems"] == raised.value.problems


def edit(*path, value):
    """A change to a document: the value at `path` is replaced; `...` as value removes it."""

    def apply(document):
        *parents, last = path
        for part in parents:
            document = document[part]
        if value is ...:
            del document[last]
        else:
            document[last] = value

    return apply


def titles(text):
    return {"ru": text, "en": text}


SPOILED = [
    (edit("default_language", value="kk"), "/default_language", "not one of the languages"),
    (edit("questions", 0, "texts", "en", value=...), "/questions/0/texts", "language en"),
    (edit("texts", "parked", "ru", value=...), "/texts/parked", "language ru"),
    (edit("texts", "parked", "kk", value="Сәлем"), "/texts/parked/kk", "not one of the playbook's"),
    (edit("templates", "receipt", "names", "ru", value=...), "/templates/receipt/names", "language ru"),
    (edit("questions", 1, "key", value="niche"), "/questions", "more than one question"),
    (edit("questions", 0, "options", 1, "value", value="school"), "/questions/0/options", "more than one"),
    (
        edit("questions", 3, "options", 0, "titles", value=titles("x" * 21)),
        "/questions/3/options/0/titles/ru",
        "at most 20",
    ),
    (
        edit("questions", 0, "options", 0, "titles", value=titles("x" * 25)),
        "/questions/0/options/0/titles/ru",
        "at most 24",
    ),
    (
        edit("questions", 0, "options", 0, "descriptions", value=titles("x" * 73)),
        "/questions/0/options/0/descriptions/ru",
        "too long",
    ),
    (edit("questions", 0, "menu_button", value=titles("x" * 21)), "/questions/0/menu_button/ru", "too long"),
    (edit("questions", 0, "menu_button", value=...), "/questions/0/menu_button", "language ru"),
    (edit("questions", 0, "texts", value=titles("x" * 1025)), "/questions/0/texts/ru", "too long"),
    (edit("texts", "cards_header", value=titles("x" * 61)), "/texts/cards_header/ru", "too long"),
    (edit("questions", 3, "options", value=[]), "/questions/3/options", "1 to 3 options, not 0"),
    (edit("questions", 1, "segment", value="SEG_NEW"), "/audiences", "is missing"),
    (edit("questions", 0, "crm_field", value="cf_other"), "/questions/0/crm_field", "not among crm_fields"),
    (edit("max_attempts", value=4), "/questions/0/reprompts/ru", "3 texts for 4 attempts"),
    (edit("mark_at_attempt", value=5), "/mark_at_attempt", "never be marked"),
    (edit("questions", 1, "options", 0, "maximum", value=2000), "/questions/1/options", "overlap"),
    (edit("questions", 1, "options", 1, "maximum", value=500), "/questions/1/options/1", "not below"),
    (edit("products", 1, "key", value="course-start"), "/products", "more than one product"),
    (edit("products", 1, "currency", value="EUR"), "/products", "several currencies"),
    (edit("products", 0, "amount_minor", value=0), "/products/0/amount_minor", "minimum"),
    (edit("products", 0, "titles", value=titles("x" * 21)), "/products/0/titles/ru", "at most 20"),
    (edit("texts", "link_body", value=titles("{name}")), "/texts/link_body/ru", "{product} and {price}"),
    (edit("audiences", "A2_QUALIFIED", value=...), "/audiences", "A2_QUALIFIED is missing"),
    (edit("audiences", "SEG_NICHE_SHOES", value="n"), "/audiences/SEG_NICHE_SHOES", "not an audience"),
    (edit("audiences", "A2_QUALIFIED", value="Arriwa A1"), "/audiences", "unique"),
    (edit("event_map", "QUALIFY_Q2", value=...), "/event_map", "QUALIFY_Q2 is missing"),
    (edit("event_map", "Purchase", "messaging", value="Lead"), "/event_map/Purchase/messaging", "not one of"),
    (edit("event_map", "Purchase", "noise", value="NOISE"), "/event_map/Purchase", "never goes to the NOISE"),
    (edit("event_map", "NOISE", "messaging", value="Purchase"), "/event_map/NOISE", "NOISE pixel only"),
    (edit("event_map", "OptIn", "pixel_when", value=None), "/event_map/OptIn/pixel_when", "exactly when"),
    (edit("silence_limit_seconds", value=1), "/silence_limit_seconds", "below silence_seconds"),
    (edit("threshold", value=1.01), "/threshold", "maximum"),
]


@pytest.mark.parametrize(
    ("spoil", "path", "says"), SPOILED, ids=[f"{i}{s[1]}" for i, s in enumerate(SPOILED)]
)
def test_a_spoiled_playbook_is_refused_where_it_is_wrong(spoil, path, says):
    document = default_document()
    spoil(document)
    found = problems_of(document)
    assert path in found
    assert says in found[path]


def test_more_rows_and_buttons_than_whatsapp_shows_are_refused():
    document = default_document()
    for index, most in ((0, 10), (3, 3)):
        options = document["questions"][index]["options"]
        while len(options) <= most:
            extra = copy.deepcopy(options[0])
            extra["value"] = f"extra{len(options)}"
            extra["titles"] = titles(f"extra {len(options)}")
            options.append(extra)
    found = problems_of(document)
    assert "1 to 10 options, not 11" in found["/questions/0/options"]
    assert "1 to 3 options, not 4" in found["/questions/3/options"]


def test_with_a_catalog_product_titles_may_be_longer():
    document = {**default_document(), "catalog_id": "55501"}
    document["products"][0]["titles"] = titles("x" * 21)
    assert parse(document).products[0].titles["ru"] == "x" * 21
