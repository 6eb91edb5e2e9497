"""The staff's site: who comes in, what is shown, what is never shown (docs/staff.md)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client

from arriwa.admin import site
from arriwa.admin.base import OfOrganization, ReadOnly
from arriwa.admin.menu import MENU
from arriwa.admin.site import TENANT_APPS
from arriwa.outbox.models import RateLimit
from integrations.models import Connection, DeadReceipt, Delivery, NumberOnboarding
from tenants.context import in_organization
from tenants.models import ApiToken, Birth, FacebookGrant, HookRoute, Invitation
from tenants.services import api_token_create, hook_route_secrets
from tenants.workspaces.models import AuditEntry
from tests.support.hooks import ACCOUNTS
from tests.support.ledger import subscriber_of
from tests.support.members import Club, join, person, signed_in, staff
from tests.support.sandbox import Phone

PASSWORD = "a long enough password"
HREF = re.compile(r'href="(/admin/[^"#]*)"')


@pytest.fixture
def support(database: None) -> Iterator[Any]:
    """A member of staff."""
    user = staff(PASSWORD, email="support@arriwa.example")
    RateLimit.objects.filter(key__startswith="attempt:").delete()
    yield user
    connection.set_schema_to_public()
    user.delete()


@pytest.fixture
def browser(support: Any) -> Client:
    """Signed in; no organization is chosen."""
    return signed_in(support)


@pytest.fixture
def inside(browser: Client, demo: Any) -> Client:
    """Looks into the first organization."""
    browser.post(f"/admin/organization/{demo.organization.id}/")
    return browser


def text(answer: Any) -> str:
    return str(answer.content.decode())


def act(client: Client, path: str, action: str, *ids: Any) -> str:
    """Runs an action on rows of a list; the page after it."""
    data = {"action": action, "_selected_action": [str(pk) for pk in ids], "index": "0"}
    return text(client.post(path, data, follow=True))


def audit(demo: Any, action: str) -> list[AuditEntry]:
    with in_organization(demo.organization.schema_name):
        return list(AuditEntry.objects.filter(action=action).order_by("-at"))


# --- who comes in -----------------------------------------------------------------------------------


def test_strangers_are_asked_to_sign_in(database: None) -> None:
    answer = Client().get("/admin/")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/admin/tenants/user/", "/admin/organization/"])
def test_members_find_nothing_here(club: Club, path: str) -> None:
    assert signed_in(club.member("owner")).get(path).status_code == 404


def test_staff_sign_in_by_password(support: Any) -> None:
    client = Client()
    page = client.get("/admin/login/")
    assert page.status_code == 200
    answer = client.post("/admin/login/", {"username": support.username, "password": PASSWORD})
    assert answer.status_code == 302
    assert client.get("/admin/").status_code == 200


def test_a_member_with_a_password_does_not_come_in(club: Club) -> None:
    user = club.member("owner")
    user.set_password(PASSWORD)
    user.save()
    client = Client()
    answer = client.post("/admin/login/", {"username": user.username, "password": PASSWORD})
    assert answer.status_code == 200
    assert "_auth_user_id" not in client.session


def test_guessing_is_slowed_down(support: Any) -> None:
    client = Client()
    for _ in range(5):
        client.post("/admin/login/", {"username": support.username, "password": "wrong"})
    answer = client.post("/admin/login/", {"username": support.username, "password": PASSWORD})
    assert answer.status_code == 200
    assert "Too many attempts" in text(answer)
    assert "_auth_user_id" not in client.session


# --- an organization is entered openly --------------------------------------------------------------


TENANT_MODELS = [model for model, admin in site._registry.items() if isinstance(admin, OfOrganization)]
PUBLIC_MODELS = [model for model in site._registry if model not in TENANT_MODELS]


def path_of(model: Any, pk: Any = None) -> str:
    meta = model._meta
    return f"/admin/{meta.app_label}/{meta.model_name}/" + (f"{pk}/change/" if pk is not None else "")


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model.__name__)
def test_tables_of_an_organization_are_hidden_until_one_is_chosen(browser: Client, model: Any) -> None:
    assert path_of(model) not in text(browser.get("/admin/"))
    for path in (path_of(model), path_of(model, uuid4()), f"/admin/{model._meta.app_label}/"):
        answer = browser.get(path)
        assert answer.status_code == 302
        assert answer.headers["Location"] == "/admin/organization/"
    assert "Choose an organization first" in text(browser.get("/admin/organization/"))


def test_entering_is_told_in_the_audit_log_and_on_every_page(
    demo: Any, browser: Client, support: Any
) -> None:
    before = len(audit(demo, "staff.entered"))
    page = text(browser.get("/admin/organization/?q=DEMO"))
    assert f"/admin/organization/{demo.organization.id}/" in page
    for _ in range(2):
        browser.post(f"/admin/organization/{demo.organization.id}/")
    entries = audit(demo, "staff.entered")
    assert len(entries) == before + 1
    assert (entries[0].actor, entries[0].via) == (support.id, "staff")
    for path in ("/admin/", path_of(Connection), "/admin/tenants/user/", "/admin/organization/"):
        assert f'data-staff-organization="{demo.organization.id}"' in text(browser.get(path)), path
    browser.post("/admin/organization/leave/")
    assert browser.get(path_of(Connection)).status_code == 302
    assert connection.schema_name == "public"


def test_entering_takes_a_post_and_an_organization(browser: Client) -> None:
    assert browser.get(f"/admin/organization/{uuid4()}/").status_code == 405
    assert browser.post(f"/admin/organization/{uuid4()}/").status_code == 404


def test_another_organizations_rows_are_not_there(inside: Client, organizations: Any) -> None:
    with in_organization(organizations.other.organization.schema_name):
        theirs = Connection.objects.values_list("id", flat=True).first()
    answer = inside.get(path_of(Connection, theirs), follow=True)
    assert "acct_other" not in text(answer)
    assert answer.redirect_chain


# --- what is shown ----------------------------------------------------------------------------------


def test_every_table_is_whitelisted_and_read_only() -> None:
    assert len(site._registry) > 15
    for model, admin in site._registry.items():
        assert isinstance(admin, ReadOnly), model
        assert isinstance(admin, OfOrganization) == (model._meta.app_label in TENANT_APPS)
        shown = {*admin.fields, *admin.list_display}
        assert not [name for name in shown if re.search(r"sealed|digest|^key$|^link$|password|secret", name)]


def test_every_table_is_in_the_menu_under_its_own_name() -> None:
    named = [key for _, names in MENU for key in names]
    assert sorted(named) == sorted(model.__name__ for model in site._registry)


def test_nothing_is_added_or_deleted_here(inside: Client, demo: Any) -> None:
    for model in site._registry:
        assert inside.get(path_of(model) + "add/").status_code == 403
        assert "delete_selected" not in text(inside.get(path_of(model)))
    path = path_of(Connection, demo.connections["stripe"].id).replace("change", "delete")
    assert inside.post(path, {"post": "yes"}).status_code == 403


def secrets_of(demo: Any, phone: Phone) -> set[str]:
    """What no page may show: tokens, keys, secrets, phones, links."""
    connection.set_schema_to_public()
    found = {
        value
        for account in ACCOUNTS.values()
        for platform in account.values()
        for name, value in platform.items()
        if name in ("token", "key", "app_secret")
    }
    for route in HookRoute.objects.all():
        found |= {route.key, *hook_route_secrets(route)}
    for model in (ApiToken, Invitation):
        found |= set(model.objects.values_list("digest", flat=True))
    return found | {phone.number, phone.number[1:], phone.name}


@pytest.fixture
def full(demo: Any, phone: Phone, settle: Callable[..., None]) -> Iterator[Phone]:
    """An organization with something in every table."""
    from arriwa.outbox.enqueue import real_now
    from tenants.models import DeletionRequest, JoinRequest

    # A name that no member has, for members' names may be seen.
    phone.name = f"Ана {phone.number[-6:]}"
    phone.tap_ad()
    settle()
    connection.set_schema_to_public()
    user = join(demo.organization, "owner", "Owner")
    made: list[Any] = [user]
    api_token_create(organization=demo.organization, name="robot")
    now = real_now()
    made.append(
        Invitation.objects.create(
            organization=demo.organization, role="admin", digest="d" * 64, created_by=user.id, expires_at=now
        )
    )
    made.append(JoinRequest.objects.create(organization=demo.organization, user=person()))
    made.append(
        FacebookGrant.objects.create(
            user=user, facebook_user_id=uuid4().hex, token_sealed=b"SEALED-TOKEN", checked_at=now
        )
    )
    made.append(Birth.objects.create(page_id="p-admin", page_name="P", requested_by=user, businesses=[]))
    made.append(DeletionRequest.objects.create(code=uuid4().hex[:20], person=uuid4().hex))
    with in_organization(demo.organization.schema_name):
        made.append(
            NumberOnboarding.objects.create(
                workspace=demo.workspace,
                app_name="app",
                link="https://signup.example/unguessable",
                contact_sealed=b"SEALED-CONTACT",
            )
        )
        made.append(dead_receipt(demo))
    yield phone
    for row in reversed(made):
        with in_organization(demo.organization.schema_name):
            row.delete()


def dead_receipt(demo: Any) -> DeadReceipt:
    """A hook that nobody could read."""
    from arriwa.common import clock, sealing

    dead = DeadReceipt(
        platform="stripe",
        connection_uuid=demo.connections["stripe"].id,
        workspace_uuid=demo.workspace.id,
        received_at=clock.now(),
        error_code="test",
        error_text="cannot be read",
    )
    dead.body_sealed = sealing.seal(b"not json", organization=demo.organization.id, row=dead.seal_row)
    dead.save(force_insert=True)
    return dead


def test_no_page_shows_a_secret_or_a_phone(inside: Client, demo: Any, full: Phone) -> None:
    hidden = secrets_of(demo, full) | {"SEALED", "unguessable"}
    seen: set[str] = set()
    for model in site._registry:
        with in_organization(demo.organization.schema_name):
            pks = list(model._default_manager.order_by("-pk").values_list("pk", flat=True)[:3])
        for path in (path_of(model), *(path_of(model, pk) for pk in pks)):
            answer = inside.get(path)
            assert answer.status_code == 200, path
            page = text(answer)
            assert [word for word in hidden if word and word in page] == [], path
            seen.add(model.__name__ if path != path_of(model) else "")
    assert {"Connection", "Subscriber", "Delivery", "HookRoute", "FacebookGrant", "DeadReceipt"} <= seen


def test_every_link_of_the_menu_leads_somewhere(inside: Client) -> None:
    links = set(HREF.findall(text(inside.get("/admin/"))))
    assert {path_of(model) for model in site._registry} <= links
    for link in links:
        assert inside.get(link).status_code in (200, 302), link


@pytest.mark.parametrize(("language", "words"), [("en", "You look into"), ("ru", "Вы смотрите организацию")])
def test_the_site_speaks_the_readers_language(inside: Client, language: str, words: str) -> None:
    assert words in text(inside.get("/admin/", headers={"accept-language": language}))


def test_a_lead_is_shown_masked(inside: Client, demo: Any, full: Phone) -> None:
    lead = subscriber_of(demo.organization.schema_name, full.number)
    page = text(inside.get(f"/admin/subscribers/subscriber/{lead.id}/change/"))
    assert f"{full.number[:4]}•••{full.number[-4:]}" in page


# --- what support can do ----------------------------------------------------------------------------


def test_a_connection_is_paused_and_resumed_and_the_log_names_support(inside: Client, demo: Any) -> None:
    row = demo.connections["kommo"]
    assert "Paused: 1" in act(inside, path_of(Connection), "pause", row.id)
    with in_organization(demo.organization.schema_name):
        assert Connection.objects.get(id=row.id).state == "paused"
    assert "Resumed: 1" in act(inside, path_of(Connection), "resume", row.id)
    with in_organization(demo.organization.schema_name):
        assert Connection.objects.get(id=row.id).state == "active"
    for action in ("connection.paused", "connection.resumed"):
        assert audit(demo, action)[0].via == "staff"


def test_a_connection_is_tested(inside: Client, demo: Any) -> None:
    page = act(inside, path_of(Connection), "test_chosen", demo.connections["stripe"].id)
    assert "Tested: 1" in page
    with in_organization(demo.organization.schema_name):
        assert Connection.objects.get(id=demo.connections["stripe"].id).checked_at is not None
    assert audit(demo, "connection.checked")[0].via == "staff"


def test_a_dead_hook_is_worked_off_once_more(inside: Client, demo: Any, settle: Callable[..., None]) -> None:
    with in_organization(demo.organization.schema_name):
        dead = dead_receipt(demo)
    assert "Worked off once more: 1" in act(inside, path_of(DeadReceipt), "replay", dead.id)
    with in_organization(demo.organization.schema_name):
        dead.refresh_from_db()
        assert dead.replayed_at is not None
    assert audit(demo, "receipt.replayed")


def test_only_dead_deliveries_are_sent_again(
    inside: Client, demo: Any, phone: Phone, settle: Callable[..., None]
) -> None:
    phone.tap_ad()
    settle()
    with in_organization(demo.organization.schema_name):
        good = Delivery.objects.filter(state="confirmed").order_by("-created_at").first()
    assert good is not None
    page = act(inside, path_of(Delivery), "replay", good.id)
    assert "Only a dead delivery" in page
    assert not audit(demo, "delivery.replayed")


def test_a_stopped_birth_is_set_going(browser: Client, support: Any) -> None:
    birth = Birth.objects.create(
        page_id=f"p-{uuid4().hex[:8]}", page_name="P", requested_by=support, businesses=[], state="failed"
    )
    assert "Set going: 1" in act(browser, path_of(Birth), "resume", birth.id)
    birth.refresh_from_db()
    assert birth.state == "waiting"
    assert "Only a birth that an error has stopped" in act(browser, path_of(Birth), "resume", birth.id)
    birth.delete()


def test_a_token_is_revoked_by_support(browser: Client, demo: Any) -> None:
    secret = api_token_create(organization=demo.organization, name="lost")
    row = ApiToken.objects.get(digest=ApiToken.digest_of(secret))
    assert "Revoked: 1" in act(browser, path_of(ApiToken), "revoke", row.id)
    row.refresh_from_db()
    assert row.revoked_at is not None
    assert audit(demo, "token.revoked")[0].via == "staff"


def test_superusers_say_who_is_staff_but_not_of_themselves(browser: Client, support: Any) -> None:
    other = person("Helper")
    path = path_of(type(support), other.id)
    browser.post(path, {"is_active": "on", "is_staff": "on"})
    other.refresh_from_db()
    assert other.is_staff and not other.is_superuser
    assert browser.post(path_of(type(support), support.id), {}).status_code == 403
    assert signed_in(other).post(path_of(type(support), support.id), {}).status_code == 403
    other.delete()


def test_foreign_apps_are_not_shown(browser: Client) -> None:
    shown = {model._meta.label for model in site._registry}
    assert not [label for label in shown if label.startswith(("socialaccount.", "account.", "auth."))]
    assert browser.get("/admin/socialaccount/socialapp/").status_code == 404
    assert apps.is_installed("allauth.socialaccount")
