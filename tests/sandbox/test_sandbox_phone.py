"""What the person does on the phone arrives at the business as WhatsApp would bring it."""

from __future__ import annotations

import re
from typing import Any

from sandbox_client import LEAD, Client, Listener, buttons, cards, rows, wait_for

META_REFERRAL_KEYS = {
    "source_type",
    "source_id",
    "source_url",
    "headline",
    "body",
    "media_type",
    "image_url",
    "video_url",
    "thumbnail_url",
    "ctwa_clid",
    "welcome_message",
}


def inbound(sandbox: Client) -> dict[str, Any]:
    found: dict[str, Any] = sandbox.held("gupshup")["inbound"][-1]["message"]
    return found


def test_an_ad_tap_arrives_with_metas_referral_keys_only(sandbox: Client, listener: Listener) -> None:
    sandbox.subscribe(listener.url + "/gs", modes="MESSAGE")
    ad = sandbox.demo["meta"]["ads"][0]
    sandbox.act("tap-ad", ad_id=ad["id"], name="Aigul", greeting="Hi!")
    body = wait_for(lambda: [one for one in listener.json("/gs") if "contacts" in str(one)])[0]
    value = body["entry"][0]["changes"][0]["value"]
    message, contact = value["messages"][0], value["contacts"][0]
    assert message["text"]["body"] == ad["pre_typed"]
    assert set(message["referral"]) <= META_REFERRAL_KEYS
    assert message["referral"]["source_id"] == ad["id"]
    assert re.fullmatch(r"(ARA|Aff)[A-Za-z0-9_-]{128}", message["referral"]["ctwa_clid"])
    assert (contact["wa_id"], contact["profile"]["name"], message["from"]) == (LEAD, "Aigul", LEAD)
    assert value["metadata"]["display_phone_number"] == sandbox.demo["gupshup"]["number"]


def test_every_tap_on_an_ad_is_a_click_of_its_own(sandbox: Client) -> None:
    ad = sandbox.demo["meta"]["ads"][0]["id"]
    first, second = sandbox.act("tap-ad", ad_id=ad), sandbox.act("tap-ad", ad_id=ad)
    assert first["referral"]["ctwa_clid"] != second["referral"]["ctwa_clid"]


def test_a_status_placement_has_no_click_id(sandbox: Client) -> None:
    ad = sandbox.demo["meta"]["ads"][0]["id"]
    assert "ctwa_clid" not in sandbox.act("tap-ad", ad_id=ad, without_click_id=True)["referral"]


def test_an_organic_message_has_no_referral(sandbox: Client) -> None:
    sandbox.act("send", text="Hello")
    assert "referral" not in inbound(sandbox)


def test_a_tapped_button_quotes_the_message_with_both_ids(sandbox: Client) -> None:
    sandbox.act("send", text="hi")
    gs_id = sandbox.message(type="interactive", interactive=buttons("One", "Two")).json()["messages"][0]["id"]
    wamid = sandbox.chat()[-1]["wamid"]
    sandbox.act("tap", wamid=wamid, id="b1")
    message = inbound(sandbox)
    assert message["interactive"] == {"type": "button_reply", "button_reply": {"id": "b1", "title": "Two"}}
    assert (message["context"]["id"], message["context"]["gs_id"]) == (wamid, gs_id)


def test_a_tapped_row_arrives_as_a_list_reply(sandbox: Client) -> None:
    sandbox.act("send", text="hi")
    sandbox.message(type="interactive", interactive=rows(3))
    sandbox.act("tap", wamid=sandbox.chat()[-1]["wamid"], id="r2")
    reply = inbound(sandbox)["interactive"]
    assert reply == {"type": "list_reply", "list_reply": {"id": "r2", "title": "Row 2"}}


def test_a_button_that_was_not_offered_cannot_be_tapped(sandbox: Client) -> None:
    sandbox.act("send", text="hi")
    sandbox.message(type="interactive", interactive=buttons("One"))
    given = {"account": "demo", "wamid": sandbox.chat()[-1]["wamid"], "id": "b9"}
    assert sandbox.post(f"/phone/{LEAD}/tap", given).status_code == 400


def test_a_cart_arrives_as_an_order_with_catalog_prices(sandbox: Client) -> None:
    sandbox.act("send", text="hi")
    sandbox.message(type="interactive", interactive=cards())
    wamid = sandbox.chat()[-1]["wamid"]
    sandbox.act("order", wamid=wamid, products=[{"retailer_id": "course-pro", "quantity": 2}])
    order = inbound(sandbox)["order"]
    item = {"product_retailer_id": "course-pro", "quantity": 2, "item_price": 1900, "currency": "USD"}
    assert (order["catalog_id"], order["product_items"]) == ("55501", [item])


def test_a_hidden_number_leaves_only_the_user_id_and_can_be_answered_by_it(sandbox: Client) -> None:
    sandbox.act("send", text="hi", hide_phone=True)
    message = inbound(sandbox)
    assert "from" not in message and message["from_user_id"].startswith("KZ.")
    sent = sandbox.message(to=None, recipient=message["from_user_id"], type="text", text={"body": "Hello"})
    assert sent.status_code == 200
    assert sandbox.chat()[-1]["body"] == "Hello"


def test_the_user_id_differs_between_businesses(sandbox: Client) -> None:
    sandbox.act("send", text="hi")
    sandbox.act("send", text="hi", account="other")
    ids = {one["message"]["from_user_id"] for one in sandbox.held("gupshup")["inbound"]}
    assert len(ids) == 2


def test_without_the_apps_flag_people_without_a_number_are_parked(sandbox: Client) -> None:
    sandbox.post("/gupshup/_settings", {"app_id": sandbox.demo["gupshup"]["app_id"], "bsuid": False})
    sandbox.act("send", text="hi", hide_phone=True)
    held = sandbox.held("gupshup")
    assert (len(held["parked"]), held["inbound"]) == (1, [])
