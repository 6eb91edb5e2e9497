"""The lead's phone: what a person does in WhatsApp, as a JSON API under /phone.

It knows the chat and nothing of the business behind it.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.core import World
from sandbox.stripe import Payments
from sandbox.whatsapp import Network

CLICK_ID_LENGTH = 131


class Mistake(Exception):
    """The person cannot do that; the text says why. `status` is 400 or 404."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@web.middleware
async def _errors(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
        return response
    except Mistake as mistake:
        return web.json_response({"error": str(mistake)}, status=mistake.status)


def create(world: World, network: Network, payments: Payments) -> web.Application:
    """The sub-application mounted at /phone."""
    app = web.Application(middlewares=[_errors])
    hand = Hand(world, network, payments)
    app.router.add_get("/{wa_id}/chat", hand.chat)
    app.router.add_post("/{wa_id}/tap-ad", hand.acting(hand.tap_ad))
    app.router.add_post("/{wa_id}/send", hand.acting(hand.send))
    app.router.add_post("/{wa_id}/tap", hand.acting(hand.tap))
    app.router.add_post("/{wa_id}/order", hand.acting(hand.order))
    app.router.add_post("/{wa_id}/pay", hand.acting(hand.pay))
    return app


Action = Callable[[str, str, dict[str, Any]], Awaitable[dict[str, Any]]]


class Hand:
    """What the person's hand does. Each action takes (wa_id, account, the request's JSON)."""

    def __init__(self, world: World, network: Network, payments: Payments) -> None:
        self.world = world
        self.network = network
        self.payments = payments

    def acting(self, action: Action) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Wraps an action: reads JSON, checks number and account, applies `name` and `hide_phone`."""

        async def handler(request: web.Request) -> web.Response:
            wa_id = _digits(request)
            try:
                given = await request.json()
            except ValueError as error:
                raise Mistake("The request must be JSON") from error
            account = given.get("account", "")
            if account not in self.world.accounts:
                raise Mistake(f"No account {account!r} in the sandbox", 404)
            phone = self.network.phone(wa_id)
            phone.name = given.get("name") or phone.name
            phone.hidden = bool(given.get("hide_phone", phone.hidden))
            return web.json_response(await action(wa_id, account, given))

        return handler

    async def chat(self, request: web.Request) -> web.Response:
        """GET: the whole chat, newest last, and whether it can still be written into freely."""
        wa_id = _digits(request)
        number = request.query.get("number") or self._number(request.query.get("account", ""))
        phone = self.network.phone(wa_id)
        return web.json_response(
            {
                "wa_id": wa_id,
                "number": number,
                "name": phone.name,
                "hide_phone": phone.hidden,
                "messages": self.network.chats.get((number, wa_id), []),
            }
        )

    async def tap_ad(self, wa_id: str, account: str, given: dict[str, Any]) -> dict[str, Any]:
        """{account, ad_id, text?, greeting?, without_click_id?}: WhatsApp opens, the text is sent."""
        ads = self.world.meta_of(account).get("ads", [])
        ad = next((one for one in ads if one["id"] == given.get("ad_id")), None)
        if ad is None:
            raise Mistake(f"Account {account!r} has no ad {given.get('ad_id')!r}", 404)
        referral = {
            "source_type": "ad",
            "source_id": ad["id"],
            "source_url": ad["source_url"],
            "headline": ad["headline"],
            "body": ad["body"],
            "media_type": ad["media_type"],
        }
        media = f"https://scontent.xx.fbcdn.net/v/{ad['id']}"
        if ad["media_type"] == "video":
            referral |= {"video_url": media + ".mp4", "thumbnail_url": media + ".jpg"}
        else:
            referral["image_url"] = media + ".jpg"
        # Status placements carry no click id (gupshup_whatsapp.md 4.2)
        if not given.get("without_click_id"):
            referral["ctwa_clid"] = click_id = make_click_id()
            self.world.clicks[click_id] = {
                "account": account,
                "ad_id": ad["id"],
                "waba_id": str(self.world.accounts[account].get("gupshup", {}).get("waba_id", "")),
                "at": self.world.now(),
            }
        greeting = given.get("greeting") or ad.get("greeting")
        if greeting:
            referral["welcome_message"] = {"text": greeting}
        text = given.get("text") or ad.get("pre_typed") or "Hello"
        content = {"type": "text", "text": {"body": text}, "referral": referral}
        shown = {"type": "text", "body": text, "ad": {"id": ad["id"], "headline": ad["headline"]}}
        sent = self.network.deliver(account, wa_id, content, shown, at=given.get("at"))
        return {**sent, "referral": referral}

    async def send(self, wa_id: str, account: str, given: dict[str, Any]) -> dict[str, Any]:
        """{account, text, kind?}: kind is text, request_welcome, unsupported, reaction, location, medium."""
        kind, text = given.get("kind", "text"), str(given.get("text", ""))
        content = _content(kind, text, given)
        return self.network.deliver(account, wa_id, content, {"type": kind, "body": text}, at=given.get("at"))

    async def tap(self, wa_id: str, account: str, given: dict[str, Any]) -> dict[str, Any]:
        """{account, wamid, id}: taps a button or a list row of a message that was received."""
        message = self._received(wa_id, account, given)
        wanted = given.get("id")
        for option in message.get("buttons", ()):
            if option["id"] == wanted:
                reply = {"id": wanted, "title": option["title"]}
                content: dict[str, Any] = {
                    "type": "interactive",
                    "interactive": {"type": "button_reply", "button_reply": reply},
                }
                if message["type"] == "template":
                    content = {"type": "button", "button": {"payload": wanted, "text": option["title"]}}
                break
        else:
            option = next((row for row in message.get("rows", ()) if row["id"] == wanted), None)
            if option is None:
                raise Mistake(f"That message has no button or row {wanted!r}")
            reply = {"id": wanted, "title": option["title"]}
            if option["description"]:
                reply["description"] = option["description"]
            content = {"type": "interactive", "interactive": {"type": "list_reply", "list_reply": reply}}
        shown = {
            "type": content["type"],
            "body": option["title"],
            "answers": message["wamid"],
            "option": wanted,
        }
        return self.network.deliver(account, wa_id, content, shown, at=given.get("at"), quoted=message)

    async def order(self, wa_id: str, account: str, given: dict[str, Any]) -> dict[str, Any]:
        """{account, wamid, products: [{retailer_id, quantity}], text?}: sends the cart of a product list."""
        message = self._received(wa_id, account, given)
        offered = {one["retailer_id"]: one for one in message.get("products", ())}
        items = []
        for wanted in given.get("products", ()):
            product = offered.get(wanted.get("retailer_id"))
            if product is None:
                raise Mistake(f"That message does not offer {wanted.get('retailer_id')!r}")
            price = float(product["price"])
            items.append(
                {
                    "product_retailer_id": product["retailer_id"],
                    "quantity": int(wanted.get("quantity", 1)),
                    "item_price": int(price) if price.is_integer() else price,
                    "currency": product["currency"],
                }
            )
        if not items:
            raise Mistake("The cart is empty")
        order = {"catalog_id": message["catalog_id"], "text": given.get("text", ""), "product_items": items}
        names = [f"{offered[one['product_retailer_id']]['name']} × {one['quantity']}" for one in items]
        shown = {"type": "order", "body": ", ".join(names), "answers": message["wamid"], "items": items}
        content = {"type": "order", "order": order}
        return self.network.deliver(account, wa_id, content, shown, at=given.get("at"), quoted=message)

    async def pay(self, wa_id: str, account: str, given: dict[str, Any]) -> dict[str, Any]:
        """{account, url, times?}: opens a payment link, pays; {"results": [{paid, reason, session}]}."""
        link_id = str(given.get("url", "")).split("?")[0].rstrip("/").rsplit("/", 1)[-1]
        phone = self.network.phone(wa_id)
        results = [
            self.payments.pay(link_id, name=phone.name, phone=f"+{wa_id}")
            for _ in range(int(given.get("times", 1)))
        ]
        return {"results": results}

    def _number(self, account: str) -> str:
        settings = self.world.accounts.get(account, {}).get("gupshup")
        if not settings:
            raise Mistake("Give ?number= or ?account=")
        return str(settings["number"])

    def _received(self, wa_id: str, account: str, given: dict[str, Any]) -> dict[str, Any]:
        for message in self.network.chats.get((self._number(account), wa_id), ()):
            if message["from"] == "business" and message["wamid"] == given.get("wamid"):
                return message
        raise Mistake("No received message with that wamid", 404)


def make_click_id() -> str:
    """A ctwa_clid of realistic form: 131 characters of base64url that start with ARA or Aff."""
    start = secrets.choice(("ARA", "Aff"))
    return start + secrets.token_urlsafe(CLICK_ID_LENGTH)[: CLICK_ID_LENGTH - len(start)]


def _digits(request: web.Request) -> str:
    wa_id = request.match_info["wa_id"]
    if not wa_id.isascii() or not wa_id.isdigit() or not 6 <= len(wa_id) <= 15:
        raise Mistake("A phone is a number of 6 to 15 digits")
    return wa_id


def _content(kind: str, text: str, given: dict[str, Any]) -> dict[str, Any]:
    if kind == "text":
        if not text.strip():
            raise Mistake("Type something first")
        return {"type": "text", "text": {"body": text}}
    if kind in ("image", "video", "audio", "document", "sticker"):
        medium: dict[str, Any] = {
            "id": str(secrets.randbelow(10**15)),
            "mime_type": given.get("mime_type", "application/octet-stream"),
            "sha256": secrets.token_urlsafe(32),
        }
        if text:
            medium["caption"] = text
        return {"type": kind, kind: medium}
    if kind == "reaction":
        return {"type": kind, kind: {"message_id": given.get("wamid", ""), "emoji": text}}
    if kind == "location":
        return {"type": kind, kind: {"latitude": 43.238949, "longitude": 76.889709, "name": text}}
    if kind == "request_welcome":
        return {"type": kind}
    if kind == "unsupported":
        errors = [{"code": 131051, "title": "Message type unknown"}]
        return {"type": kind, kind: {"type": "unknown"}, "errors": errors}
    raise Mistake(f"A phone cannot send {kind!r}")
