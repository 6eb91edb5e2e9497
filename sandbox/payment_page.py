"""The page behind a payment link, as a buyer sees it: GET shows it, POST pays."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from aiohttp import web

from sandbox.stripe_pay import Payments, total

PAGE = Path(__file__).parent / "static" / "pay.html"
#: Currencies without minor units (docs.stripe.com/currencies)
ZERO_DECIMAL = "bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf"
STATES = {"": "ready", "used": "used", "inactive": "inactive", "missing": "missing"}


def add_payment_page(app: web.Application, payments: Payments) -> None:
    """Adds /pay/{link id} to the root application."""

    async def show(request: web.Request) -> web.Response:
        link_id = request.match_info["id"]
        return _page(payments, link_id, STATES[payments.refusal(link_id)])

    async def pay(request: web.Request) -> web.Response:
        link_id = request.match_info["id"]
        form = await request.post()
        result = payments.pay(link_id, name=str(form.get("name", "")), email=str(form.get("email", "")))
        if request.headers.get("Accept") == "application/json":
            return web.json_response(result, status=200 if result["paid"] else 409)
        return _page(payments, link_id, "paid" if result["paid"] else STATES[result["reason"]])

    app.router.add_get("/pay/{id}", show)
    app.router.add_post("/pay/{id}", pay)


def _page(payments: Payments, link_id: str, state: str) -> web.Response:
    link = payments.links.get(link_id)
    values = {
        "state": state,
        "amount": amount(total(link), link["currency"]) if link else "",
        "items": "".join(_item(one, link["currency"]) for one in link["_items"]) if link else "",
        "note": html.escape((link or {}).get("inactive_message") or ""),
    }
    text = PAGE.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    status = {"missing": 404, "used": 409, "inactive": 410}.get(state, 200)
    return web.Response(text=text, content_type="text/html", status=status)


def _item(item: dict[str, Any], currency: str) -> str:
    name, count = html.escape(item["name"]), item["quantity"]
    price = amount(item["unit_amount"] * count, currency)
    return f"<li><span>{name}{f' × {count}' if count > 1 else ''}</span><span>{price}</span></li>"


def amount(minor: int, currency: str) -> str:
    """An amount in minor units as text, e.g. (90000, "usd") -> "900.00 USD"."""
    shown = f"{minor:,}" if currency in ZERO_DECIMAL else f"{minor / 100:,.2f}"
    return f"{shown.replace(',', chr(0x202F))} {currency.upper()}"
