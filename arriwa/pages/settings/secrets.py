"""A secret that is shown once, on the page after the form: carried there sealed, in the session."""

from __future__ import annotations

import base64
from typing import Any

from arriwa.common import sealing
from arriwa.pages.access import PageRequest


def secret_keep(request: PageRequest, *, kind: str, name: str, secret: str) -> None:
    """Keeps it for the next page. `kind`: "invitation" or "token"; `name`: what it is for, in words."""
    sealed = sealing.seal_json(
        {"name": name, "secret": secret}, organization=request.organization.id, row=_row(request, kind)
    )
    request.session[f"shown_once:{kind}"] = base64.b64encode(sealed).decode()


def secret_take(request: PageRequest, kind: str) -> dict[str, Any] | None:
    """{"name", "secret"} once; None after that, or in another organization."""
    kept = request.session.pop(f"shown_once:{kind}", None)
    if kept is None:
        return None
    try:
        opened: dict[str, Any] = sealing.unseal_json(
            base64.b64decode(kept), organization=request.organization.id, row=_row(request, kind)
        )
    except sealing.SealBroken:
        return None
    return opened


def _row(request: PageRequest, kind: str) -> str:
    return f"shown_once:{kind}:{request.user.id}"
