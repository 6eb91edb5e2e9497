"""Pages of the settings, in both languages: what they show, and what they do once (T1)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from tenants.audit import Actor, audit_record
from tenants.context import in_organization
from tenants.models import ApiToken, Invitation, JoinRequest, Membership
from tenants.workspaces.models import AuditEntry, Workspace
from tests.support.members import Club, join, person, signed_in

MEMBERS = "/settings/members"
LINK = re.compile(r"/join/([\w-]{43})")
KEY = re.compile(r"arw_[\w-]{43}")


def text(answer: Any) -> str:
    return str(answer.content.decode())


def invite(client: Client, **fields: str) -> str:
    """Makes an invitation; the page after it."""
    data = {"role": "manager", "note": "Ann", "once": str(uuid4())} | fields
    return text(client.post("/settings/invitations", data, follow=True))


# --- who sees what ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "words"), [("en", "Invite somebody"), ("ru", "Пригласить")])
def test_the_members_page_speaks_the_readers_language(club: Club, language: str, words: str) -> None:
    client = signed_in(club.member("owner", "Olga"), headers={"accept-language": language})
    page = text(client.get(MEMBERS))
    assert words in page
    assert "Olga" in page


@pytest.mark.parametrize("path", [MEMBERS, "/settings/audit"])
@pytest.mark.parametrize(
    ("role", "status"), [("owner", 200), ("admin", 200), ("manager", 403), ("analyst", 403)]
)
def test_the_role_decides(club: Club, path: str, role: str, status: int) -> None:
    club.member("owner")
    assert signed_in(club.member(role)).get(path).status_code == status


@pytest.mark.parametrize("path", [MEMBERS, "/settings/tokens", "/settings/audit", "/settings/leave"])
def test_strangers_are_led_to_sign_in(database: None, path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/?next=")


def test_tokens_are_locked_until_the_workspace_is_open(club: Club) -> None:
    owner = club.member("owner")
    with in_organization(club.schema):
        Workspace.objects.create(name="New", business_id="1")
    assert signed_in(owner).get("/settings/tokens").status_code == 423
    assert signed_in(owner).get(MEMBERS).status_code == 200


def test_what_changes_something_takes_a_post(club: Club) -> None:
    owner, other = club.member("owner"), club.member("analyst")
    client = signed_in(owner)
    for path in (
        f"{MEMBERS}/{other.membership.id}/remove",
        f"{MEMBERS}/{other.membership.id}/role",
        "/settings/invitations",
        f"/settings/invitations/{uuid4()}/revoke",
        f"/settings/join-requests/{uuid4()}",
    ):
        assert client.get(path).status_code == 405
        assert Client().post(path).status_code == 302
        assert signed_in(other, enforce_csrf_checks=True).post(path).status_code == 403


# --- members ----------------------------------------------------------------------------------------


def test_a_role_is_changed_and_a_member_removed(club: Club) -> None:
    owner, other = club.member("owner"), club.member("analyst", "Ben")
    client = signed_in(owner)
    path = f"{MEMBERS}/{other.membership.id}"
    page = text(client.post(f"{path}/role", {"role": "manager"}, follow=True))
    assert "The role is changed" in page
    assert signed_in(other).get(MEMBERS).status_code == 403
    for _ in range(2):
        page = text(client.post(f"{path}/remove", follow=True))
    assert "no such member" in page
    assert not Membership.objects.filter(user=other).exists()
    assert [action for action, _ in club.audit()] == ["member.role_changed", "member.removed"]


def test_who_is_removed_is_out_with_the_next_click(club: Club) -> None:
    owner, admin = club.member("owner"), club.member("admin")
    theirs = signed_in(admin)
    assert theirs.get(MEMBERS).status_code == 200
    signed_in(owner).post(f"{MEMBERS}/{admin.membership.id}/remove")
    answer = theirs.get(MEMBERS)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/start")


def test_an_admin_sees_no_way_to_touch_an_owner(club: Club) -> None:
    owner, admin = club.member("owner"), club.member("admin")
    client = signed_in(admin)
    page = text(client.get(MEMBERS))
    assert f"{MEMBERS}/{owner.membership.id}/" not in page
    assert '<option value="owner"' not in page
    client.post(f"{MEMBERS}/{owner.membership.id}/remove")
    client.post(f"{MEMBERS}/{admin.membership.id}/role", {"role": "owner"})
    assert set(Membership.objects.filter(organization=club.organization).values_list("role", flat=True)) == {
        "owner",
        "admin",
    }


def test_the_last_owner_is_told_why_he_stays(club: Club) -> None:
    client = signed_in(club.member("owner"))
    page = text(client.post("/settings/leave", follow=True))
    assert "at least one owner" in page


def test_a_member_leaves(club: Club) -> None:
    club.member("owner")
    client = signed_in(analyst := club.member("analyst"))
    assert client.get("/settings/leave").status_code == 200
    assert client.post("/settings/leave").headers["Location"] == "/"
    assert not Membership.objects.filter(user=analyst).exists()
    assert ("member.left", analyst.first_name) in club.audit()


def test_a_request_to_join_is_decided(club: Club) -> None:
    client, asking = signed_in(club.member("owner")), person("Dora")
    wish = JoinRequest.objects.create(organization=club.organization, user=asking)
    assert "Dora" in text(client.get(MEMBERS))
    path = f"/settings/join-requests/{wish.id}"
    assert "Choose one of the roles" in text(
        client.post(path, {"decision": "accept", "role": "x"}, follow=True)
    )
    for _ in range(2):
        client.post(path, {"decision": "accept", "role": "analyst"})
    assert Membership.objects.get(user=asking).role == "analyst"
    page = text(client.post(path, {"decision": "decline"}, follow=True))
    assert "decided already" in page
    assert club.audit() == [("join_request.accepted", "Dora")]


def test_another_organizations_rows_cannot_be_touched(club: Club, organizations: Any) -> None:
    theirs = organizations.other.organization
    member, asking = join(theirs, "analyst"), person()
    wish = JoinRequest.objects.create(organization=theirs, user=asking)
    client = signed_in(club.member("owner"))
    client.post(f"{MEMBERS}/{member.membership.id}/remove")
    client.post(f"/settings/join-requests/{wish.id}", {"decision": "accept", "role": "analyst"})
    assert Membership.objects.filter(user=member).exists()
    assert not Membership.objects.filter(user=asking).exists()
    member.delete()
    asking.delete()


# --- invitations ------------------------------------------------------------------------------------


def test_an_invitations_link_is_shown_once(club: Club) -> None:
    client = signed_in(club.member("owner"))
    page = invite(client)
    assert LINK.search(page)
    again = text(client.get(MEMBERS))
    assert not LINK.search(again)
    assert "Ann" in again


def test_the_link_is_nowhere_in_clear(club: Club) -> None:
    from django.contrib.sessions.models import Session

    client = signed_in(club.member("owner"))
    client.post("/settings/invitations", {"role": "manager", "once": str(uuid4())})
    kept = Session.objects.get(session_key=client.session.session_key).get_decoded()
    link = LINK.search(text(client.get(MEMBERS)))
    assert link and link.group(1) not in str(kept)


def test_a_form_sent_twice_makes_one_invitation(club: Club) -> None:
    client, key = signed_in(club.member("owner")), str(uuid4())
    for _ in range(2):
        client.post("/settings/invitations", {"role": "manager", "note": "", "once": key})
    assert LINK.search(text(client.get(MEMBERS)))
    assert Invitation.objects.filter(organization=club.organization).count() == 1


def test_an_invitation_is_opened_before_signing_in_and_accepted_after(club: Club) -> None:
    found = LINK.search(invite(signed_in(club.member("owner"))))
    assert found
    path, ann = found.group(0), person("Ann")
    page = text(Client().get(path))
    assert "Club" in page and "Manager" in page and f"/?next={path.replace('/', '%2F')}" in page
    client = signed_in(ann)
    assert "Accept" in text(client.get(path))
    assert not Membership.objects.filter(user=ann).exists()
    assert client.post(path).headers["Location"] == "/"
    assert client.post(path).headers["Location"] == "/"
    assert Membership.objects.get(user=ann).role == "manager"
    assert "You are a member already" in text(client.get(path))
    late = signed_in(person()).get(path)
    assert late.status_code == 410
    assert "used already" in text(late)


@pytest.mark.parametrize(("language", "words"), [("en", "was taken back"), ("ru", "отозвали")])
def test_a_link_that_was_taken_back_explains_itself(club: Club, language: str, words: str) -> None:
    client = signed_in(club.member("owner"))
    found = LINK.search(invite(client))
    assert found
    row = Invitation.objects.get(organization=club.organization)
    assert "opens nothing" in text(client.post(f"/settings/invitations/{row.id}/revoke", follow=True))
    answer = Client(headers={"accept-language": language}).get(found.group(0))
    assert answer.status_code == 410
    assert words in text(answer)


def test_an_unknown_link_explains_itself(database: None) -> None:
    answer = Client().get("/join/nothing-of-ours")
    assert answer.status_code == 410
    assert "not known" in text(answer)


# --- tokens -----------------------------------------------------------------------------------------


def test_a_token_is_shown_once_works_and_is_revoked(demo: Any) -> None:
    owner = join(demo.organization, "owner", "Olga")
    client = signed_in(owner)
    fields = {"name": "shop robot", "role": "analyst", "scopes": ["read:subscribers"], "once": str(uuid4())}
    for _ in range(2):
        answer = client.post("/settings/tokens", fields)
        assert answer.status_code == 302
    found = KEY.search(text(client.get("/settings/tokens")))
    assert found
    page = text(client.get("/settings/tokens"))
    assert not KEY.search(page)
    assert page.count("shop robot") == 2  # its row, and the question before it is revoked
    bearer = {"Authorization": f"Bearer {found.group(0)}"}
    assert Client().get("/api/v1/subscribers/", headers=bearer).status_code == 200
    row = ApiToken.objects.get(digest=ApiToken.digest_of(found.group(0)))
    assert row.created_by == owner.id
    client.post(f"/settings/tokens/{row.id}/revoke")
    assert Client().get("/api/v1/subscribers/", headers=bearer).status_code == 401
    owner.membership.delete()


def test_a_scope_beyond_the_role_is_named_at_its_field(demo: Any) -> None:
    owner = join(demo.organization, "owner")
    fields = {"name": "t", "role": "analyst", "scopes": ["manage:members"], "once": str(uuid4())}
    answer = signed_in(owner).post("/settings/tokens", fields)
    assert answer.status_code == 400
    assert "manage:members: choose another role" in text(answer)
    owner.membership.delete()


def test_tokens_of_somebody_who_left_are_marked(demo: Any) -> None:
    owner, gone = join(demo.organization, "owner"), join(demo.organization, "admin", "Gone")
    fields = {"name": "of the gone", "role": "analyst", "once": str(uuid4())}
    signed_in(gone).post("/settings/tokens", fields)
    client = signed_in(owner)
    page = text(client.post(f"{MEMBERS}/{gone.membership.id}/remove", follow=True))
    assert "of the gone" in page and "still works" in page
    assert "its maker has left" in text(client.get("/settings/tokens"))
    owner.membership.delete()


# --- audit ------------------------------------------------------------------------------------------


def entry(club: Club, action: str, name: str = "Olga", at: datetime | None = None, **details: str) -> None:
    with in_organization(club.schema):
        row = audit_record(
            actor=Actor(uuid4(), name, "page"), action=action, subject="Ben", details=dict(details)
        )
        if at:
            AuditEntry.objects.filter(id=row.id).update(at=at)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Olga changed the role of Ben from Analyst to Owner."),
        ("ru", "Olga: роль участника Ben изменена, была «Аналитик», стала «Владелец»."),
    ],
)
def test_the_log_speaks_in_sentences(club: Club, language: str, words: str) -> None:
    entry(club, "member.role_changed", before="analyst", after="owner")
    client = signed_in(club.member("owner"), headers={"accept-language": language})
    assert words in text(client.get("/settings/audit"))


def test_the_log_is_filtered(club: Club) -> None:
    entry(club, "member.removed", name="Olga", role="analyst")
    entry(club, "token.created", name="Ada", role="admin", at=datetime(2020, 1, 1, 12, tzinfo=UTC))
    client = signed_in(club.member("owner"))

    def names(**query: str) -> set[str]:
        page = text(client.get("/settings/audit", query))
        body = page[page.index("<tbody>") :] if "<tbody>" in page else ""
        return {name for name in ("Olga", "Ada") if name in body}

    assert names() == {"Olga", "Ada"}
    assert names(action="member") == {"Olga"}
    assert names(until="2020-01-01") == {"Ada"}
    assert names(since="2020-01-02") == {"Olga"}
    assert names(q="ada") == {"Ada"}
    with in_organization(club.schema):
        ada = AuditEntry.objects.get(actor_name="Ada").actor
    assert names(actor=str(ada)) == {"Ada"}
    assert names(action="token", since="2021-01-01") == set()


@pytest.mark.parametrize(
    "query", [{"actor": "x"}, {"since": "x"}, {"action": "x"}, {"since": "2020-02-01", "until": "2020-01-01"}]
)
def test_a_wrong_filter_is_told(club: Club, query: dict[str, str]) -> None:
    answer = signed_in(club.member("owner")).get("/settings/audit", query)
    assert answer.status_code == 400
    assert 'class="error"' in text(answer)


def test_a_long_log_has_pages(club: Club) -> None:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    for number in range(52):
        entry(club, "token.revoked", at=start + timedelta(minutes=number))
    client = signed_in(club.member("owner"))
    first = text(client.get("/settings/audit", {"action": "token"}))
    assert "Page 1 of 2" in first and "action=token&amp;page=2" in first
    last = text(client.get("/settings/audit", {"action": "token", "page": "2"}))
    assert last.count("<time ") == 2


def test_names_are_escaped(club: Club) -> None:
    entry(club, "member.left", name="<script>alert(1)</script>")
    page = text(signed_in(club.member("owner", "<b>Bold</b>")).get("/settings/audit"))
    assert "<script>alert" not in page and "<b>Bold" not in page
