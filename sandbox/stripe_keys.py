"""Stripe's keys: how they come, and what a restricted one may not (crm_pay_audiences.md B5)."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from aiohttp import web

from sandbox.stripe_form import Invalid


def key_of(header: str) -> str:
    """The key of an Authorization header, Bearer or Basic; "" without one."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def permitted(request: web.Request, settings: dict[str, Any], key: str) -> None:
    """Refuses what the account's settings deny its key, such as "webhook_endpoints:write". Raises Invalid."""
    resource = request.path.partition("/v1/")[2].partition("/")[0]
    verb = "read" if request.method == "GET" else "write"
    if f"{resource}:{verb}" in settings.get("denied", ()):
        raise Invalid(
            f"The provided key '{key[:8]}*********' does not have the required permissions for this "
            f"endpoint on account '{settings['account']}'. Having the 'rak_{resource}_{verb}' permission "
            "would allow this request to continue.",
            status=403,
        )
