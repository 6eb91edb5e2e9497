"""An organization is born once, whole, and for whoever asked (T1)."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation
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
    birth_retry,
    births_advance,
)
from tenants.birth.steps import MOST_ATTEMPTS, UNEXPECTED, schema_name_of
from tenants.models import Birth, Membership, Organization, Role, User
from tenants.schemas.migrations import schema_state
from tenants.services import membership_create, organization_create
from tenants.workspaces.models import AuditEntry, Workspace
from tests.support.births import person
from tests.support.catalog import catalog
from tests.support.isolation import fingerprint

pytestmark = pytest.mark.usefixtures("database")
ONE = {"id": "bm-1", "name": "School"}
TWO = {"id": "bm-2", "name": "Shop", "language": "en", "time_zone": "Asia/Almaty"}


@pytest.fixture
def page() -> str:
    connection.set_schema_to_public()
    return f"page-{uuid.uuid4().hex[:12]}"


@pytest.fixture(autouse=True)
def wakeups() -> Iterator[list[str]]:
    """What was woken in this process."""
    heard: list[str] = []
    wakeup.listen_here(heard.append, [wakeup.BIRTHS])
    yield heard
    wakeup.stop_listening(heard.append)
    connection.set_schema_to_public()


def ask(user: User, page: str, *businesses: dict[str, str]) -> Birth:
    chosen = businesses or (ONE,)
    return birth_request(user=user, page_id=page, page_name="A school", businesses=chosen)


def born(user: User, page: str, *businesses: dict[str, str]) -> Birth:
    return birth_advance(birth=ask(user, page, *businesses))


def workspaces(birth: Birth) -> dict[str, Workspace]:
    with schema_context(schema_name_of(birth)):
        return {workspace.business_id: workspace for workspace in Workspace.objects.all()}


def audit(birth: Birth) -> list[tuple[str, str]]:
    with schema_context(schema_name_of(birth)):
        return list(AuditEntry.objects.order_by("at").values_list("action", "subject"))


def schemas_of(page: str) -> list[str]:
    return [schema_name_of(birth) for birth in Birth.objects.filter(page_id=page) if _exists(birth)]


def _exists(birth: Birth) -> bool:
    return schema_state(schema_name_of(birth)).missing is not None


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


# --- failures ---------------------------------------------------------------------------------------


def failing(birth: Birth) -> Birth:
    """Its schema is there already, as nothing but a fault can make it."""
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE SCHEMA "{schema_name_of(birth)}"')
    return birth_advance(birth=birth)


def repair(birth: Birth) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA "{schema_name_of(birth)}"')


def test_a_failed_step_shows_its_error_and_can_be_tried_again(page: str) -> None:
    user = person()
    failed = failing(ask(user, page))
    assert failed.state == Birth.State.FAILED and "schema is there already" in failed.error_text
    progress = birth_progress(failed)
    assert [step.state for step in progress.steps] == ["failed", "waiting", "waiting"]
    assert progress.finished and progress.error_text == failed.error_text
    assert not Organization.objects.filter(page_id=page).exists()
    # Nothing goes on by itself, and a retry that meets the same fault says so again.
    births_advance()
    assert birth_advance(birth=failed).attempts == 1
    assert birth_advance(birth=birth_retry(birth=failed)).state == Birth.State.FAILED
    repair(failed)
    again = ask(user, page)
    assert again.id == failed.id and (again.state, again.error_text) == (Birth.State.WAITING, "")
    assert birth_advance(birth=again).state == Birth.State.DONE


def test_an_unforeseen_error_is_told_in_general_words(page: str, caplog: pytest.LogCaptureFixture) -> None:
    birth = ask(person(), page)
    Birth.objects.filter(id=birth.id).update(businesses=[{"unknown": "form"}])
    failed = birth_advance(birth=birth)
    assert (failed.state, failed.step, failed.error_text) == ("failed", "workspaces", UNEXPECTED)
    assert any(record.exc_info for record in caplog.records)
    with translation.override("ru"):
        assert birth_progress(failed).error_text
    assert [step.state for step in birth_progress(failed).steps] == ["done", "failed", "waiting"]


def test_after_a_failure_someone_else_may_set_the_page_up_afresh(page: str) -> None:
    first = ask(person(), page, ONE)
    Birth.objects.filter(id=first.id).update(businesses=[ONE, {"unknown": "form"}])
    failed = birth_advance(birth=first)
    assert failed.step == "workspaces" and _exists(failed)
    heir = person()
    done = born(heir, page, TWO)
    assert done.id != failed.id and not _exists(failed)
    assert set(workspaces(done)) == {"bm-2"}
    assert Membership.objects.get(organization=done.organization).user == heir


def test_a_page_whose_organization_is_gone_can_be_chosen_again(page: str) -> None:
    user = person()
    first = born(user, page)
    assert first.organization is not None
    first.organization.delete()
    second = born(user, page)
    assert second.state == Birth.State.DONE and second.id != first.id
    assert second.organization_id != first.organization_id


def test_a_page_that_got_an_organization_meanwhile_says_so(page: str) -> None:
    birth = ask(person(), page)
    organization_create(name="quicker", page_id=page)
    failed = birth_advance(birth=birth)
    assert failed.step == "membership" and "organization meanwhile" in failed.error_text
    assert Organization.objects.get(page_id=page).name == "quicker"


def test_a_birth_begun_by_older_code_is_begun_anew(page: str) -> None:
    birth = ask(person(), page)
    Birth.objects.filter(id=birth.id).update(state=Birth.State.RUNNING, step="membership")
    with connection.cursor() as cursor:
        schema = schema_name_of(birth)
        cursor.execute(f'CREATE SCHEMA "{schema}"')
        cursor.execute(f'CREATE TABLE "{schema}".django_migrations (app text, name text)')
    done = birth_advance(birth=birth)
    assert done.state == Birth.State.DONE and schema_state(schema).current


def test_a_birth_that_kills_its_workers_is_given_up(page: str) -> None:
    birth = ask(person(), page)
    Birth.objects.filter(id=birth.id).update(state=Birth.State.RUNNING, attempts=MOST_ATTEMPTS)
    failed = birth_advance(birth=birth)
    assert failed.state == Birth.State.FAILED and "interrupted" in failed.error_text


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
