"""Flowise's REST API: predictions within our own deadline (brief L16)."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from typing import Any

import requests

from arriwa.common.http import HttpSession
from integrations.base.client import Reply
from integrations.base.errors import (
    ConfigurationError,
    IntegrationError,
    MalformedReply,
    OutcomeUnknown,
    RemoteFault,
    Unreachable,
    Unsupported,
)
from integrations.flowise.config import FlowiseSettings
from integrations.flowise.errors import PredictionLate, raise_for_flowise
from integrations.flowise.payloads import (
    EVENT_ID_KEY,
    Draft,
    Execution,
    Prediction,
    StateEntry,
    escape_state,
    parse_draft,
    parse_execution,
    parse_prediction,
    prediction_body,
)
from integrations.flowise.transport import api_root, request

log = logging.getLogger(__name__)

#: Seconds for everything that is no prediction.
READ_TIMEOUT = 5.0
#: Seconds for an abort: it works once it is sent, and a lead waits for the local classifier meanwhile.
ABORT_TIMEOUT = 0.5
#: A resolve looks at the newest runs only.
EXECUTIONS_LIMIT = 50


class FlowiseClient:
    """One agentflow with the key bound to it."""

    def __init__(
        self, *, base_url: str, settings: FlowiseSettings, session: HttpSession | None = None
    ) -> None:
        """`base_url`: the tenant's address, so that the SSRF guard applies unless `session` is trusted.

        Only the trust is taken from `session`: its pooled connections are not used (see `transport`).
        """
        self._root = api_root(base_url)
        self._settings = settings
        self._trusted = session is not None and session.trusted

    def predict(
        self,
        question: str,
        session_id: str,
        start_state: Sequence[StateEntry],
        deadline_seconds: float,
        allowed_values: Collection[str] | None = None,
    ) -> Prediction:
        """Classifies `question`, the lead's own words. Not idempotent: each call writes a run.

        `start_state` from `payloads.start_state`; `allowed_values` as for `parse_prediction`. Raises
        PredictionLate after `deadline_seconds`, when the run has been told to stop; Unreachable, with
        nothing sent, when no time was left; Unsupported for an empty question; MalformedReply for an
        answer without a readable verdict; and the errors of `raise_for_flowise`.
        """
        answer = self._run(question, session_id, start_state, deadline_seconds)
        return parse_prediction(answer, allowed_values)

    def draft(
        self, question: str, session_id: str, start_state: Sequence[StateEntry], deadline_seconds: float
    ) -> Draft:
        """The flow's reply in words; otherwise as `predict`."""
        return parse_draft(self._run(question, session_id, start_state, deadline_seconds))

    def abort(self, session_id: str) -> None:
        """Ends the session's run. Without one, Flowise answers the same."""
        path = f"/chatmessage/abort/{self._flow()}/{session_id}"
        raise_for_flowise(self._request("PUT", path, ABORT_TIMEOUT))

    def executions(self, session_id: str) -> tuple[Execution, ...]:
        """The session's newest runs. Raises Unsupported when the key may not view executions."""
        params = {
            "sessionId": session_id,
            "agentflowId": self._flow(),
            "page": 1,
            "limit": EXECUTIONS_LIMIT,
        }
        try:
            reply = self._request("GET", "/executions", READ_TIMEOUT, params=params)
        except OutcomeUnknown as error:
            # A read changes nothing, so there is no outcome to resolve.
            raise RemoteFault("Flowise did not answer a read in time.") from error
        if reply.status == 403:
            raise Unsupported("The API key may not view executions: give it executions:view.")
        raise_for_flowise(reply)
        items = reply.json.get("data") if isinstance(reply.json, dict) else None
        if not isinstance(items, list):
            raise MalformedReply("Flowise's list of executions cannot be read.", status=reply.status)
        return tuple(parse_execution(item) for item in items)

    def find_execution(self, session_id: str, event_id: str) -> Execution | None:
        """The run that was started with this event id, None if there is none or it is still going on."""
        # Flowise may store the value as sent or as expanded.
        wanted = {event_id, escape_state(event_id)}
        for execution in self.executions(session_id):
            if execution.start_state.get(EVENT_ID_KEY) in wanted:
                return execution
        return None

    def _run(
        self, question: str, session_id: str, start_state: Sequence[StateEntry], deadline_seconds: float
    ) -> Any:
        flow = self._flow()
        body = prediction_body(question, session_id, start_state)
        if deadline_seconds <= 0:
            raise Unreachable("No time was left to ask Flowise.")
        started = time.monotonic()
        try:
            reply = self._request("POST", f"/prediction/{flow}", deadline_seconds, json=body)
        except OutcomeUnknown as error:
            # Hanging up does not end the run: it would go on to cost money and to write history.
            seconds = time.monotonic() - started
            stopped = self._stop(session_id)
            late = isinstance(error.__cause__, requests.Timeout) or seconds >= deadline_seconds
            kind = PredictionLate if late else OutcomeUnknown
            raise kind(session_id=session_id, seconds=round(seconds, 3), stopped=stopped) from error
        raise_for_flowise(reply)
        return reply.json

    def _flow(self) -> str:
        if not self._settings.flow_id:
            raise ConfigurationError(
                "The number has no agentflow: choose one for it, or install one of ours.", field="flow_id"
            )
        return self._settings.flow_id

    def _stop(self, session_id: str) -> bool:
        try:
            self.abort(session_id)
        except IntegrationError as error:
            # The late answer is the news; a failed abort is told in its details.
            log.warning("flowise abort failed: %s", error.code)
            return False
        return True

    def _request(self, method: str, path: str, seconds: float, **kwargs: Any) -> Reply:
        url, key = self._root + path, self._settings.key
        return request(method, url, key=key, seconds=seconds, trusted=self._trusted, **kwargs)
