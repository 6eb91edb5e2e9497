"""The endpoints of the fake Flowise. Source: reference/flowise.md 1."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from sandbox.core import Handler, World
from sandbox.flowise_flow import executed, start_state
from sandbox.flowise_graph import Unrunnable
from sandbox.flowise_graph import run as run_graph
from sandbox.flowise_judge import Verdict, judge
from sandbox.flowise_store import Refusal, Store, flow_of, key_of, may_run

VERSION = "3.1.4"
PAGE = 12
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass
class Execution:
    """One run of a flow. `state`: INPROGRESS, FINISHED, or ERROR after an abort."""

    id: str
    flow_id: str
    account: str
    session_id: str
    chat_id: str
    question: str
    created: str
    updated: str
    state: str = "INPROGRESS"
    #: executed nodes as JSON; written at the end only
    data: str = "[]"
    start_state: dict[str, Any] = field(default_factory=dict)
    verdict: dict[str, Any] = field(default_factory=dict)


@dataclass
class Held:
    """All that the fake Flowise keeps."""

    executions: dict[str, Execution] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    store: Store = field(default_factory=Store)


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns a Refusal into Flowise's answer."""
    try:
        return await handler(request)
    except Refusal as refusal:
        if refusal.status == 401:
            return web.json_response({"error": refusal.message}, status=401)
        if refusal.status == 403:
            return web.json_response({"message": refusal.message}, status=403)
        body = {"statusCode": refusal.status, "success": False, "message": refusal.message, "stack": {}}
        return web.json_response(body, status=refusal.status)


