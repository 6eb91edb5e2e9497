"""/wa-onboarding in a browser without scripts: forms, states, two tabs, who may and who may not (T3.3)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from integrations.models import NumberOnboarding
from tenants.context import in_organization
from tenants.models import Role, User
from tenants.services import membership_create, workspace_create
from tests.support.onboarding import Walk, fresh_number
from tests.support.sandbox import Sandbox

Settle = Callable[..., None]
FORM = {"name": "Ana Ozola", "email": "ana@example.com", "phone": "+371 2999-00-00", "region": "DE"}


def member(made: Any, role: Role, workspace: Any = None) -> Client:
    user = User.objects.create_user(f"page-{uuid.uuid4().hex[:8]}", first_name="Ana")
    membership_create(user=user, organization=made.organization, role=role)
    client = Client(headers={"accept-language": "en"})
    client.force_login(user, backend="tenants.signin.backends.FacebookSessions")
    if workspace is not None:
        session = client.session
        session["workspace"] = str(workspace.id)
        session.save()
    return client


@pytest.fixture
def empty(demo: Any) -> Any:
    """A workspace without a number: its menu is locked."""
    made = workspace_create(
        organization=demo.organization, name="Fresh", business_id=f"b{uuid.uuid4().hex[:10]}", language="en"
    )
    return made


@pytest.fixture
def owner(demo: Any, empty: Any) -> Client:
    return member(demo, Role.OWNER, empty)


def page(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.content.decode()[:2000]
    return answer.content.decode()


def begin(client: Client, path: str = "/wa-onboarding/new", **given: str) -> str:
    """Fills in the form; the address of the number's page."""
    key = re.search(r'name="key" value="([^"]+)"', page(client, path))
    assert key is not None
    answer = client.post(path, {**FORM, "key": key[1], **given})
    assert answer.status_code == 302, answer.content.decode()[:3000]
    return str(answer["Location"])


def row_of(demo: Any, address: str) -> NumberOnboarding:
    with in_organization(demo.organization.schema_name):
        return NumberOnboarding.objects.select_related("connection", "workspace").get(
            id=address.rpartition("/")[2]
        )


def test_a_member_walks_from_the_empty_page_to_a_number_that_works(
    owner: Client, demo: Any, empty: Any, gupshup: Sandbox, settle: Settle
) -> None:
    assert "No number yet" in page(owner, "/wa-onboarding")
    assert "Connect a WhatsApp number first" in page(owner, "/chatflows", 423)
    address = begin(owner)
    assert "later" in page(owner, address)
    settle()
    shown = page(owner, address)
    link = re.search(r'href="([^"]+/gupshup/onboard/[^"]+)"', shown)
    assert link is not None and "data-until" in shown and "data-poll" in shown
    walk = Walk(gupshup, demo, settle, row_of(demo, address).id)
    assert walk.sign_up(fresh_number(), link=link[1]).ok
    settle()
    shown = page(owner, address)
    assert "The number is live" in shown and "data-poll" not in shown
    assert "works" in page(owner, "/wa-onboarding")
    assert page(owner, "/chatflows", 423).count("Give access to ads") >= 1
    assert owner.post(f"{address}/page").status_code == 302
    assert "checked" in page(owner, address)
    assert owner.post(f"{address}/test", {"phone": "+7 701 000 77 88"}).status_code == 302
    settle()
    assert row_of(demo, address).steps["test_message"]["state"] == "done"
    assert "WhatsApp says:" in page(owner, address)


def test_the_same_form_from_two_tabs_is_one_number(owner: Client, demo: Any, empty: Any) -> None:
    key = str(uuid.uuid4())
    for _ in range(2):
        answer = owner.post("/wa-onboarding/new", {**FORM, "key": key})
        assert answer["Location"] == f"/wa-onboarding/{key}"
    with in_organization(demo.organization.schema_name):
        assert NumberOnboarding.objects.filter(workspace=empty).count() == 1


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("/wa-onboarding/new", {"phone": "hello"}),
        ("/wa-onboarding/new", {"email": "nobody"}),
        ("/wa-onboarding/new", {"region": "XX"}),
        ("/wa-onboarding/new", {"key": "not-a-key"}),
        ("/wa-onboarding/move", {"waba_id": "abc"}),
        ("/wa-onboarding/existing", {"app_id": "../etc", "token": "sk_12345"}),
        ("/wa-onboarding/existing", {"app_id": "0d0c-1234-5678", "token": "eyJabc"}),
    ],
)
def test_wrong_input_is_told_at_its_field(owner: Client, path: str, wrong: dict[str, str]) -> None:
    answer = owner.post(path, {**FORM, "key": str(uuid.uuid4()), **wrong})
    assert answer.status_code == 400
    assert 'class="error"' in answer.content.decode() or wrong.get("key")


