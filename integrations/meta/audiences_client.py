"""Customer-file audiences (brief L17-L22, S3d)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from facebook_business.adobjects.adaccount import AdAccount
from facebook_business.adobjects.customaudience import CustomAudience

from arriwa.common.http import HttpSession
from integrations.base.errors import ConfigurationError, MalformedReply
from integrations.meta.config import MetaSettings
from integrations.meta.payloads import AudienceRow, audience_users
from integrations.meta.sdk import connection_api, sdk_call

PAGE_SIZE = 200


@dataclass(frozen=True, slots=True)
class SessionCounts:
    """Meta's proof of an upload or a removal."""

    session_id: str
    num_received: int
    num_invalid_entries: int


class AudiencesClient:
    """Audiences of one ad account, with an SDK api object of its own."""

    def __init__(
        self,
        *,
        base_url: str,
        settings: MetaSettings,
        ad_account_id: str,
        session: HttpSession | None = None,
    ) -> None:
        """`ad_account_id`: digits. Raises ConfigurationError for anything else: it becomes part of a URL."""
        if not (ad_account_id.isascii() and ad_account_id.isdigit()):
            raise ConfigurationError(
                "The id of an ad account consists of digits only: choose it from the list.",
                field="ad_account_id",
            )
        self._api = connection_api(base_url=base_url, settings=settings, session=session)
        self._account = AdAccount(f"act_{ad_account_id}", api=self._api)

    def audience_create(self, name: str, description: str) -> str:
        """The new audience's id. No idempotency key exists: after OutcomeUnknown call `audience_find` first.

        Names must not hint at health or money, or Meta blocks the audience (operation status 471).
        """
        params = {
            "name": name,
            "description": description,
            "subtype": "CUSTOM",
            "customer_file_source": "USER_PROVIDED_ONLY",
        }
        created = sdk_call(lambda: self._account.create_custom_audience(params=params))
        audience_id = created.get("id")
        if not audience_id:
            raise MalformedReply("Meta created an audience and named no id.")
        return str(audience_id)

    def audience_find(self, name: str) -> str | None:
        """The id of the audience with exactly this name, the oldest of several, None without one."""

        def found() -> list[str]:
            cursor = self._account.get_custom_audiences(fields=["id", "name"], params={"limit": PAGE_SIZE})
            return [str(audience["id"]) for audience in cursor if audience.get("name") == name]

        # Meta's ids grow.
        return min(sdk_call(found), key=lambda value: (len(value), value), default=None)

    def audience_users_add(
        self, audience_id: str, rows: Sequence[AudienceRow], session_id: int
    ) -> SessionCounts:
        """Adds at most 10,000 rows of `payloads.audience_row`. Repeating the same rows changes nothing."""
        return self._users("POST", audience_id, rows, session_id)

    def audience_users_remove(
        self, audience_id: str, rows: Sequence[AudienceRow], session_id: int
    ) -> SessionCounts:
        """Removes at most 10,000 rows; a row that is not in the audience is no error."""
        return self._users("DELETE", audience_id, rows, session_id)

    def _users(
        self, method: str, audience_id: str, rows: Sequence[AudienceRow], session_id: int
    ) -> SessionCounts:
        params = audience_users(rows, session_id)
        audience = CustomAudience(audience_id, api=self._api)
        send = audience.create_user if method == "POST" else audience.delete_users
        answer = _as_dict(sdk_call(lambda: send(params=params)))
        received, invalid = answer.get("num_received"), answer.get("num_invalid_entries")
        if type(received) is not int or type(invalid) is not int or received != len(rows):
            raise MalformedReply(f"Meta counted {received!r} of {len(rows)} rows; they are sent again.")
        return SessionCounts(str(answer.get("session_id") or ""), received, invalid)


def _as_dict(answer: Any) -> dict[str, Any]:
    return dict(answer.export_all_data())
