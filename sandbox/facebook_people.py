"""People of the fake Facebook and what they own: Pages, businesses, ad accounts, pixels, catalogs, WABAs.

Filled from people.json at each reset; an account of accounts.json appears as assets of its business.
WhatsApp accounts come about by an embedded signup, which writes `World.wabas`.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
from dataclasses import dataclass, field
from typing import Any

from sandbox.core import World

KINDS = ("pages", "ad_accounts", "pixels", "catalogs", "wabas")
TASKS = ["ADVERTISE", "ANALYZE", "CREATE_CONTENT", "MESSAGING", "MODERATE", "MANAGE"]
#: Where ids of assets made while running begin; far from people.json's.
FIRST_MADE = {
    "people": 122_100_000_000_000,
    "pages": 615_100_000_000_000,
    "businesses": 7_200_000,
    "ad_accounts": 3_200_000,
    "pixels": 556_200_000,
    "catalogs": 56_200_000,
}


@dataclass
class Directory:
    """Who there is and who sees what. Ids are texts."""

    world: World
    source: dict[str, Any]
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    businesses: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: kind -> id -> what is known of it; WABAs are `World.wabas`
    assets: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._made = itertools.count(1)
        self.world.business_side = self.business_side
        self.world.business_names = lambda: {key: one["name"] for key, one in self.businesses.items()}
        self.world.on_reset(self.reset)

    def reset(self) -> None:
        """As in people.json again. Ids made before are not given out twice."""
        fresh = copy.deepcopy(self.source)
        self.people, self.businesses = fresh["people"], fresh["businesses"]
        self.assets = {kind: fresh[kind] for kind in KINDS if kind != "wabas"}
        #: WABA id -> its one catalog, "" once unlinked
        self.linked: dict[str, str] = {}

    # --- looking --------------------------------------------------------------------------------

    def business(self, business_id: str) -> dict[str, Any] | None:
        """{"name", "verification_status", "owned": {kind: [id]}, "client": {kind: [id]}} or None."""
        known = self.businesses.get(business_id)
        account = self._account_of(business_id)
        if known is None and account is None:
            return None
        name = account[0].title() if account else business_id
        found: dict[str, Any] = {"name": name, "verification_status": "verified", "owned": {}, "client": {}}
        found |= copy.deepcopy(known or {})
        for kind, ids in self._account_assets(account).items() if account else ():
            found["owned"][kind] = [*found["owned"].get(kind, []), *ids]
        for waba_id, waba in self.world.wabas.items():
            for side, wanted in (
                ("owned", [str(waba["business_id"])]),
                ("client", [str(one) for one in waba.get("shared_with", ())]),
            ):
                if business_id in wanted:
                    found[side]["wabas"] = [*found[side].get("wabas", []), waba_id]
        return found

    def asset(self, kind: str, asset_id: str) -> dict[str, Any] | None:
        """What is known of an asset, its "business_id" (owner) and "account" (of accounts.json) included."""
        if kind == "wabas":
            return self._waba(asset_id)
        known = self.assets[kind].get(asset_id)
        if known is None:
            known = self._from_account(kind, asset_id)
        if known is None:
            return None
        return {**known, "business_id": known.get("business_id") or self._owner(kind, asset_id)}

    def seen_by(self, person: str, kind: str) -> list[str]:
        """Ids of all assets of a kind that a person reaches: his own Pages, and all of his businesses."""
        found = dict.fromkeys(self.people[person]["pages"]) if kind == "pages" else {}
        for business_id in self.people[person]["businesses"]:
            business = self.business(business_id) or {}
            for side in ("owned", "client"):
                found |= dict.fromkeys(business.get(side, {}).get(kind, ()))
        return list(found)

    def ads(self, ad_account: str) -> list[dict[str, Any]]:
        """The ads of an ad account; one that came without ads has one."""
        known = self.assets["ad_accounts"].get(ad_account)
        if known is None:
            found = self.world.account_by("meta", ad_account_id=ad_account)
            return list(found[1].get("ads", ())) if found else []
        ads: list[dict[str, Any]] = known.setdefault("ads", [_made_ad(ad_account, known["name"])])
        return ads

    def catalog_of(self, waba_id: str) -> str:
        """The one catalog linked to a WABA, "" without one."""
        account = self.world.account_by("meta", waba_id=waba_id)
        return self.linked.get(waba_id, str(account[1].get("catalog_id") or "") if account else "")

    def terms_accept(self, ad_account: str, *, accepted: bool = True) -> None:
        """The terms of custom audiences, by a person of the ad account."""
        known = self.assets["ad_accounts"].get(ad_account)
        found = self.world.account_by("meta", ad_account_id=ad_account)
        if known is None and found:
            known = found[1]
        if known is not None:
            known["custom_audience_tos"] = accepted

    def business_side(self, account: str) -> dict[str, Any]:
        """What `World.meta_of` says of an account that came about by a signup at Gupshup."""
        number = self.world.accounts.get(account, {}).get("gupshup", {})
        waba_id = str(number.get("waba_id") or "")
        waba = self.world.wabas.get(waba_id)
        business = self.business(str(waba["business_id"])) if waba else None
        if waba is None or business is None:
            return {}
        accounts = [*business["owned"].get("ad_accounts", ()), *business["client"].get("ad_accounts", ())]
        catalog = self.catalog_of(waba_id)
        return {
            "business_id": str(waba["business_id"]),
            "waba_id": waba_id,
            "ads": [ad for one in accounts for ad in self.ads(one)],
            "catalog_id": catalog,
            "products": (self.asset("catalogs", catalog) or {}).get("products", []) if catalog else [],
        }

    # --- making ---------------------------------------------------------------------------------

    def new_id(self, kind: str) -> str:
        """An id that nothing else has."""
        return str(FIRST_MADE[kind] + next(self._made))

    def make_person(self, given: dict[str, Any]) -> dict[str, Any]:
        """A new person with assets of his own; see facebook_control for what can be given. All ids."""
        user_id = self.new_id("people")
        key = str(given.get("key") or f"person{user_id[-5:]}")
        name = str(given.get("name") or f"Person {user_id[-5:]}")
        first, _, last = name.partition(" ")
        person: dict[str, Any] = {"id": user_id, "name": name, "first_name": first, "last_name": last}
        person |= {
            "email": given.get("email", f"{key}@example.com"),
            "about": ["made while running", "заведён на ходу"],
        }
        businesses = [self._make_business(name, one) for one in given.get("businesses", ({},))]
        pages = {}
        for number in range(int(given.get("pages", 1))):
            page = self.new_id("pages")
            self.assets["pages"][page] = {"name": f"{name} · Page {number + 1}", "category": "School"}
            pages[page] = list(given.get("tasks", TASKS))
        pages |= {str(page): list(TASKS) for page in given.get("shared_pages", ())}
        ids = [one["id"] for one in businesses]
        self.people[key] = {
            **person,
            "pages": pages,
            "businesses": [*ids, *given.get("shared_businesses", ())],
        }
        return {"key": key, "id": user_id, "name": name, "pages": list(pages), "businesses": businesses}

    def _make_business(self, owner: str, given: dict[str, Any]) -> dict[str, Any]:
        business_id = self.new_id("businesses")
        name = str(given.get("name") or f"{owner} · Business {business_id[-4:]}")
        owned: dict[str, list[str]] = {}
        defaults = {"ad_accounts": 1, "pixels": 2, "catalogs": 1}
        for kind, usual in defaults.items():
            owned[kind] = [
                self.make_asset(kind, f"{name} · {number + 1}", given)
                for number in range(int(given.get(kind, usual)))
            ]
        self.businesses[business_id] = {
            "name": name,
            "verification_status": "verified",
            "owned": owned,
            "client": {kind: list(ids) for kind, ids in given.get("client", {}).items()},
        }
        return {"id": business_id, "name": name, **owned}

    def make_asset(self, kind: str, name: str, given: dict[str, Any]) -> str:
        """The id of a new ad account, pixel or catalog."""
        asset_id = self.new_id(kind)
        asset: dict[str, Any] = {"name": name}
        if kind == "ad_accounts":
            asset |= {
                "currency": given.get("currency", "USD"),
                "timezone_name": given.get("timezone_name", "Asia/Almaty"),
                "account_status": int(given.get("account_status", 1)),
                "custom_audience_tos": bool(given.get("custom_audience_tos", True)),
            }
        if kind == "catalogs":
            asset["products"] = [
                {"retailer_id": "course-start", "name": "Start", "price": "900.00", "currency": "USD"},
                {"retailer_id": "course-pro", "name": "Pro", "price": "1900.00", "currency": "USD"},
            ]
        self.assets[kind][asset_id] = asset
        return asset_id

    # --- what accounts.json has -----------------------------------------------------------------

    def _account_of(self, business_id: str) -> tuple[str, dict[str, Any]] | None:
        return self.world.account_by("meta", business_id=business_id)

    @staticmethod
    def _account_assets(account: tuple[str, dict[str, Any]]) -> dict[str, list[str]]:
        settings = account[1]
        names = {
            "ad_accounts": ("ad_account_id",),
            "pixels": ("good_pixel_id", "noise_pixel_id"),
            "catalogs": ("catalog_id",),
            "wabas": ("waba_id",),
        }
        return {
            kind: [str(settings[one]) for one in keys if settings.get(one)] for kind, keys in names.items()
        }

    def _from_account(self, kind: str, asset_id: str) -> dict[str, Any] | None:
        """An ad account, pixel or catalog of accounts.json."""
        keys = {
            "ad_accounts": ("ad_account_id",),
            "pixels": ("good_pixel_id", "noise_pixel_id"),
            "catalogs": ("catalog_id",),
        }
        for key in keys.get(kind, ()):
            found = self.world.account_by("meta", **{key: asset_id})
            if found:
                name, settings = found
                role = key.removesuffix("_id").replace("_", " ")
                shown = {"name": f"{name.title()} · {role}", "account": name, **settings}
                shown["business_id"] = str(settings.get("business_id", ""))
                return {"account_status": 1, **shown}
        return None

    def _waba(self, waba_id: str) -> dict[str, Any] | None:
        found = self.world.wabas.get(waba_id)
        if found is not None:
            return {"account": "", **found, "business_id": str(found["business_id"])}
        account = self.world.account_by("meta", waba_id=waba_id)
        if account is None:
            return None
        name, settings = account
        number = self.world.accounts[name].get("gupshup", {})
        numbers = [{"number": number["number"], "number_id": number["number_id"]}] if number else []
        return {
            "name": name.title(),
            "account": name,
            "business_id": str(settings.get("business_id", "")),
            "numbers": numbers,
            "dataset_id": str(settings.get("dataset_id", "")),
        }

    def _owner(self, kind: str, asset_id: str) -> str:
        for business_id, business in self.businesses.items():
            if asset_id in business["owned"].get(kind, ()):
                return business_id
        return ""


def dataset_of(waba_id: str, waba: dict[str, Any]) -> str:
    """The id of a WABA's one messaging dataset: not the WABA's id, and the same at each asking."""
    return str(waba.get("dataset_id") or f"99{int(hashlib.sha256(waba_id.encode()).hexdigest()[:10], 16)}")


def _made_ad(ad_account: str, name: str) -> dict[str, Any]:
    """An ad with campaign, ad set and creative; ids as long as Meta's."""

    def numbered(start: str) -> str:
        return start + ad_account.zfill(12)

    return {
        "id": numbered("120229"),
        "name": f"{name} · ad",
        "account_id": ad_account,
        "campaign": {"id": numbered("120220"), "name": f"{name} · campaign", "objective": "OUTCOME_SALES"},
        "adset": {"id": numbered("120221"), "name": f"{name} · ad set"},
        "creative": {
            "id": numbered("120222"),
            "name": f"{name} · creative",
            "url_tags": f"utm_source=facebook&utm_campaign=act{ad_account}",
        },
        "headline": name,
        "body": "Write to us in WhatsApp",
        "media_type": "image",
        "source_url": f"https://fb.me/2x{ad_account}",
        "pre_typed": "Здравствуйте! Хочу узнать подробнее",
    }
