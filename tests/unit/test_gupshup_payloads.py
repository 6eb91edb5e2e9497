"""Content becomes WhatsApp's own bodies, and what WhatsApp would refuse never leaves."""

from __future__ import annotations

from typing import Any

import pytest

from arriwa.common.errors import Disposition
from integrations.gupshup.payloads import ContentInvalid, message_body
from subscribers.content import Buttons, Content, LinkButton, Menu, Option, ProductCards, Template, Text

PHONE = "37129999999"
ENVELOPE = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": PHONE}
TWO = (Option("q2:sat", "Saturday"), Option("q2:sun", "Sunday"))


def body(content: Content) -> dict[str, Any]:
    return message_body(content, phone=PHONE, user_id=None)


GOLDEN: list[tuple[Content, dict[str, Any]]] = [
    (Text("Hello"), {"type": "text", "text": {"body": "Hello", "preview_url": False}}),
    (
        Buttons("Which day?", TWO),
        {
            "type": "interactive",
            "interactive": {
                "type": "button",
                "body": {"text": "Which day?"},
                "action": {
                    "buttons": [
                        {"type": "reply", "reply": {"id": "q2:sat", "title": "Saturday"}},
                        {"type": "reply", "reply": {"id": "q2:sun", "title": "Sunday"}},
                    ]
                },
            },
        },
    ),
    (
        Menu("Choose one", "Show", (Option("loc:12", "Old Town", "5 min walk"), Option("b", "Beach"))),
        {
            "type": "interactive",
            "interactive": {
                "type": "list",
                "body": {"text": "Choose one"},
                "action": {
                    "button": "Show",
                    "sections": [
                        {
                            "rows": [
                                {"id": "loc:12", "title": "Old Town", "description": "5 min walk"},
                                {"id": "b", "title": "Beach"},
                            ]
                        }
                    ],
                },
            },
        },
    ),
    (
        ProductCards("For you", "Two ideas", "55501", "Tours", ("sku-1", "sku-2")),
        {
            "type": "interactive",
            "interactive": {
                "type": "product_list",
                "header": {"type": "text", "text": "For you"},
                "body": {"text": "Two ideas"},
                "action": {
                    "catalog_id": "55501",
                    "sections": [
                        {
                            "title": "Tours",
                            "product_items": [
                                {"product_retailer_id": "sku-1"},
                                {"product_retailer_id": "sku-2"},
                            ],
                        }
                    ],
                },
            },
        },
    ),
    (
        ProductCards("For you", "This one", "55501", "Tours", ("sku-1",)),
        {
            "type": "interactive",
            "interactive": {
                "type": "product",
                "body": {"text": "This one"},
                "action": {"catalog_id": "55501", "product_retailer_id": "sku-1"},
            },
        },
    ),
    (
        LinkButton("Pay safely", "Pay 40 EUR", "https://pay.example/s/9k2"),
        {
            "type": "interactive",
            "interactive": {
                "type": "cta_url",
                "body": {"text": "Pay safely"},
                "action": {
                    "name": "cta_url",
                    "parameters": {"display_text": "Pay 40 EUR", "url": "https://pay.example/s/9k2"},
                },
            },
        },
    ),
    (
        Template("receipt_v3", "en", ("Ana", "40 EUR")),
        {
            "type": "template",
            "template": {
                "name": "receipt_v3",
                "language": {"code": "en"},
                "components": [
                    {
                        "type": "body",
                        "parameters": [{"type": "text", "text": "Ana"}, {"type": "text", "text": "40 EUR"}],
                    }
                ],
            },
        },
    ),
    (
        Template("come_back", "pt_BR"),
        {"type": "template", "template": {"name": "come_back", "language": {"code": "pt_BR"}}},
    ),
]


@pytest.mark.parametrize(("content", "expected"), GOLDEN, ids=lambda value: type(value).__name__)
def test_content_becomes_whatsapps_body(content: Content, expected: dict[str, Any]) -> None:
    assert body(content) == {**ENVELOPE, **expected}


def test_a_user_id_goes_to_recipient_and_never_to_to() -> None:
    sent = message_body(Text("Hi"), phone=None, user_id="LV.88123")
    assert sent["recipient"] == "LV.88123"
    assert "to" not in sent


