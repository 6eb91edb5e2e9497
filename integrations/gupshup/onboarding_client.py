"""Calls that bring an app's number on WhatsApp (reference 1.2, 1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.base.client import Reply
from integrations.base.errors import MalformedReply
from integrations.gupshup.client import READ_TIMEOUT, GupshupClient, TemplateInfo
from integrations.gupshup.reading import as_dict, as_text


class OnboardingClient(GupshupClient):
    """Each call may be repeated: it changes nothing twice. Raises the errors of `GupshupClient`."""

    def contact_set(self, *, name: str, email: str, phone: str) -> None:
        """Whom Gupshup may write to; the embed link needs it."""
        form = {"contactName": name, "contactEmail": email, "contactNumber": phone}
        self._change("PUT", "/onboarding/contact", data=form)

    def coexistence_on(self) -> None:
        """The number stays usable in the WhatsApp Business app; 20 messages a second then."""
        self._change("PUT", "/config", json={"coexistenceEnabled": True})

    def link_get(self, *, renew: bool, user: str, language: str) -> str:
        """The signup page. Rejected "Link has expired": renew it; "Max Links Already sent": support."""
        params = {"regenerate": "true" if renew else "false", "user": user, "lang": language}
        reply = self._change("GET", "/onboarding/embed/link", params=params)
        return _link(as_text(as_dict(reply.json).get("link")))

    def whitelist(self, waba_id: str) -> str:
        """The page on which the owner of an account at another provider hands it over."""
        reply = self._change("POST", "/obotoembed/whitelist", data={"wabaId": waba_id})
        return _link(as_text(as_dict(reply.json).get("embedSignupUrl")))

    def verify_move(self) -> None:
        """Attaches the credit line once the account was handed over; Rejected before."""
        self._change("GET", "/obotoembed/verify")

    def number_register(self) -> None:
        """Registers the number that the signup attached."""
        self._change("POST", "/onboarding/register", json={})

    def templates_on(self) -> None:
        """Lets the app send templates."""
        self._change("PUT", "/appPreference", data={"isHSMEnabled": "true"})

    def user_ids_on(self) -> None:
        """People without a phone number are delivered too, not parked (reference 4.7). 10 calls a minute."""
        self._change("PUT", "/config/bsuid", json={"enableBSUID": True, "enableBSUIDV3": True})

    def template_submit(self, form: Mapping[str, str]) -> TemplateInfo:
        """Submits a template for review: `template_form` makes the form. 10 calls a minute."""
        reply = self._change("POST", "/templates", data=dict(form))
        answer = as_dict(as_dict(reply.json).get("template"))
        return TemplateInfo(
            id=as_text(answer.get("id")),
            name=as_text(answer.get("elementName")) or form["elementName"],
            language=as_text(answer.get("languageCode")) or form["languageCode"],
            category=as_text(answer.get("category")) or form["category"],
            status=(as_text(answer.get("status")) or "PENDING").upper(),
            external_id=as_text(answer.get("externalId")),
            answer=answer,
        )

    def wallet_balance(self) -> float | None:
        """What the app may still spend, None when it is not told."""
        answer = as_dict(as_dict(self._change("GET", "/wallet/balance").json).get("walletResponse"))
        balance = answer.get("currentBalance")
        return float(balance) if isinstance(balance, int | float) else None

    def _change(self, method: str, path: str, **kwargs: Any) -> Reply:
        return self._call(method, path, timeout=READ_TIMEOUT, **kwargs)


def _link(value: str) -> str:
    """Only an address that a browser may be sent to. Raises MalformedReply."""
    if not value.startswith(("https://", "http://")):
        raise MalformedReply("Gupshup's answer names no signup page.")
    return value
