"""What a person may choose from: pages, businesses, their assets (brief T1, T2, S3; reference meta 7.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from arriwa.common.http import HttpSession
from integrations.base.errors import MalformedReply, Rejected
from integrations.meta.asset_types import (
    AdAccount,
    AudienceTerms,
    Business,
    Catalog,
    Page,
    PhoneNumber,
    Pixel,
    Waba,
)
from integrations.meta.graph import GraphToken, graph_request, graph_url
from integrations.meta.payloads import batch_body

#: Rows of one page, and pages after which a list is no list any more.
PAGE_SIZE = 100
MOST_PAGES = 200
#: Where people manage their businesses, and accept terms: nobody can do it for them (reference meta 4.4).
BUSINESS_URL = "https://business.facebook.com"
#: Meta's answer to a click id that is none, and one that is none.
_UNKNOWN_CLICK = "100/2804087"
_PROBE_CLICK = "ARA" + "arriwa-probe".ljust(96, "0")


class AssetsClient:
    """Reads and links assets with one person's token. Lists are read through all their pages.

    Every method raises CredentialRefused for a dead token ("190/…") or a missing permission ("10",
    "200"), Rejected ("100/33") for an id that the token may not see, and the transient errors of
    `graph_request`.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        app_secret: str = "",
        *,
        business_url: str = BUSINESS_URL,
        session: HttpSession | None = None,
    ) -> None:
        """`base_url`: https://graph.facebook.com or the operator's own; `business_url`: of links."""
        self._base_url = base_url
        self._business_url = business_url
        self._credential = GraphToken(token, app_secret)
        self._session = session

    # --- step 1: who one is -----------------------------------------------------------------------

    def pages(self) -> list[Page]:
        """The Pages where the person has a task (pages_show_list), only those that he ticked."""
        return [
            Page(id=_id(row), name=_text(row, "name"), tasks=tuple(map(str, row.get("tasks") or ())))
            for row in self._rows("me", "accounts", fields="id,name,tasks")
        ]

    def page_number(self, page: str) -> str:
        """The WhatsApp number linked to a Page, in digits, "" without one.

        Needs pages_read_engagement, which no step asks for unless the operator adds it: CredentialRefused
        ("10") without it, and then only the person can tell.
        """
        row = self._ask("GET", page, params={"fields": "id,whatsapp_number"})
        return "".join(filter(str.isdigit, _text(row, "whatsapp_number")))

    def businesses(self) -> list[Business]:
        """The business portfolios of the person (business_management), only those that he ticked."""
        return [
            Business(
                id=_id(row),
                name=_text(row, "name"),
                verification_status=_text(row, "verification_status"),
            )
            for row in self._rows("me", "businesses", fields="id,name,verification_status")
        ]

    # --- step 5: what a workspace advertises with -------------------------------------------------

    def ad_accounts(self, business: str) -> list[AdAccount]:
        """Own and shared ad accounts of a business (ads_read or ads_management)."""
        fields = "id,account_id,name,account_status,currency,timezone_name"
        return [
            AdAccount(
                id=_text(row, "account_id") or _id(row).removeprefix("act_"),
                name=_text(row, "name"),
                status=int(row.get("account_status") or 0),
                currency=_text(row, "currency"),
                timezone_name=_text(row, "timezone_name"),
                owned=owned,
            )
            for row, owned in self._owned_and_shared(business, "ad_accounts", fields)
        ]

    def pixels(self, business: str) -> list[Pixel]:
        """Own and shared pixels of a business."""
        return [
            Pixel(id=_id(row), name=_text(row, "name"), owned=owned)
            for row, owned in self._owned_and_shared(business, "pixels", "id,name")
        ]

    def pixel_create(self, business: str, name: str) -> str:
        """The id of a new pixel. Meta knows no key of repetition: after OutcomeUnknown look by name first."""
        return _id(self._ask("POST", business, "adspixels", data={"name": name}))

    def audience_terms(self, ad_account: str) -> AudienceTerms:
        """Whether the terms of custom audiences are accepted for the ad account, and where to do it."""
        number = ad_account.removeprefix("act_")
        row = self._ask("GET", f"act_{number}", params={"fields": "id,tos_accepted,user_tos_accepted"})
        states = (row.get("tos_accepted"), row.get("user_tos_accepted"))
        accepted = any(isinstance(one, dict) and bool(one.get("custom_audience_tos")) for one in states)
        link = f"{self._business_url}/ads/manage/customaudiences/tos/?act={number}"
        return AudienceTerms(accepted=accepted, link=link)

    # --- WhatsApp accounts ------------------------------------------------------------------------

    def wabas(self, business: str) -> list[Waba]:
        """Own and shared WhatsApp Business accounts of a business (whatsapp_business_management)."""
        return [
            Waba(id=_id(row), name=_text(row, "name"), owned=owned)
            for row, owned in self._owned_and_shared(business, "whatsapp_business_accounts", "id,name")
        ]

    def phone_numbers(self, waba: str) -> list[PhoneNumber]:
        """The numbers of a WhatsApp Business account."""
        rows = self._rows(waba, "phone_numbers", fields="id,display_phone_number,verified_name")
        return [
            PhoneNumber(
                id=_id(row),
                number="".join(filter(str.isdigit, _text(row, "display_phone_number"))),
                verified_name=_text(row, "verified_name"),
            )
            for row in rows
        ]

    def dataset_get_or_create(self, waba: str) -> str:
        """The id of the account's one messaging dataset, made when it has none; repeating gives the same.

        Needs whatsapp_business_management and whatsapp_business_manage_events (reference meta 1.1).
        """
        return _id(self._ask("POST", waba, "dataset", data={}))

    def dataset_probe(self, dataset: str, waba: str, *, at: int) -> None:
        """Returns when messaging events would reach the dataset. `at`: now, in unix seconds.

        Meta has no trial run; an event with an invented click id is refused for that alone once all
        else is right (reference meta 1.7), so this leaves nothing behind. Raises Rejected for a dataset
        that is not the account's ("100/2804118") and the errors of every method.
        """
        try:
            self._ask("POST", dataset, "events", json=batch_body([_probe(waba, at)]))
        except Rejected as error:
            if error.platform_code != _UNKNOWN_CLICK:
                raise

    # --- step 6: commerce -------------------------------------------------------------------------

    def catalogs(self, business: str) -> list[Catalog]:
        """Own and shared product catalogs of a business (catalog_management)."""
        fields = "id,name,vertical,product_count"
        return [
            _catalog(row, owned)
            for row, owned in self._owned_and_shared(business, "product_catalogs", fields)
        ]

    def catalog_linked(self, waba: str) -> Catalog | None:
        """The one catalog that the WhatsApp Business account shows, None without one."""
        found = [_catalog(row, True) for row in self._rows(waba, "product_catalogs", fields="id,name")]
        return found[0] if found else None

    def catalog_link(self, waba: str, catalog: str) -> None:
        """Links a catalog; repeating changes nothing.

        Raises Rejected while another catalog is linked: an account shows one, so unlink that first.
        """
        self._ask("POST", waba, "product_catalogs", data={"catalog_id": _checked(catalog)})

    def catalog_unlink(self, waba: str, catalog: str) -> None:
        """Takes a catalog off the account. Raises Rejected when it is not linked."""
        self._ask("DELETE", waba, "product_catalogs", data={"catalog_id": _checked(catalog)})

    # --- the wire ---------------------------------------------------------------------------------

    def _owned_and_shared(
        self, business: str, kind: str, fields: str
    ) -> Iterator[tuple[Mapping[str, Any], bool]]:
        """(row, whether the business owns it) of both edges; what it owns and shares comes once."""
        seen: set[str] = set()
        for edge, owned in (("owned", True), ("client", False)):
            for row in self._rows(business, f"{edge}_{kind}", fields=fields):
                if _id(row) not in seen:
                    seen.add(_id(row))
                    yield row, owned

    def _rows(self, *path: str, fields: str) -> Iterator[Mapping[str, Any]]:
        """All rows of an edge. Follows cursors, never the answer's URLs: those hold tokens and any host."""
        params = {"fields": fields, "limit": str(PAGE_SIZE)}
        for _ in range(MOST_PAGES):
            answer = self._ask("GET", *path, params=params)
            rows, paging = answer.get("data"), answer.get("paging") or {}
            if not isinstance(rows, list) or not isinstance(paging, dict):
                raise MalformedReply("Meta's list cannot be read.")
            yield from rows
            after = (paging.get("cursors") or {}).get("after")
            if not paging.get("next") or not after:
                return
            if after == params.get("after"):
                break
            params["after"] = after
        raise MalformedReply("Meta's list does not end.")

    def _ask(self, method: str, node: str, *edge: str, **sent: Any) -> dict[str, Any]:
        url = graph_url(self._base_url, node if node == "me" else _checked(node), *edge)
        reply = graph_request(method, url, settings=self._credential, session=self._session, **sent)
        answer: dict[str, Any] = reply.json
        return answer


def _probe(waba: str, at: int) -> dict[str, Any]:
    return {
        "event_name": "LeadSubmitted",
        "event_time": at,
        "event_id": "arriwa:probe",
        "action_source": "business_messaging",
        "messaging_channel": "whatsapp",
        "user_data": {"whatsapp_business_account_id": waba, "ctwa_clid": _PROBE_CLICK},
    }


def _checked(node: str) -> str:
    """An id that may become a part of a URL. Raises Rejected ("id")."""
    digits = node.removeprefix("act_")
    if not (digits.isascii() and digits.isdigit()):
        raise Rejected("An id of Meta consists of digits only: choose from the list.", platform_code="id")
    return node


def _catalog(row: Mapping[str, Any], owned: bool) -> Catalog:
    return Catalog(
        id=_id(row),
        name=_text(row, "name"),
        vertical=_text(row, "vertical"),
        product_count=int(row.get("product_count") or 0),
        owned=owned,
    )


def _id(row: Mapping[str, Any]) -> str:
    value = row.get("id") if isinstance(row, Mapping) else None
    if not value:
        raise MalformedReply("Meta named something without an id.")
    return str(value)


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value)