def test_a_wrong_token_is_told_and_never_shown_again(owner: Client, gupshup: Sandbox) -> None:
    given = {"key": str(uuid.uuid4()), "app_id": "0d0c1111-demo-app", "token": "sk_guessed_0001"}
    answer = owner.post("/wa-onboarding/existing", given)
    text = answer.content.decode()
    assert answer.status_code == 400 and "refuses this token" in text and "sk_guessed_0001" not in text


def test_a_failed_step_is_told_in_words_with_a_button(
    owner: Client, demo: Any, gupshup: Sandbox, settle: Settle
) -> None:
    refusal = {"status": "error", "message": "Contact is not allowed"}
    with gupshup.faults(
        {"platform": "gupshup", "path": "/onboarding/contact", "status": 400, "body": refusal}
    ):
        address = begin(owner)
        settle()
    shown = page(owner, address)
    assert "Contact is not allowed" in shown and "Gupshup refused this" in shown
    for _ in range(2):
        assert owner.post(f"{address}/again").status_code == 302
    settle()
    assert "Open the signup page" in page(owner, address)


def test_the_fragment_tells_when_the_page_has_changed_and_when_to_stop(
    owner: Client, demo: Any, gupshup: Sandbox, settle: Settle
) -> None:
    address = begin(owner)
    seen = re.search(r"state\?seen=(\w+)", page(owner, address))
    assert seen is not None
    first = owner.get(f"{address}/state?seen={seen[1]}")
    assert "X-Location" not in first.headers and "X-Done" not in first.headers
    settle()
    assert owner.get(f"{address}/state?seen={seen[1]}")["X-Location"] == address


def test_a_new_link_pressed_in_two_tabs_is_made_once(
    owner: Client, demo: Any, gupshup: Sandbox, settle: Settle
) -> None:
    address = begin(owner)
    settle()
    first = row_of(demo, address).link
    for _ in range(2):
        owner.post(f"{address}/link", {"seen": first})
    settle()
    second = row_of(demo, address).link
    assert second != first
    owner.post(f"{address}/link", {"seen": first})
    settle()
    assert row_of(demo, address).link == second


def test_a_number_that_is_not_live_can_be_given_up_and_a_live_one_not(
    owner: Client, demo: Any, gupshup: Sandbox, settle: Settle
) -> None:
    address = begin(owner)
    settle()
    assert owner.post(f"{address}/drop")["Location"] == "/wa-onboarding"
    page(owner, address, 404)
    live = begin(owner)
    settle()
    Walk(gupshup, demo, settle, row_of(demo, live).id).sign_up(fresh_number())
    settle()
    assert owner.post(f"{live}/drop")["Location"] == live
    assert "disconnect it under Credentials" in page(owner, live)


def test_other_roles_and_other_organizations_see_nothing(
    owner: Client, demo: Any, organizations: Any, gupshup: Sandbox, settle: Settle
) -> None:
    address = begin(owner)
    settle()
    page(member(demo, Role.ANALYST), "/wa-onboarding", 403)
    page(member(demo, Role.MANAGER), address, 403)
    stranger = member(organizations.other, Role.OWNER)
    page(stranger, address, 404)
    for act in ("again", "link", "page", "test", "drop"):
        assert stranger.post(f"{address}/{act}", {"phone": "37120000000"}).status_code == 404
        assert owner.get(f"{address}/{act}").status_code == 405
    assert Client().get(address)["Location"].startswith("/?next=")


def test_the_key_of_another_workspace_s_number_takes_nothing_over(
    owner: Client, demo: Any, gupshup: Sandbox
) -> None:
    address = begin(owner)
    other = member(demo, Role.OWNER)  # the organization's first workspace
    answer = other.post("/wa-onboarding/new", {**FORM, "key": address.rpartition("/")[2]})
    assert answer.status_code == 400
    assert row_of(demo, address).workspace.name == "Fresh"


def test_without_a_partner_account_the_page_says_so(owner: Client, settings: Any) -> None:
    settings.GUPSHUP_PARTNER_ID = ""
    assert "no partner account" in page(owner, "/wa-onboarding")
    answer = owner.post("/wa-onboarding/new", {**FORM, "key": str(uuid.uuid4())})
    assert answer.status_code == 400 and "no partner account" in answer.content.decode()


def test_the_ways_to_a_number_and_the_sandbox_phone_are_shown(owner: Client, settings: Any) -> None:
    assert "A new SIM card" in page(owner, "/wa-onboarding/how-to-get-a-number")
    assert "Open the sandbox phone" in page(owner, "/wa-onboarding")
    settings.SANDBOX_PAGE_URL = ""
    assert "sandbox" not in page(owner, "/wa-onboarding")
