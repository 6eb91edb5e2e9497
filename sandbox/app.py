"""Puts the fakes, the phone, the controls and the demo page on one HTTP server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from sandbox import flowise, gupshup, kommo, meta, phone, stripe
from sandbox.control import add_control, control_errors
from sandbox.core import World
from sandbox.demo import add_demo
from sandbox.facebook import create_dialog
from sandbox.facebook_control import create_control
from sandbox.facebook_login import Login
from sandbox.facebook_people import Directory
from sandbox.payment_page import add_payment_page
from sandbox.stripe_pay import Payments
from sandbox.whatsapp import Network

ACCOUNTS = Path(__file__).parent / "accounts.json"
PEOPLE = Path(__file__).parent / "people.json"
PARTNER = Path(__file__).parent / "partner.json"
#: Platforms give up on a slow hook after about ten seconds (gupshup_whatsapp.md 3.1).
HOOK_SECONDS = 10


def load_accounts(path: Path = ACCOUNTS) -> dict[str, Any]:
    """A JSON file as a dict; see accounts.json and people.json for their shapes."""
    accounts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return accounts


def build(accounts: dict[str, Any], product_url: str = "", product_token: str = "") -> web.Application:
    """The whole sandbox. The page's ledger asks `product_url` with `product_token`."""
    world = World(accounts)
    network, payments = Network(world), Payments(world)
    people = load_accounts(PEOPLE)
    directory = Directory(world, people)
    login = Login(world, directory, people["app"])
    app = web.Application(middlewares=[control_errors])
    app.cleanup_ctx.append(_client(world))
    add_control(app, world, network)
    add_demo(app, world, product_url, product_token)
    add_payment_page(app, payments)
    app.add_subapp("/gupshup", gupshup.create(world, network, directory, load_accounts(PARTNER)))
    app.add_subapp("/graph", meta.create(world, login))
    app.add_subapp("/dialog", create_dialog(world, login))
    app.add_subapp("/facebook", create_control(world, login))
    app.add_subapp("/kommo", kommo.create(world))
    app.add_subapp("/stripe", stripe.create(world, payments))
    app.add_subapp("/flowise", flowise.create(world))
    app.add_subapp("/phone", phone.create(world, network, payments))
    return app


def _client(world: World) -> Any:
    async def context(_app: web.Application) -> AsyncIterator[None]:
        world.client = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=HOOK_SECONDS),
            connector=aiohttp.TCPConnector(limit=200, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        yield
        await world.client.close()

    return context
