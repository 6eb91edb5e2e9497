"""kill -9 at every point of an effect's life, and of an organization's birth: each comes about once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection

from tenants.models import Birth, Organization
from tests.kill import births
from tests.kill.leads import ACCOUNT, ORDER, Lead, Leads, settle
from tests.kill.points import (
    ANSWER_READ,
    DECISION_COMMITTED,
    POINTS,
    RECEIPT_STORED,
    REQUEST_ACCEPTED,
    TASK_CLAIMED,
    stopped_at,
)
from tests.kill.proof import problems
from tests.kill.stack import Stack, until
from tests.support.database import entered

pytestmark = [pytest.mark.kill, pytest.mark.timeout(400)]
UNKNOWN_SECONDS = 60.0


def kill_at(
    point: str,
    *,
    victims: tuple[str, ...],
    stand: tuple[str, ...],
    steps: tuple[str, ...],
    stack: Stack,
    leads: Leads,
) -> list[Lead]:
    """The leads take the steps; the victims die while those that `stand` are at the point, and come back."""
    people = leads.before(*steps)
    with stopped_at(point, stand, stack, people):
        for victim in victims:
            stack.kill(victim)
    for victim in victims:
        if victim != "web":
            stack.restart(victim)
    if "web" in stand:
        # The stored receipt brings its effects about before the platform has got any 2xx.
        people[-1].wait_answer()
    if "web" in victims:
        stack.restart("web")
        stack.wait_web()
    for person in people:
        person.wait_answer()
    settle(stack)
    return people


def assert_each_once(stack: Stack, leads: Leads, people: list[Lead]) -> None:
    """The ledgers are complete and the platforms hold what they tell, once."""
    assert [problem for person in people for problem in problems(stack, person)] == []
    leads.rest(people)


def test_relay_and_web_killed_over_stored_receipts_leave_each_effect_once(stack: Stack, leads: Leads) -> None:
    both = ("relay", "web")
    people = kill_at(
        RECEIPT_STORED, victims=both, stand=both, steps=("start", "start"), stack=stack, leads=leads
    )
    hooks = [hook for hook in stack.sandbox.get("/_hooks") if people[-1].digits in hook["body"]]
    again = [hook["answers"] for hook in hooks if len(hook["answers"]) > 1]
    assert again, "the platform did not send the hook again"
    assert {answers[-1]["status"] for answers in again} == {200}
    assert_each_once(stack, leads, people)


@pytest.mark.parametrize(
    ("point", "steps"),
    # Each lead's next step comes with the next point, so that none has to walk in between.
    [
        (DECISION_COMMITTED, ("niche", "niche")),
        (TASK_CLAIMED, ("budget", "start")),
        (ANSWER_READ, ("channel", "start")),
        (REQUEST_ACCEPTED, ("order", "budget", "niche", "start")),
    ],
)
def test_relay_and_worker_killed_at_once_leave_each_effect_once(
    stack: Stack, leads: Leads, point: str, steps: tuple[str, ...]
) -> None:
    both = ("relay", "worker")
    people = kill_at(point, victims=both, stand=both, steps=steps, stack=stack, leads=leads)
    assert_each_once(stack, leads, people)


@pytest.fixture
def statuses_off(stack: Stack) -> Iterator[None]:
    """WhatsApp tells nothing of what becomes of a message."""
    app = {"app_id": ACCOUNT["gupshup"]["app_id"]}
    before = stack.sandbox.post("/gupshup/_settings", app)["statuses"]
    stack.sandbox.post("/gupshup/_settings", {**app, "statuses": []})
    yield
    stack.sandbox.post("/gupshup/_settings", {**app, "statuses": before})


def test_without_statuses_a_send_in_doubt_is_unknown_and_never_repeated(
    stack: Stack, leads: Leads, statuses_off: None
) -> None:
    [person] = kill_at(
        REQUEST_ACCEPTED, victims=("relay",), stand=("relay",), steps=("start",), stack=stack, leads=leads
    )
    assert_unknown_and_goes_on(stack, person)


def assert_unknown_and_goes_on(stack: Stack, person: Lead) -> None:
    """The wait for a status ends without one; the lead's next step is answered all the same."""
    waits = "SELECT count(*) FROM public.outbox_timer WHERE kind = 'send_doubt' AND due_at {} now()"
    until(lambda: stack.rows(waits.format(">"))[0][0], UNKNOWN_SECONDS, lambda: "no send is in doubt")
    # Ten minutes have passed.
    stack.rows("UPDATE public.outbox_timer SET due_at = now() WHERE kind = 'send_doubt' RETURNING id")
    until(lambda: not stack.rows(waits.format("<="))[0][0], UNKNOWN_SECONDS, lambda: "the wait does not end")
    assert problems(stack, person, unknown=1) == []
    person.act()
    person.wait_answer()
    settle(stack)
    assert problems(stack, person, unknown=1) == []


