"""Conversions API: batches of events to a dataset or pixel (brief R1, R2, R4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arriwa.common.http import HttpSession
from integrations.base.errors import MalformedReply, Rejected
from integrations.meta.config import MetaSettings
from integrations.meta.errors import NONE_RECEIVED, is_poison
from integrations.meta.graph import graph_request, graph_url

__all__ = ["EventsAccepted", "MetaClient", "is_poison"]


@dataclass(frozen=True, slots=True)
class EventsAccepted:
    """Meta's proof that it took the whole batch."""

    events_received: int
    messages: tuple[str, ...]
    fbtrace_id: str


class MetaClient:
    """Sends events with one connection's token."""

    def __init__(self, *, base_url: str, settings: MetaSettings, session: HttpSession | None = None) -> None:
        """`base_url`: https://graph.facebook.com or the operator's own."""
        self._base_url = base_url
        self._settings = settings
        self._session = session

    def send_events(self, dataset_id: str, body: Mapping[str, Any]) -> EventsAccepted:
        """`body` as made by `payloads.batch_body`. Safe to repeat with the same event ids.

        Raises the errors of `graph_request`; Rejected when Meta answers 200 and took nothing;
        MalformedReply when it took another number than was sent, so nobody knows which.
        """
        sent = len(body["data"])
        reply = graph_request(
            "POST",
            graph_url(self._base_url, dataset_id, "events"),
            settings=self._settings,
            session=self._session,
            json=body,
        )
        answer = reply.json
        received = answer.get("events_received")
        if received == 0 and sent:
            raise Rejected(
                "Meta answered 200 and took none of the events: see its messages.",
                status=reply.status,
                platform_code=NONE_RECEIVED,
                answer=answer,
            )
        if type(received) is not int or received != sent:
            raise MalformedReply(
                f"Meta took {received!r} of {sent} events; the batch is sent again with the same ids.",
                status=reply.status,
                answer=answer,
            )
        messages = answer.get("messages") or []
        return EventsAccepted(
            events_received=received,
            messages=tuple(str(message) for message in messages),
            fbtrace_id=str(answer.get("fbtrace_id") or ""),
        )
