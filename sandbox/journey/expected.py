"""The written list: what the lead does, what must come to the phone, and every line of the ledger after it.

Literal data, so that nothing in the product or in this package can talk itself right. It belongs to the demo
account (sandbox/accounts.json) and the default playbook; the names at Meta come from design 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ACCOUNT = "demo"
AD_ID = "120219876543210001"
PRODUCT = "course-start"
AMOUNT_MINOR, CURRENCY = 90000, "USD"


@dataclass(frozen=True)
class Line:
    """A line that the ledger must have `times` times, no more and no less."""

    kind: str
    key: str
    #: What the ledger calls it: for a delivery, the effect in the platform's words.
    title: str
    platform: str = ""
    amount_minor: int | None = None
    currency: str = ""
    times: int = 1
    #: Which setting of the account's platform the delivery's target must be; "" when it is none.
    target: str = ""
    #: What the platform's own record must call it: audience, message type.
    there: str = ""
    #: Values of the proof that are known beforehand.
    proof: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """What the lead does, the message that must follow, and the lines that must follow."""

    name: str
    action: str
    given: Mapping[str, Any]
    #: WhatsApp type of the next message and a part of its text.
    message: str
    text: str
    lines: tuple[Line, ...]
    #: Title of the button or list row to tap.
    option: str = ""


def _fact(key: str, title: str, **more: Any) -> Line:
    return Line("fact", key, title, **more)


def _event(role: str, key: str, name: str, **more: Any) -> Line:
    target = {"messaging": "dataset_id", "good_pixel": "good_pixel_id", "noise_pixel": "noise_pixel_id"}[role]
    return Line("delivery", f"{role}:{key}", name, "meta", target=target, **more)


def _join(name: str, there: str) -> Line:
    return Line("delivery", f"join:{name}", f"join {name}", "meta", there=there)


def _leave(name: str, there: str) -> Line:
    return Line("delivery", f"leave:{name}", f"leave {name}", "meta", there=there)


def _deal(key: str, title: str) -> Line:
    return Line("delivery", key, title, "kommo")


def _message(key: str, there: str, **more: Any) -> Line:
    purpose = key.rsplit(":", 1)[0]
    return Line("delivery", key, f"send {purpose}", "gupshup", target="number", there=there, **more)


def _agent(key: str, title: str, **proof: Any) -> Line:
    return Line("delivery", key, title, "flowise", target="flow_id", proof=proof)


_SALE: dict[str, Any] = {"amount_minor": AMOUNT_MINOR, "currency": CURRENCY}

STEPS: tuple[Step, ...] = (
    Step(
        "taps the ad",
        "tap-ad",
        {"ad_id": AD_ID},
        "list",
        "В какой нише вы работаете?",
        (
            _fact(
                "ctwa",
                "Came by click-to-WhatsApp ad",
                proof={
                    "clickId": "accepted",
                    "adId": AD_ID,
                    "campaignId": "120210000000000001",
                    "adsetId": "120211000000000001",
                    "creativeId": "120212000000000001",
                    "utm": {
                        "utm_source": "facebook",
                        "utm_medium": "cpc",
                        "utm_campaign": "courses_2026",
                        "utm_content": "video15",
                    },
                    # Meta's own keys (reference gupshup_whatsapp 4.1); campaign and ad set are not among them
                    "referral": [
                        "body",
                        "ctwa_clid",
                        "headline",
                        "image_url",
                        "media_type",
                        "source_id",
                        "source_type",
                        "source_url",
                    ],
                },
            ),
            _fact("OptIn", "OptIn"),
            Line(
                "delivery",
                f"ad:{AD_ID}",
                "ad metadata",
                "meta",
                proof={
                    "ad_id": AD_ID,
                    "campaign_id": "120210000000000001",
                    "adset_id": "120211000000000001",
                    "creative_id": "120212000000000001",
                },
            ),
            _event("messaging", "OptIn", "LeadSubmitted"),
            _event("good_pixel", "OptIn", "OptIn"),
            _join("A1_STARTED_NOT_FINISHED", "Arriwa A1"),
            _deal("contact", "create contact"),
            _deal("deal", "create deal"),
            _deal("stage:new", "stage Новый"),
            _agent("agent:start", "start agent"),
            _message("question:niche:menu", "list"),
        ),
    ),
    Step(
        "picks the niche from the list",
        "tap",
        {},
        "text",
        "рекламный бюджет",
        (
            _fact("answer:niche:1:valid:school", "Answer to niche: valid", proof={"method": "choice"}),
            _fact("QUALIFY_Q1", "QUALIFY_Q1"),
            _event("good_pixel", "QUALIFY_Q1", "QUALIFY_Q1"),
            _join("CA_QUAL_Q1", "Arriwa Q1"),
            _join("SEG_NICHE_SCHOOL", "Arriwa S1-1"),
            _deal("field:cf_niche=school", "field cf_niche"),
            _message("question:budget:text", "text"),
        ),
        option="Онлайн-школа",
    ),
    Step(
        "writes «ывапрол»",
        "send",
        {"text": "ывапрол"},
        "text",
        "Напишите, пожалуйста, сумму",
        (
            _agent("judge:budget:3", "judge budget", verdict="noise"),
            _fact("answer:budget:1:noise:", "Answer to budget: noise", proof={"method": "flowise"}),
            _fact("NOISE:budget:1", "NOISE"),
            _event("noise_pixel", "NOISE:budget:1", "NOISE"),
            _join("CA_EXCLUDE_NOISE", "Arriwa N1"),
            _deal("tag:trash:set", "set tag trash"),
        ),
    ),
    Step(
        "writes «не знаю»",
        "send",
        {"text": "не знаю"},
        "text",
        "Достаточно примерной цифры",
        (
            _agent("judge:budget:5", "judge budget", verdict="ambiguous"),
            _fact("answer:budget:2:ambiguous:", "Answer to budget: ambiguous", proof={"method": "flowise"}),
            _fact("AMBIGUOUS:budget:2", "AMBIGUOUS"),
            _event("noise_pixel", "AMBIGUOUS:budget:2", "AMBIGUOUS"),
            _deal("tag:trash:removed", "remove tag trash"),
            _deal("tag:ambiguous:set", "set tag ambiguous"),
            # one after the noise, one after the ambiguous answer
            _message("reprompt:budget:text", "text", times=2),
        ),
    ),
    Step(
        "writes «около 2000 долларов»",
        "send",
        {"text": "около 2000 долларов"},
        "text",
        "Откуда сейчас приходят клиенты",
        (
            _agent("judge:budget:7", "judge budget", verdict="valid", value="1000_3000"),
            _fact("answer:budget:3:valid:1000_3000", "Answer to budget: valid", proof={"method": "flowise"}),
            _fact("QUALIFY_Q2", "QUALIFY_Q2"),
            _event("good_pixel", "QUALIFY_Q2", "QUALIFY_Q2"),
            _join("CA_QUAL_Q2", "Arriwa Q2"),
            _join("SEG_BUDGET_1000_3000", "Arriwa S2-2"),
            _leave("CA_EXCLUDE_NOISE", "Arriwa N1"),
            _deal("tag:ambiguous:removed", "remove tag ambiguous"),
            _deal("field:cf_budget_month=1000_3000", "field cf_budget_month"),
            _message("question:channel:text", "text"),
        ),
    ),
    Step(
        "writes «в основном инстаграм»",
        "send",
        {"text": "в основном инстаграм"},
        "button",
        "Когда планируете начать?",
        (
            _agent("judge:channel:9", "judge channel", verdict="valid", value="instagram"),
            _fact(
                "answer:channel:1:valid:instagram", "Answer to channel: valid", proof={"method": "flowise"}
            ),
            _fact("QUALIFY_Q3", "QUALIFY_Q3"),
            _event("good_pixel", "QUALIFY_Q3", "QUALIFY_Q3"),
            _join("CA_QUAL_Q3", "Arriwa Q3"),
            _join("SEG_CHANNEL_INSTAGRAM", "Arriwa S3-1"),
            _deal("field:cf_channel=instagram", "field cf_channel"),
            _message("question:readiness:buttons", "button"),
        ),
    ),
    Step(
        "taps «Готов сейчас»",
        "tap",
        {},
        "product_list",
        "Выберите курс",
        (
            _fact("answer:readiness:1:valid:now", "Answer to readiness: valid", proof={"method": "choice"}),
            _fact("QUALIFY_Q4", "QUALIFY_Q4"),
            _fact("QUALIFY_COMPLETE", "QUALIFY_COMPLETE"),
            _fact("ViewContent:course-start", "ViewContent"),
            _event("good_pixel", "QUALIFY_Q4", "QUALIFY_Q4"),
            _event("good_pixel", "QUALIFY_COMPLETE", "QUALIFY_COMPLETE"),
            _event("messaging", "QUALIFY_COMPLETE", "QualifiedLead"),
            _event("messaging", "ViewContent:course-start", "ViewContent"),
            _join("CA_QUAL_Q4", "Arriwa Q4"),
            _leave("A1_STARTED_NOT_FINISHED", "Arriwa A1"),
            _join("A2_QUALIFIED", "Arriwa A2"),
            _deal("field:cf_readiness=now", "field cf_readiness"),
            _deal("stage:qualified", "stage Квалифицирован"),
            _message("cards:product_cards", "product_list"),
        ),
        option="Готов сейчас",
    ),
    Step(
        "orders «Старт»",
        "order",
        {"products": [{"retailer_id": PRODUCT, "quantity": 1}]},
        "cta_url",
        "900 USD",
        (
            _fact("AddToCart:course-start", "AddToCart", **_SALE),
            _fact("InitiateCheckout:course-start", "InitiateCheckout", **_SALE),
            _event("messaging", "AddToCart:course-start", "AddToCart", **_SALE),
            _event("messaging", "InitiateCheckout:course-start", "InitiateCheckout", **_SALE),
            Line(
                "delivery", "payment_link:course-start", "payment_link", "stripe", target="account", **_SALE
            ),
            _deal("price", "price"),
            _message("payment_link:link_button", "cta_url"),
        ),
    ),
    Step(
        "pays",
        "pay",
        {},
        "template",
        "900 USD",
        (
            _fact("paid:course-start", "Paid: course-start", **_SALE),
            _fact("Purchase", "Purchase", **_SALE),
            _event("messaging", "Purchase", "Purchase", **_SALE),
            Line("delivery", "payment:course-start", "payment", "stripe", **_SALE),
            _leave("A2_QUALIFIED", "Arriwa A2"),
            _join("CA_PURCHASERS", "Arriwa P1"),
            _deal("stage:paid", "stage Оплачено"),
            _message("receipt:template", "template", proof={"template": "receipt_ru"}),
        ),
    ),
)

LINES: tuple[Line, ...] = tuple(line for step in STEPS for line in step.lines)

#: The audiences at Meta that hold the lead at the end; in no other is it left.
MEMBER_OF = (
    "Arriwa P1",
    "Arriwa Q1",
    "Arriwa Q2",
    "Arriwa Q3",
    "Arriwa Q4",
    "Arriwa S1-1",
    "Arriwa S2-2",
    "Arriwa S3-1",
)
#: The deal's stages in the CRM's own history, in this order.
STAGES = ("Новый", "Квалифицирован", "Оплачено")
#: What the CRM's card shows at the end, by the fields' codes; the deal has no tag left.
CRM_FIELDS = {
    "CF_NICHE": "school",
    "CF_BUDGET_MONTH": "1000_3000",
    "CF_CHANNEL": "instagram",
    "CF_READINESS": "now",
}
CRM_PRICE = 900
#: The tags' moves in the deal's log, in this order.
CRM_TAGS = ("set trash", "remove trash", "set ambiguous", "remove ambiguous")
#: What a message's ledger line must tell, and the sandbox must have sent.
STATUSES = ("sent", "delivered", "read")
#: Keys of the metadata of a payment link, in both of its places (L20).
METADATA = ("arriwa_order", "arriwa_organization", "arriwa_workspace")
