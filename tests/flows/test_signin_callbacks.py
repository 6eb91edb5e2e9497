"""Meta's duties: removing the app, being forgotten; verified, repeatable, and only the person's own (7.5)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.wsgi import get_wsgi_application
from django.test import Client
from django_tenants.utils import schema_context

from arriwa.signin.tasks import forget
from integrations.models import Connection
from tenants.models import DeletionRequest, FacebookGrant, Membership, Organization, User
from tenants.signin.deletion import organizations_without_owner
from tenants.workspaces.models import AuditEntry, Workspace
from tests import environment
from tests.support.facebook import FacebookPerson
from tests.support.receiver import serve
from tests.support.sandbox import Sandbox
from tests.support.signin import HOST, Browser, grant_of, make_organization, signed_in

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(scope="module")
def product(database: None) -> Iterator[str]:
    """The product over HTTP, where Facebook calls it."""
    port = environment.free_port()
    server = serve(get_wsgi_application(), port)
    yield f"http://{HOST}:{port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def untouched(database: None, sandbox: Sandbox) -> tuple[Browser, FacebookPerson]:
    """Somebody whom no test of this module changes."""
    return signed_in(sandbox)


@pytest.fixture
def member(sandbox: Sandbox) -> tuple[Browser, FacebookPerson, Organization, Connection]:
    """An owner whose workspace has a connection that rests on his consent."""
    browser, person = signed_in(sandbox)
    organization = make_organization(browser, person)
    with schema_context(organization.schema_name):
        made = Connection(
            workspace=Workspace.objects.get(),
            platform="meta",
            account="1",
            granted_by=browser.user.pk,  # type: ignore[union-attr]
        )
        made.set_secrets({"token": "secret-of-a-person"})
        made.save()
    return browser, person, organization, made


def again(connection: Connection, organization: Organization) -> Connection:
    with schema_context(organization.schema_name):
        return Connection.objects.get(pk=connection.pk)


def test_removing_the_app_ends_the_grant_and_pauses_what_rests_on_it(member: Any, product: str) -> None:
    browser, person, organization, connection = member
    told = person.callback(f"{product}/facebook/deauthorize/")
    assert told["status"] == 200
    assert "You removed Arriwa" in grant_of(person).revoked_reason
    paused = again(connection, organization)
    assert paused.state == "paused" and "You removed Arriwa" in paused.state_reason
    assert browser.user is not None and Membership.objects.filter(user=browser.user).exists()
    repeated = Client(SERVER_NAME=HOST).post(
        "/facebook/deauthorize/", {"signed_request": told["signed_request"]}
    )
    assert repeated.status_code == 200
    with schema_context(organization.schema_name):
        assert AuditEntry.objects.filter(action="connection.paused").count() == 1


def test_an_old_callback_says_nothing_about_a_newer_consent(member: Any, product: str) -> None:
    browser, person, *_ = member
    time.sleep(1.1)
    signed = person.callback(f"{product}/facebook/deauthorize/")["signed_request"]
    time.sleep(1.1)
    browser.sign_in(person, next="/start")
    Client(SERVER_NAME=HOST).post("/facebook/deauthorize/", {"signed_request": signed})
    assert grant_of(person).revoked_at is None


@pytest.mark.parametrize("path", ["/facebook/deauthorize/", "/facebook/deletion/"])
@pytest.mark.parametrize(
    "given",
    [
        {"tamper": "payload"},
        {"tamper": "signature"},
        {"tamper": "secret"},
        {"algorithm": "NONE"},
        {"issued_at": 1_600_000_000},
        {"issued_at": 4_000_000_000},
    ],
)
def test_what_is_not_metas_is_refused_and_changes_nothing(
    untouched: Any, product: str, path: str, given: dict[str, Any]
) -> None:
    browser, person = untouched
    told = person.callback(product + path, **given)
    assert told["status"] == 400 and json.loads(told["body"])["code"] == "bad_signed_request"
    assert grant_of(person).revoked_at is None and browser.user is not None
    assert not DeletionRequest.objects.filter(user=browser.user).exists()


@pytest.mark.parametrize("path", ["/facebook/deauthorize/", "/facebook/deletion/"])
@pytest.mark.parametrize("text", ["", ".", "x", "a.b", "é.é", "A" * 5000, "eA.W10"])
def test_garbage_is_refused(path: str, text: str) -> None:
    client = Client(SERVER_NAME=HOST, enforce_csrf_checks=True)
    assert client.post(path, {"signed_request": text}).status_code == 400
    assert client.get(path).status_code == 405


@pytest.mark.parametrize("path", ["/facebook/deauthorize/", "/facebook/deletion/"])
def test_without_an_app_secret_nothing_is_believed(
    untouched: Any, product: str, settings: Any, path: str
) -> None:
    signed = untouched[1].callback(f"{product}/nowhere")["signed_request"]
    settings.META_APP_SECRET = ""
    assert Client(SERVER_NAME=HOST).post(path, {"signed_request": signed}).status_code == 400


def test_an_unknown_person_gets_a_code_all_the_same(untouched: Any, product: str) -> None:
    person = untouched[1]
    assert person.callback(f"{product}/facebook/deauthorize/", user_id="1")["status"] == 200
    told = person.callback(f"{product}/facebook/deletion/", user_id="1")
    assert told["status"] == 200
    code = json.loads(told["body"])["confirmation_code"]
    assert "Nothing of yours is stored" in Browser().page(f"/privacy/deletion/{code}")


def test_a_person_is_forgotten_and_the_organization_is_kept(
    member: Any, product: str, sandbox: Sandbox
) -> None:
    browser, person, organization, connection = member
    user, name = browser.user, person.name
    told = json.loads(person.callback(f"{product}/facebook/deletion/")["body"])
    code = told["confirmation_code"]
    assert told["url"].endswith(f"/privacy/deletion/{code}")
    assert json.loads(person.callback(f"{product}/facebook/deletion/")["body"]) == told
    assert "Under way" in Browser().page(f"/privacy/deletion/{code}")
    assert browser.client.get("/start").status_code == 302, "signed out at once"
    forget()
    forget()
    assert "Done" in Browser().page(f"/privacy/deletion/{code.lower()}")
    assert not User.objects.filter(pk=user.pk).exists()
    assert not SocialAccount.objects.filter(uid=person.id).exists()
    assert not FacebookGrant.objects.filter(facebook_user_id=person.id).exists()
    gone = again(connection, organization)
    with schema_context(organization.schema_name):
        assert gone.state == "paused" and gone.secrets() == {}
        assert not AuditEntry.objects.filter(actor_name=name).exists()
        assert AuditEntry.objects.filter(actor=user.pk, actor_name="deleted person").exists()
        assert AuditEntry.objects.filter(action="organization.owner_gone").count() == 1
    assert organization in organizations_without_owner()
    assert not DeletionRequest.objects.filter(code=code).exclude(state="done").exists()


def test_forgetting_goes_on_where_it_was_cut_short(member: Any, product: str) -> None:
    browser, person, organization, _ = member
    user = browser.user
    person.callback(f"{product}/facebook/deletion/")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("arriwa.signin.forgetting.user_forget", _fails)
        forget()
    assert User.objects.filter(pk=user.pk).exists()
    forget()
    assert not User.objects.filter(pk=user.pk).exists()
    with schema_context(organization.schema_name):
        assert AuditEntry.objects.filter(action="organization.owner_gone").count() == 1


def _fails(**_: Any) -> None:
    raise RuntimeError("the worker was killed")


def test_who_was_forgotten_may_come_again_and_be_forgotten_again(member: Any, product: str) -> None:
    person = member[1]
    first = person.callback(f"{product}/facebook/deletion/")["body"]
    forget()
    browser = Browser()
    browser.sign_in(person)
    assert browser.user is not None
    assert not Membership.objects.filter(user=browser.user).exists()
    assert "Ask to join" in browser.page("/start")
    assert person.callback(f"{product}/facebook/deletion/")["body"] == first
    forget()
    assert not SocialAccount.objects.filter(uid=person.id).exists()


def test_another_member_and_another_organization_are_untouched(
    member: Any, product: str, sandbox: Sandbox
) -> None:
    stranger, other = signed_in(sandbox)
    theirs = make_organization(stranger, other)
    member[1].callback(f"{product}/facebook/deletion/")
    forget()
    assert stranger.user is not None and grant_of(other).revoked_at is None
    with schema_context(theirs.schema_name):
        assert not AuditEntry.objects.filter(action="organization.owner_gone").exists()
        assert not AuditEntry.objects.filter(actor_name="deleted person").exists()
    assert theirs not in organizations_without_owner()


def test_an_unknown_code_is_not_there() -> None:
    assert Client(SERVER_NAME=HOST).get("/privacy/deletion/NOTACODE").status_code == 404
