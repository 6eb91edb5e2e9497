"""An organization is born once, whole, and for whoever asked (T1)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_tenants.utils import schema_context

from arriwa.outbox import wakeup
from tenants.birth import (
    STEPS,
    BirthRefused,
    PageBusy,
    PageTaken,
    birth_advance,
    birth_progress,
    birth_request,
    births_advance,
)
from tenants.birth.steps import schema_name_of
from tenants.models import Birth, Membership, Organization, Role
from tenants.services import membership_create, organization_create
from tenants.workspaces.models import AuditEntry
from tests.support.births import ONE, TWO, ask, audit, born, exists, page_new, person, workspaces
from tests.support.catalog import catalog
from tests.support.isolation import fingerprint

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def page() -> str:
    connection.set_schema_to_public()
    return page_new()


@pytest.fixture(autouse=True)
def wakeups() -> Iterator[list[str]]:
    """What was woken in this process."""
    heard: list[str] = []
    wakeup.listen_here(heard.append, [wakeup.BIRTHS])
    yield heard
    wakeup.stop_listening(heard.append)
    connection.set_schema_to_public()


def schemas_of(page: str) -> list[str]:
    return [schema_name_of(birth) for birth in Birth.objects.filter(page_id=page) if exists(birth)]


def test_a_birth_makes_the_organization_its_workspaces_and_its_owner(page: str, wakeups: list[str]) -> None:
    user = person("Ana Lima")
    birth = ask(user, page, ONE, TWO)
    assert birth.state == Birth.State.WAITING and wakeups == ["births"]
    assert births_advance() >= 1
    birth.refresh_from_db()
    organization = birth.organization
    assert birth.state == Birth.State.DONE and birth.error_text == ""
    assert organization is not None and organization.page_id == page and organization.name == "A school"
    assert [(m.user, m.role) for m in organization.memberships.all()] == [(user, Role.OWNER)]
    made = workspaces(birth)
    assert {key: (w.name, w.language, w.time_zone) for key, w in made.items()} == {
        "bm-1": ("School", "ru", "UTC"),
        "bm-2": ("Shop", "en", "Asia/Almaty"),
    }
    assert audit(birth) == [
        ("workspace.created", "School"),
        ("workspace.created", "Shop"),
        ("organization.created", "A school"),
    ]
    with schema_context(organization.schema_name):
        assert set(AuditEntry.objects.values_list("actor", "actor_name")) == {(user.id, "Ana Lima")}


def test_another_birth_leaves_the_second_organization_alone(page: str, organizations: Any) -> None:
    other = organizations.other.organization.schema_name

    def rows() -> tuple[str, Any]:
        with connection.cursor() as cursor:
            return fingerprint(cursor, other), catalog(other)

    before = rows()
    assert born(person(), page, *({"id": b, "name": b} for b in ("1", "2"))).state == Birth.State.DONE
    assert rows() == before


def test_asking_again_changes_nothing(page: str, wakeups: list[str]) -> None:
    user = person()
    first = ask(user, page)
    assert ask(user, page).id == first.id
    done = birth_advance(birth=first)
    wakeups.clear()
    again = ask(user, page)
    assert (again.id, again.state, again.finished_at) == (done.id, Birth.State.DONE, done.finished_at)
    assert birth_advance(birth=again).attempts == 1 and wakeups == []
    assert Organization.objects.filter(page_id=page).count() == 1
    assert len(audit(done)) == 2


def test_two_requests_at_once_make_one_organization(page: str) -> None:
    user = person()
    start, births, failures = threading.Barrier(4), list[Birth](), list[BaseException]()

    def run(business: dict[str, str]) -> None:
        try:
            start.wait(timeout=20)
            births.append(born(user, page, business))
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(b,)) for b in (ONE, TWO, ONE, TWO)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == [] and len({birth.id for birth in births}) == 1
    # Whoever found the others at it has left the rest to the sweep.
    births_advance()
    [organization] = Organization.objects.filter(page_id=page)
    assert organization.memberships.count() == 1
    assert set(workspaces(births[0])) == {"bm-1", "bm-2"}
    assert schemas_of(page) == [organization.schema_name]


def test_further_businesses_of_the_owner_become_workspaces_of_the_organization(page: str) -> None:
    user = person()
    first = born(user, page, ONE)
    before = workspaces(first)
    again = ask(user, page, ONE, TWO)
    assert again.id == first.id and again.state == Birth.State.WAITING
    assert birth_progress(again).percent < 100
    done = birth_advance(birth=again)
    assert done.state == Birth.State.DONE and done.organization_id == first.organization_id
    after = workspaces(done)
    assert set(after) == {"bm-1", "bm-2"} and after["bm-1"].id == before["bm-1"].id
    assert Membership.objects.filter(organization=done.organization).count() == 1


def test_businesses_added_while_the_birth_is_under_way_are_made_too(page: str) -> None:
    user = person()
    birth = ask(user, page, ONE)
    # As if a worker had made the first workspace and then waited.
    Birth.objects.filter(id=birth.id).update(state=Birth.State.RUNNING)
    ask(user, page, TWO)
    done = birth_advance(birth=birth)
    assert done.state == Birth.State.DONE and set(workspaces(done)) == {"bm-1", "bm-2"}


def test_someone_else_is_told_whom_to_ask(page: str) -> None:
    done = born(person(), page)
    with pytest.raises(PageTaken) as refused:
        ask(person(), page, TWO)
    assert refused.value.organization == done.organization and not refused.value.member
    assert refused.value.code == "page_taken"
    assert set(workspaces(done)) == {"bm-1"}


def test_a_member_without_the_right_adds_no_businesses(page: str) -> None:
    done = born(person(), page)
    member = person()
    assert done.organization is not None
    membership_create(user=member, organization=done.organization, role=Role.ADMIN)
    with pytest.raises(PageTaken) as refused:
        ask(member, page, TWO)
    assert refused.value.member


def test_an_owner_who_has_left_is_nobody_special(page: str) -> None:
    user = person()
    done = born(user, page)
    Membership.objects.filter(user=user).delete()
    with pytest.raises(PageTaken):
        ask(user, page)
    assert not Membership.objects.filter(organization=done.organization).exists()


def test_an_owner_adds_businesses_to_what_a_command_made(page: str) -> None:
    user = person()
    organization = organization_create(name="by a command", page_id=page)
    membership_create(user=user, organization=organization, role=Role.OWNER)
    done = born(user, page, ONE)
    assert done.organization == organization and set(workspaces(done)) == {"bm-1"}
    assert organization_create(name="again", page_id=page) == organization


def test_while_someone_sets_a_page_up_others_wait(page: str) -> None:
    ask(person(), page)
    with pytest.raises(PageBusy):
        ask(person(), page)
    births_advance()


@pytest.mark.parametrize(
    ("page_id", "name", "businesses"),
    [("", "x", [ONE]), ("p", " ", [ONE]), ("p", "x", []), ("p", "x", [{"id": "", "name": "x"}])],
)
def test_a_choice_that_cannot_be_used_is_refused(
    database: None, page_id: str, name: str, businesses: list[dict[str, str]]
) -> None:
    with pytest.raises(BirthRefused):
        birth_request(user=person(), page_id=page_id, page_name=name, businesses=businesses)


# --- what the page shows ----------------------------------------------------------------------------


def test_progress_tells_where_a_birth_is(page: str) -> None:
    birth = ask(person(), page)
    seen = [birth_progress(birth)]
    for step in STEPS:
        birth.state, birth.step = Birth.State.RUNNING, step.key
        seen.append(birth_progress(birth))
    birth_advance(birth=Birth.objects.get(id=birth.id))
    birth.refresh_from_db()
    seen.append(birth_progress(birth))
    assert [[step.state[0] for step in progress.steps] for progress in seen] == [
        ["w", "w", "w"],
        ["c", "w", "w"],
        ["d", "c", "w"],
        ["d", "d", "c"],
        ["d", "d", "d"],
    ]
    percents = [progress.percent for progress in seen]
    assert percents == sorted(percents) and (percents[0], percents[-1]) == (0, 100)
    assert [progress.finished for progress in seen] == [False, False, False, False, True]
    assert 0 <= seen[-1].elapsed.total_seconds() < 60
    with CaptureQueriesContext(connection) as queries:
        birth_progress(birth)
    assert len(queries) == 0
