"""Births that fail, are interrupted or overtaken: told in words, tried again, never half-made (T1)."""

from __future__ import annotations

import pytest
from django.db import connection
from django.utils import translation

from tenants.birth import birth_advance, birth_progress, birth_retry, births_advance
from tenants.birth.steps import MOST_ATTEMPTS, UNEXPECTED, schema_name_of
from tenants.models import Birth, Membership, Organization
from tenants.schemas.migrations import schema_state
from tenants.services import organization_create
from tests.support.births import ONE, TWO, ask, born, exists, page_new, person, workspaces

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def page() -> str:
    connection.set_schema_to_public()
    return page_new()


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
    assert failed.step == "workspaces" and exists(failed)
    heir = person()
    done = born(heir, page, TWO)
    assert done.id != failed.id and not exists(failed)
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