def stamp(world: World) -> str:
    """The sandbox's time as Flowise writes it."""
    moment = datetime.fromtimestamp(world.now(), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Api:
    """The endpoints; each method serves one."""

    def __init__(self, world: World, held: Callable[[], Held]) -> None:
        """`held` tells the state since the last reset."""
        self.world, self._held = world, held

    @property
    def held(self) -> Held:
        """The state since the last reset."""
        return self._held()

    def _manage(self, request: web.Request, permission: str = "") -> None:
        """Raises Refusal 401 unless the request carries any key: they share one workspace; 403 for a lack."""
        key = key_of(self.world, self.held.store, request)
        if key is None:
            raise Refusal(401, "Unauthorized Access")
        if permission and permission not in key.permissions:
            raise Refusal(403, "Forbidden")

    async def ping(self, _request: web.Request) -> web.Response:
        """GET /ping."""
        return web.Response(text="pong", content_type="text/html")

    async def version(self, _request: web.Request) -> web.Response:
        """GET /version."""
        return web.json_response({"version": VERSION})

    async def unknown(self, request: web.Request) -> web.Response:
        """Whatever has no route."""
        self._manage(request)
        raise Refusal(404, f"Cannot {request.method} {request.path}")

    async def no_flow(self, _request: web.Request) -> web.Response:
        """POST /prediction without a flow."""
        raise Refusal(412, "Error: predictionsController.createPrediction - id not provided!")

    def _flow(self, flow: str) -> dict[str, Any]:
        if not _UUID.fullmatch(flow):
            raise Refusal(400, "Invalid chatflow id format: a UUID is expected")
        found = flow_of(self.world, self.held.store, flow)
        if found is None:
            raise Refusal(404, f"Chatflow {flow} not found")
        return found

    async def predict(self, request: web.Request) -> web.Response:
        """POST /prediction/{flow}: runs the flow and keeps an execution and two chat messages."""
        flow = self._flow(request.match_info["flow"])
        if not may_run(self.world, self.held.store, flow, request):
            raise Refusal(
                500, "Error: predictionsServices.buildChatflow - Error: buildChatflow - Unauthorized"
            )
        run: Execution | None = request.get("run")
        if run is None:
            raise Refusal(400, "The body is no JSON object")
        body = json.loads(await request.read() or b"{}")
        _check(body)
        try:
            ran = self._ran(flow, run, (body.get("overrideConfig") or {}).get("startState"))
        except (TypeError, Unrunnable) as error:
            raise Refusal(500, f"Error: predictionsServices.buildChatflow - {error}") from None
        if run.state != "INPROGRESS":
            raise Refusal(500, "Error: predictionsServices.buildChatflow - Aborted")
        return web.json_response(self._finish(run, *ran))

    def _ran(
        self, flow: dict[str, Any], run: Execution, state: Any
    ) -> tuple[str, list[dict[str, Any]], Verdict, dict[str, Any]]:
        at_ms = int(self.world.now() * 1000)
        if not flow.get("_recorded"):
            return run_graph(flow, run.question, state, set(self.held.store.credentials), at_ms)
        given = start_state(state)
        texts = {key: str(given.get(key) or "") for key in ("step", "asked")}
        judged = judge(run.question, step=texts["step"], asked=texts["asked"], options=given.get("options"))
        text, nodes = executed(run.question, given, judged, at_ms)
        return text, nodes, judged, given

    def _finish(
        self,
        run: Execution,
        text: str,
        nodes: list[dict[str, Any]],
        judged: Verdict,
        given: dict[str, Any],
    ) -> dict[str, Any]:
        run.state, run.updated = "FINISHED", stamp(self.world)
        run.data, run.start_state = json.dumps(nodes, ensure_ascii=False), given
        run.verdict = dict(vars(judged))
        message = str(uuid.uuid4())
        for role, content in (("userMessage", run.question), ("apiMessage", text)):
            self.held.messages.append(
                {
                    "id": message if role == "apiMessage" else str(uuid.uuid4()),
                    "role": role,
                    "chatflowid": run.flow_id,
                    "content": content,
                    "chatId": run.chat_id,
                    "sessionId": run.session_id,
                    "executionId": run.id,
                    "createdDate": run.updated,
                }
            )
        return {
            "text": text,
            "question": run.question,
            "chatId": run.chat_id,
            "chatMessageId": message,
            "executionId": run.id,
            "sessionId": run.session_id,
            "agentFlowExecutedData": nodes,
        }

    # --- executions -------------------------------------------------------------------------------

    async def executions(self, request: web.Request) -> web.Response:
        """GET /executions, newest first."""
        self._manage(request, "executions:view")
        query = request.query
        rows = [
            run
            for run in reversed(self.held.executions.values())
            if query.get("sessionId") in (None, "", run.session_id)
            and query.get("agentflowId") in (None, "", run.flow_id)
            and query.get("state") in (None, "", run.state)
        ]
        try:
            page, limit = int(query.get("page", 1)), int(query.get("limit", PAGE))
        except ValueError:
            raise Refusal(
                500, "Error: executionController.getAllExecutions - invalid page or limit"
            ) from None
        part = rows[(page - 1) * limit : page * limit]
        return web.json_response({"data": [_told(run) for run in part], "total": len(rows)})

    async def execution(self, request: web.Request) -> web.Response:
        """GET /executions/{id}; a missing one is 500, as there."""
        self._manage(request)
        run = self.held.executions.get(request.match_info["id"])
        if run is None:
            raise Refusal(500, "Error: executionsService.getExecutionById - Execution not found")
        return web.json_response(_told(run))

    async def delete_executions(self, request: web.Request) -> web.Response:
        """DELETE /executions/{id}, or /executions with {"executionIds": [...]}."""
        self._manage(request)
        body = json.loads(await request.read() or b"{}")
        ids = [request.match_info["id"]] if "id" in request.match_info else body.get("executionIds", [])
        deleted = [self.held.executions.pop(number) for number in ids if number in self.held.executions]
        return web.json_response({"success": True, "deletedCount": len(deleted)})

    # --- messages ---------------------------------------------------------------------------------

    def _messages(self, request: web.Request) -> list[dict[str, Any]]:
        self._manage(request)
        self._flow(request.match_info["flow"])
        session = request.query.get("sessionId")
        return [
            message
            for message in self.held.messages
            if message["chatflowid"] == request.match_info["flow"]
            and session in (None, "", message["sessionId"])
        ]

    async def messages(self, request: web.Request) -> web.Response:
        """GET /chatmessage/{flow}, by sessionId when given."""
        return web.json_response(self._messages(request))

    async def delete_messages(self, request: web.Request) -> web.Response:
        """DELETE /chatmessage/{flow}: also removes the linked executions."""
        gone = self._messages(request)
        for message in gone:
            self.held.messages.remove(message)
            self.held.executions.pop(message["executionId"], None)
        return web.json_response({"affected": len(gone)})

    async def abort(self, request: web.Request) -> web.Response:
        """PUT /chatmessage/abort/{flow}/{chat}: needs no key; running executions become ERROR."""
        for run in self.held.executions.values():
            wanted = (request.match_info["flow"], request.match_info["chat"])
            if (run.flow_id, run.chat_id) == wanted and run.state == "INPROGRESS":
                run.state, run.updated = "ERROR", stamp(self.world)
        return web.json_response({"status": 200, "message": "Chat message aborted"})


def _check(body: dict[str, Any]) -> None:
    """Raises Refusal 500 for what buildChatflow throws on. An empty body is accepted."""
    if body.get("question") and body.get("form"):
        raise Refusal(500, "Error: buildChatflow - question and form cannot be given together")
    history = body.get("history")
    if history is not None and not (
        isinstance(history, list)
        and all(isinstance(h, dict) and h.get("role") in ("userMessage", "apiMessage") for h in history)
    ):
        raise Refusal(500, "Error: buildChatflow - history must be a list of messages with a role")
    if body.get("streaming"):
        raise Refusal(500, "The sandbox does not stream: leave out streaming")


def _told(run: Execution) -> dict[str, Any]:
    return {
        "id": run.id,
        "executionData": run.data,
        "state": run.state,
        "agentflowId": run.flow_id,
        "sessionId": run.session_id,
        "action": None,
        "isPublic": False,
        "createdDate": run.created,
        "updatedDate": run.updated,
        "stoppedDate": None,
    }
