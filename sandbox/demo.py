"""The demo page at /: an ad to tap, the lead's phone, and the lead's ledger asked from the product's API."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import web

from sandbox.core import World

STATIC = Path(__file__).parent / "static"
#: Seconds to wait for the product's API; the page asks every second.
PATIENCE = aiohttp.ClientTimeout(total=5)


def add_demo(app: web.Application, world: World, product_url: str, product_token: str) -> None:
    """Adds the page, its files and the ledger proxy; POST /_product can name the product later."""
    product = {"url": product_url.rstrip("/"), "token": product_token}

    async def page(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    async def ads(_request: web.Request) -> web.Response:
        cards = [_card(world, name) for name in world.accounts]
        return web.json_response({"accounts": cards, "product": product["url"]})

    async def keys(_request: web.Request) -> web.Response:
        made = new_keys()
        world.merge_accounts({f"tenant-{made['kommo']['subdomain']}": made})
        return web.json_response(made)

    async def name_product(request: web.Request) -> web.Response:
        given = await request.json()
        product.update(url=str(given.get("url", "")).rstrip("/"), token=str(given.get("token", "")))
        return web.json_response({"url": product["url"]})

    async def ledger(request: web.Request) -> web.Response:
        if not product["url"]:
            return web.json_response({"state": "unconfigured"})
        assert world.client is not None
        try:
            return web.json_response(await _ledger(world.client, product, request.match_info["wa_id"]))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return web.json_response({"state": "unreachable", "detail": _detail(error)})

    app.router.add_get("/", page)
    app.router.add_get("/demo/accounts", ads)
    app.router.add_post("/demo/keys", keys)
    app.router.add_post("/_product", name_product)
    app.router.add_get("/ledger/{wa_id}", ledger)
    app.router.add_static("/static", STATIC)


def new_keys() -> dict[str, dict[str, Any]]:
    """A Kommo and a Stripe account of somebody who becomes a tenant, as in accounts.json."""
    tag = secrets.token_hex(4)
    return {
        "kommo": {
            "subdomain": f"company{tag}",
            "account_id": secrets.randbelow(10**9),
            "token": f"kommo-{secrets.token_hex(16)}",
            "stages": ["Новый"],
        },
        "stripe": {"key": f"rk_test_{secrets.token_hex(12)}", "account": f"acct_{tag}"},
    }


def _card(world: World, name: str) -> dict[str, Any]:
    """What the page may know of an account: its number and its ads, no secrets."""
    shown = ("id", "name", "headline", "body", "media_type", "pre_typed")
    gupshup = world.accounts[name].get("gupshup", {})
    ads = world.meta_of(name).get("ads", [])
    return {
        "account": name,
        "number": gupshup.get("number", ""),
        "business": gupshup.get("app_name", name),
        "ads": [{key: ad.get(key, "") for key in shown} for ad in ads],
    }


async def _ledger(client: aiohttp.ClientSession, product: dict[str, str], wa_id: str) -> dict[str, Any]:
    """{"state": "ok", "rows", "subscriber"} or {"state": "no_lead"}; raises without an answer."""
    base = product["url"] + "/api/v1/subscribers/"
    found = await _get(client, product["token"], f"{base}?phone={quote(wa_id)}")
    rows = found if isinstance(found, list) else found.get("subscribers") or found.get("results") or []
    if not rows:
        return {"state": "no_lead"}
    identifier = rows[0].get("uuid") or rows[0].get("id")
    ledger = await _get(client, product["token"], f"{base}{quote(str(identifier))}/ledger/")
    return {"state": "ok", "rows": ledger.get("rows", []), "subscriber": ledger.get("subscriber") or rows[0]}


async def _get(client: aiohttp.ClientSession, token: str, url: str) -> Any:
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    async with client.get(url, headers=headers, timeout=PATIENCE, allow_redirects=False) as answer:
        if answer.status != 200:
            raise ValueError(f"HTTP {answer.status}")
        return await answer.json()


def _detail(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else type(error).__name__
