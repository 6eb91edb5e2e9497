"""What the click's ad belongs to: campaign, ad set, creative (brief L1, A2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from facebook_business.adobjects.ad import Ad

from arriwa.common.http import HttpSession
from integrations.base.errors import MalformedReply, Rejected
from integrations.meta.config import MetaSettings
from integrations.meta.sdk import connection_api, sdk_call

_FIELDS = "id,name,account_id,campaign{id,name,objective},adset{id,name},creative{id,name,url_tags}"


@dataclass(frozen=True, slots=True)
class AdMetadata:
    """An ad and its parents as they are named today; "" for what Meta does not tell."""

    ad_id: str
    name: str
    account_id: str
    campaign_id: str
    campaign_name: str
    objective: str
    adset_id: str
    adset_name: str
    creative_id: str
    creative_name: str
    #: Query string such as "utm_source=facebook&utm_content=video".
    url_tags: str


class AdsClient:
    """Reads ads, with an SDK api object of its own."""

    def __init__(self, *, base_url: str, settings: MetaSettings, session: HttpSession | None = None) -> None:
        self._api = connection_api(base_url=base_url, settings=settings, session=session)

    def ad_metadata(self, ad_id: str) -> AdMetadata:
        """`ad_id`: the referral's source_id when its source_type is "ad".

        Raises Rejected ("100/33") when the token may not see the ad; names change, so snapshot them.
        """
        if not (ad_id.isascii() and ad_id.isdigit()):
            raise Rejected("The ad's id must consist of digits only.", platform_code="ad_id")
        ad = sdk_call(lambda: Ad(ad_id, api=self._api).api_get(params={"fields": _FIELDS}).export_all_data())
        if str(ad.get("id") or "") != ad_id:
            raise MalformedReply("Meta answered with another ad than was asked for.")
        campaign, adset, creative = (_part(ad, key) for key in ("campaign", "adset", "creative"))
        return AdMetadata(
            ad_id=ad_id,
            name=_text(ad, "name"),
            account_id=_text(ad, "account_id"),
            campaign_id=_text(campaign, "id"),
            campaign_name=_text(campaign, "name"),
            objective=_text(campaign, "objective"),
            adset_id=_text(adset, "id"),
            adset_name=_text(adset, "name"),
            creative_id=_text(creative, "id"),
            creative_name=_text(creative, "name"),
            url_tags=_text(creative, "url_tags"),
        )


def _part(ad: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = ad.get(key)
    return value if isinstance(value, Mapping) else {}


def _text(part: Mapping[str, Any], key: str) -> str:
    value = part.get(key)
    return "" if value is None else str(value)
