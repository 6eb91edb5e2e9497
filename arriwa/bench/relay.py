"""Messages sent per second by the relay's drain, beside bare loops over the same requests.

The bare loop of the ratio posts through the product's own lean session, the plain one through
`requests.Session`, as a script would.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import requests
from django.db import transaction
from django_tenants.utils import schema_context
from requests.adapters import HTTPAdapter

from arriwa.bench.common import Stage, empty_queues, execute, figure, interactive_left, say, wait_until
from arriwa.common import clock
from arriwa.common.http import HttpSession
from arriwa.outbox.drain import CONCURRENCY
from arriwa.outbox.models import OutboxTask, Queue
from arriwa.outbox.wakeup import channel
from arriwa.provision import Provisioned
from subscribers.content import Buttons, Option
from subscribers.conversation import types as t
from subscribers.conversation.serialise import snapshot_to_json
from subscribers.models import Conversation
from subscribers.selectors import playbook_published
from subscribers.sender import message_queue
from subscribers.services.identity import subscriber_resolve

#: Seconds for which enqueued messages are kept from being claimed.
LATER = 3600
_QUESTION = Buttons(
    "Когда планируете начать?",
    (Option("a1:now", "Прямо сейчас"), Option("a1:month", "В этом месяце"), Option("a1:later", "Позже")),
)


def measure(stage: Stage, *, messages: int, rounds: int) -> None:
    """Prints relay_ratio_0ms and relay_ratio_50ms with the speeds behind them, and relay_plain_ratio_…"""
    stage.start("sandbox")
    stage.provision()
    stage.statuses(())
    empty_queues()
    stage.start("relay")
    people = {one.organization.schema_name: _people(one, messages // 4) for one in stage.organizations}
    for latency in (0, 50):
        dial = {"platform": "gupshup", "path": "/v3/message", "delay": latency / 1000}
        if latency:
            stage.ask("/_faults", dial)
        count = messages if not latency else messages // 2
        ours, bare, plain = [], [], []
        # The first pair of rounds warms connections and plans and is not counted.
        for number in range(rounds + 1):
            drained, bodies = _drain(stage, people, count)
            looped = _bare(stage, bodies, lambda: HttpSession(trusted=True))
            simple = _bare(stage, bodies, _plain)
            say(f"{latency} ms: relay {drained:.0f}/s, bare loop {looped:.0f}/s, plain {simple:.0f}/s")
            if number:
                ours.append(drained)
                bare.append(looped)
                plain.append(simple)
        figure(f"relay_{latency}ms_per_second", sum(ours) / len(ours), "1/s")
        figure(f"relay_bare_{latency}ms_per_second", sum(bare) / len(bare), "1/s")
        figure(f"relay_ratio_{latency}ms", sum(ours) / sum(bare), "(aim: at least 0.7)")
        figure(f"relay_plain_ratio_{latency}ms", sum(ours) / sum(plain), "(against requests as it comes)")
        if latency:
            stage.clear_faults()
    stage.stop("relay", "sandbox")
    empty_queues()


def _people(made: Provisioned, count: int) -> list[UUID]:
    """Conversations whose window is open; two messages of a round go to each."""
    found = []
    with schema_context(made.organization.schema_name), transaction.atomic():
        playbook = playbook_published(made.workspace)
        now = clock.now()
        for number in range(count):
            phone = str(77040000000 + number)
            subscriber, _ = subscriber_resolve(
                workspace=made.workspace, phone=phone, user_id=None, name="Ana", at=now
            )
            conversation = Conversation.objects.create(
                subscriber=subscriber,
                workspace=made.workspace,
                channel=made.connections["gupshup"].id,
                playbook=playbook,
                snapshot=snapshot_to_json(t.Snapshot()),
                state=t.State.NEW,
                started_at=now,
                last_inbound_at=now,
            )
            found.append(conversation.id)
    return found


def _drain(stage: Stage, people: dict[str, list[UUID]], count: int) -> tuple[float, list[dict[str, Any]]]:
    """Sends per second by the running relay, and the requests that it made."""
    _enqueue(people, count)
    after = _last_id(stage)
    execute(
        "UPDATE public.outbox_outboxtask SET available_at = available_at - make_interval(secs => %s)"
        " WHERE queue = %s",
        (LATER, Queue.INTERACTIVE),
    )
    execute("SELECT pg_notify(%s, '')", (channel(Queue.INTERACTIVE),))
    wait_until(lambda: interactive_left() == 0, 300, "Draining the messages")
    sent = stage.ask(f"/_received?platform=gupshup&path=/v3/message&after={after}")
    assert len(sent) == count, f"{len(sent)} messages were sent, not {count}"
    return _speed(sent), sent


def _enqueue(people: dict[str, list[UUID]], count: int) -> None:
    share = count // len(people)
    for schema_name, conversations in people.items():
        with schema_context(schema_name), transaction.atomic():
            rows = list(Conversation.objects.filter(id__in=conversations))
            for number in range(share):
                message_queue(
                    conversation=rows[number % len(rows)],
                    send=t.Send(content=_QUESTION, purpose="question:readiness"),
                    at=clock.now(),
                    about={},
                )
            _postpone(schema_name, timedelta(seconds=LATER))
    execute("ANALYZE public.outbox_outboxtask")


def _postpone(schema_name: str, delay: timedelta) -> None:
    tasks = OutboxTask.objects.filter(schema_name=schema_name, queue=Queue.INTERACTIVE)
    first = tasks.first()
    assert first is not None
    tasks.update(available_at=first.available_at + delay)


def _bare(stage: Stage, sent: list[dict[str, Any]], make: Callable[[], requests.Session]) -> float:
    """The same requests from as many threads through one kept-alive session, and nothing else."""
    after = _last_id(stage)
    session = make()
    bodies = [(request["path"], json.loads(request["body"])) for request in sent]
    token = {request["path"]: request["headers"]["Authorization"] for request in sent}

    def post(request: tuple[str, Any]) -> None:
        path, body = request
        url = f"{stage.addresses.sandbox}{path}"
        answer = session.post(url, json=body, headers={"Authorization": token[path]})
        answer.raise_for_status()

    with ThreadPoolExecutor(CONCURRENCY) as pool:
        for _ in pool.map(post, bodies):
            pass
    session.close()
    return _speed(stage.ask(f"/_received?platform=gupshup&path=/v3/message&after={after}"))


def _plain() -> requests.Session:
    session = requests.Session()
    # Neither proxies of the environment nor connections made anew.
    session.trust_env = False
    session.mount("http://", HTTPAdapter(pool_maxsize=CONCURRENCY))
    return session


def _last_id(stage: Stage) -> int:
    received = stage.ask("/_received?platform=gupshup&path=/v3/message")
    return int(received[-1]["id"]) if received else 0


def _speed(sent: list[dict[str, Any]]) -> float:
    """Requests per second, by the sandbox's own clock for both sides."""
    time_taken: float = sent[-1]["at"] - sent[0]["at"]
    return (len(sent) - 1) / time_taken
