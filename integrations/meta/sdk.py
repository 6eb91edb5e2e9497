"""The facebook-business SDK, one explicit api object per connection.

The SDK's own session puts the token into every URL, its errors print the request's parameters, and
its default api is process-wide. So it gets a session whose transport is ours, and no default is set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookError
from facebook_business.session import FacebookSession

from arriwa.common.http import HttpSession
from integrations.base.errors import MalformedReply, Unsupported
from integrations.meta import GRAPH_VERSION
from integrations.meta.config import MetaSettings
from integrations.meta.graph import TIMEOUT, graph_request

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _SdkResponse:
    """The three attributes of an HTTP response that the SDK reads."""

    status_code: int
    text: str
    headers: Mapping[str, str]


class _Transport:
    """Stands where the SDK expects a requests.Session; raises our errors before the SDK makes its own."""

    def __init__(self, settings: MetaSettings, session: HttpSession | None) -> None:
        self._settings = settings
        self._session = session

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        files: Mapping[str, Any] | None = None,
        timeout: object = None,
    ) -> _SdkResponse:
        if files:
            raise Unsupported("Files are not uploaded through this connection.")
        if method == "DELETE":
            # Rows of people belong in no URL.
            params, data = None, {**(data or {}), **(params or {})}
        reply = graph_request(
            method,
            url.rstrip("/"),
            settings=self._settings,
            session=self._session,
            params=params,
            headers=headers,
            data=data or None,
        )
        return _SdkResponse(reply.status, reply.text, reply.headers)


class ConnectionSession(FacebookSession):
    """An SDK session bound to one connection and one base URL."""

    def __init__(self, *, base_url: str, settings: MetaSettings, session: HttpSession | None = None) -> None:
        # The parent's constructor would put the token into the parameters of every request.
        self.GRAPH = base_url.rstrip("/")
        self.app_id = None
        self.proxies = None
        self.timeout = TIMEOUT
        self.requests = _Transport(settings, session)


def connection_api(*, base_url: str, settings: MetaSettings, session: HttpSession | None) -> FacebookAdsApi:
    """An api object to hand to every SDK object explicitly."""
    return FacebookAdsApi(
        ConnectionSession(base_url=base_url, settings=settings, session=session), api_version=GRAPH_VERSION
    )


def sdk_call(call: Callable[[], T]) -> T:
    """Runs an SDK call. Raises MalformedReply for what the SDK cannot read.

    Raised outside the handler on purpose: the SDK's error, which holds the parameters, is not chained.
    """
    try:
        return call()
    except FacebookError as error:
        kind = type(error).__name__
    except (KeyError, TypeError, AttributeError) as error:
        kind = type(error).__name__
    raise MalformedReply(f"Meta's answer cannot be read ({kind}).")