def test_a_known_phone_wins_over_the_user_id() -> None:
    sent = message_body(Text("Hi"), phone=f"+{PHONE}", user_id="LV.88123")
    assert sent["to"] == PHONE
    assert "recipient" not in sent


def test_a_reply_quotes_the_message() -> None:
    sent = message_body(Text("Hi"), phone=PHONE, user_id=None, reply_to="wamid.AAA")
    assert sent["context"] == {"message_id": "wamid.AAA"}


@pytest.mark.parametrize(("phone", "user_id"), [(None, None), ("", ""), ("LV.88123", None), ("371 29", None)])
def test_a_message_without_a_usable_recipient_is_refused(phone: str | None, user_id: str | None) -> None:
    with pytest.raises(ContentInvalid):
        message_body(Text("Hi"), phone=phone, user_id=user_id)


def test_line_breaks_in_a_template_parameter_become_spaces() -> None:
    sent = body(Template("receipt", "en", ("Old\n Town\t tour",)))
    assert sent["template"]["components"][0]["parameters"][0]["text"] == "Old Town tour"


def options(count: int, title: str = "t") -> tuple[Option, ...]:
    return tuple(Option(f"id{n}", f"{title}{n}") for n in range(count))


AT_THE_LIMIT: list[Content] = [
    Text("x" * 4096),
    Buttons("x" * 1024, (Option("i" * 256, "t" * 20), *options(2))),
    Menu("x" * 1024, "b" * 20, (Option("i" * 200, "t" * 24, "d" * 72), *options(9))),
    ProductCards("h" * 60, "b" * 1024, "1", "s" * 24, tuple(f"p{n}" for n in range(30))),
    LinkButton("b" * 1024, "l" * 20, "http://127.0.0.1:8000/x"),
    Template("t", "en", ("x" * 1024,)),
]
BEYOND: list[Content] = [
    Text("x" * 4097),
    Text(" \n"),
    Buttons("x" * 1025, TWO),
    Buttons("x", ()),
    Buttons("x", options(4)),
    Buttons("x", (Option("i", "t" * 21),)),
    Buttons("x", (Option("i" * 257, "t"),)),
    Buttons("x", (Option("", "t"),)),
    Buttons("x", (Option(" i", "t"),)),
    Buttons("x", (Option("a", "t"), Option("b", "t"))),
    Buttons("x", (Option("a", "t"), Option("a", "u"))),
    Menu("x", "b" * 21, TWO),
    Menu("x", "", TWO),
    Menu("x", "b", options(11)),
    Menu("x", "b", (Option("i" * 201, "t"),)),
    Menu("x", "b", (Option("i", "t" * 25),)),
    Menu("x", "b", (Option("i", "t", "d" * 73),)),
    ProductCards("h" * 61, "b", "1", "s", ("a", "b")),
    ProductCards("", "b", "1", "s", ("a", "b")),
    ProductCards("h", "b", "", "s", ("a", "b")),
    ProductCards("h", "b", "1", "s" * 25, ("a", "b")),
    ProductCards("h", "b", "1", "s", ()),
    ProductCards("h", "b", "1", "s", ("a", "")),
    ProductCards("h", "b", "1", "s", tuple(f"p{n}" for n in range(31))),
    LinkButton("b", "l" * 21, "https://x.example"),
    LinkButton("b", "l", "javascript:alert(1)"),
    LinkButton("b", "l", "https://[x"),
    LinkButton("b", "l", "/pay"),
    Template("", "en"),
    Template("t", ""),
    Template("t", "en", ("",)),
    Template("t", "en", ("x" * 1025,)),
]


@pytest.mark.parametrize("content", AT_THE_LIMIT, ids=lambda c: type(c).__name__)
def test_content_at_whatsapps_limits_passes(content: Content) -> None:
    assert body(content)["to"] == PHONE


@pytest.mark.parametrize("content", BEYOND, ids=lambda c: repr(c)[:50])
def test_content_beyond_whatsapps_limits_is_refused_for_good(content: Content) -> None:
    with pytest.raises(ContentInvalid) as caught:
        body(content)
    assert caught.value.disposition is Disposition.DEAD
    assert PHONE not in caught.value.message