# --- births -----------------------------------------------------------------------------------------


@pytest.fixture
def inside(stack: Stack, django_db_blocker: Any) -> Iterator[None]:
    """This process's own queries go to the stack's database."""
    with django_db_blocker.unblock(), entered(urlsplit(stack.url).path.lstrip("/")):
        connection.set_schema_to_public()
        yield


@pytest.fixture
def undisturbed(stack: Stack, inside: None) -> Any:
    """What a birth leads to when nobody dies."""
    birth = births.birth_new()
    births.wake(stack)
    return births.made(births.wait_done(birth))


def kill_in(stop: str, birth: Birth, stack: Stack) -> None:
    with births.stopped_in(stop, birth, stack):
        stack.kill("worker")
    stack.restart("worker")


def assert_one_whole_organization(stack: Stack, birth: Birth, expected: Any, before: set[str]) -> None:
    found = births.made(birth)
    for part, value in expected["catalog"].items():
        assert found["catalog"][part] == value, part
    assert found == expected
    assert (len(found["organizations"]), len(found["memberships"]), len(found["workspaces"])) == (1, 1, 2)
    assert births.schemas(stack) - before == {birth.organization.schema_name}


def test_a_birth_whose_worker_is_killed_at_every_step_leads_to_one_organization(
    stack: Stack, undisturbed: Any
) -> None:
    before, birth = births.schemas(stack), births.birth_new()
    for stop in births.STOPS:
        kill_in(stop, birth, stack)
        assert not Organization.objects.filter(page_id=birth.page_id).exists()
    births.wake(stack)
    done = births.wait_done(birth)
    assert done.attempts == len(births.STOPS), "each worker but the first had begun"
    assert_one_whole_organization(stack, done, undisturbed, before)


# --- the whole matrix -------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("step", ORDER)
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("victim", ["relay", "worker", "web"])
def test_each_process_killed_at_each_point_of_each_step_leaves_each_effect_once(
    stack: Stack, leads: Leads, victim: str, point: str, step: str
) -> None:
    # Web has its part in the first point alone, the worker in all but the first.
    bystander = "worker" if point == RECEIPT_STORED else "web"
    stand = ("relay" if victim == bystander else victim,)
    people = kill_at(point, victims=(victim,), stand=stand, steps=(step,), stack=stack, leads=leads)
    assert_each_once(stack, leads, people)


@pytest.mark.long
@pytest.mark.parametrize("point", [DECISION_COMMITTED, TASK_CLAIMED])
def test_without_statuses_a_send_that_had_not_begun_is_sent_once(
    stack: Stack, leads: Leads, statuses_off: None, point: str
) -> None:
    people = kill_at(point, victims=("relay",), stand=("relay",), steps=("start",), stack=stack, leads=leads)
    assert [problem for person in people for problem in problems(stack, person, statuses=False)] == []


@pytest.mark.long
def test_without_statuses_an_answer_that_was_not_recorded_is_a_send_in_doubt(
    stack: Stack, leads: Leads, statuses_off: None
) -> None:
    [person] = kill_at(
        ANSWER_READ, victims=("relay",), stand=("relay",), steps=("start",), stack=stack, leads=leads
    )
    assert_unknown_and_goes_on(stack, person)


@pytest.mark.long
@pytest.mark.parametrize("stop", births.STOPS)
def test_a_birth_whose_worker_is_killed_once_leads_to_one_organization(
    stack: Stack, undisturbed: Any, stop: str
) -> None:
    before, birth = births.schemas(stack), births.birth_new()
    kill_in(stop, birth, stack)
    births.wake(stack)
    assert_one_whole_organization(stack, births.wait_done(birth), undisturbed, before)
