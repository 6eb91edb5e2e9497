"""Who belongs to an organization: what services allow, once, under races (T1)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from arriwa.outbox.enqueue import real_now
from tenants.abilities import Abilities, abilities_of
from tenants.audit import Actor
from tenants.context import in_organization
from tenants.errors import (
    AlreadyDecided,
    InvitationExpired,
    InvitationRevoked,
    InvitationUnknown,
    InvitationUsed,
    LastOwner,
    NotAllowed,
    NotThere,
    OwnMembership,
    ScopeUnknown,
    StaffAccount,
)
from tenants.joining import invitation_accept, invitation_find
from tenants.members import (
    invitation_create,
    invitation_revoke,
    invitations_open,
    join_request_decide,
    membership_leave,
    membership_remove,
    membership_set_role,
)
from tenants.models import ApiToken, Invitation, JoinRequest, Membership, Role
from tenants.tokens import token_create, token_find, token_revoke
from tests.support.members import Club, person, staff

OWNER = abilities_of("owner")


def actor(user: Any) -> Actor:
    return Actor(user.id, user.first_name, "page")


def acting(club: Club, user: Any) -> dict[str, Any]:
    """What every service takes of who acts."""
    return {
        "organization": club.organization,
        "actor": actor(user),
        "by": abilities_of(user.membership.role),
    }


def at_once(club: Club, *acts: Callable[[], Any]) -> list[Any]:
    """Runs all in threads of their own, in the organization's schema; results or errors."""
    results: list[Any] = [None] * len(acts)
    gate = threading.Barrier(len(acts))

    def run(number: int, act: Callable[[], Any]) -> None:
        try:
            with in_organization(club.schema):
                gate.wait()
                results[number] = act()
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def role_of(user: Any) -> str | None:
    return Membership.objects.filter(user=user).values_list("role", flat=True).first()


# --- roles ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "before", "after", "allowed"),
    [
        ("owner", "analyst", "owner", True),
        ("owner", "owner", "admin", True),
        ("admin", "manager", "admin", True),
        ("admin", "admin", "analyst", True),
        ("admin", "admin", "owner", False),
        ("admin", "owner", "analyst", False),
        ("manager", "analyst", "manager", False),
    ],
)
def test_nobody_gives_or_takes_a_role_beyond_their_own(
    club: Club, by: str, before: str, after: str, allowed: bool
) -> None:
    club.member("owner")
    boss, other = club.member(by), club.member(before)
    with in_organization(club.schema):
        change = {"membership_id": other.membership.id, "role": Role(after), **acting(club, boss)}
        if allowed:
            membership_set_role(**change)
        else:
            with pytest.raises(NotAllowed):
                membership_set_role(**change)
    assert role_of(other) == (after if allowed else before)
    assert [action for action, _ in club.audit()] == (["member.role_changed"] if allowed else [])


def test_the_same_role_again_changes_nothing(club: Club) -> None:
    owner, other = club.member("owner"), club.member("admin")
    with in_organization(club.schema):
        membership_set_role(membership_id=other.membership.id, role=Role.ADMIN, **acting(club, owner))
    assert club.audit() == []


def test_nobody_changes_their_own_role_or_removes_themselves_by_accident(club: Club) -> None:
    owner = club.member("owner")
    club.member("owner")
    with in_organization(club.schema):
        with pytest.raises(OwnMembership):
            membership_set_role(membership_id=owner.membership.id, role=Role.ANALYST, **acting(club, owner))
        with pytest.raises(OwnMembership):
            membership_remove(membership_id=owner.membership.id, **acting(club, owner))
    assert role_of(owner) == "owner"


def test_the_last_owner_stays(club: Club) -> None:
    owner, second = club.member("owner"), club.member("owner")
    with in_organization(club.schema):
        membership_leave(organization=club.organization, user=second, actor=actor(second))
        with pytest.raises(LastOwner):
            membership_leave(organization=club.organization, user=owner, actor=actor(owner))
        outside = {"organization": club.organization, "actor": Actor.system(), "by": OWNER}
        with pytest.raises(LastOwner):
            membership_remove(membership_id=owner.membership.id, **outside)
        with pytest.raises(LastOwner):
            membership_set_role(membership_id=owner.membership.id, role=Role.ADMIN, **outside)
    assert role_of(owner) == "owner"
    assert role_of(second) is None


@pytest.mark.parametrize("attempt", range(3))
def test_two_owners_who_go_at_once_leave_one_behind(club: Club, attempt: int) -> None:
    users = [club.member("owner"), club.member("owner")]
    results = at_once(
        club,
        *(
            lambda user=user: membership_leave(organization=club.organization, user=user, actor=actor(user))
            for user in users
        ),
    )
    assert sorted(type(result).__name__ for result in results) == ["LastOwner", "list"]
    assert Membership.objects.filter(organization=club.organization, role="owner").count() == 1


def test_two_owners_who_demote_each_other_leave_one(club: Club) -> None:
    one, two = club.member("owner"), club.member("owner")
    results = at_once(
        club,
        lambda: membership_set_role(membership_id=two.membership.id, role=Role.ADMIN, **acting(club, one)),
        lambda: membership_remove(membership_id=one.membership.id, **acting(club, two)),
    )
    assert [type(r).__name__ for r in results].count("LastOwner") == 1
    assert Membership.objects.filter(organization=club.organization, role="owner").count() == 1


def test_another_organizations_member_is_not_there(club: Club, organizations: Any) -> None:
    owner = club.member("owner")
    stranger = Membership.objects.create(
        user=person(), organization=organizations.demo.organization, role="analyst"
    )
    with in_organization(club.schema):
        with pytest.raises(NotThere):
            membership_remove(membership_id=stranger.id, **acting(club, owner))
        with pytest.raises(NotThere):
            membership_set_role(membership_id=stranger.id, role=Role.ADMIN, **acting(club, owner))
    assert Membership.objects.filter(id=stranger.id, role="analyst").exists()
    stranger.delete()


def test_who_is_removed_leaves_tokens_to_look_at_and_no_way_back(club: Club) -> None:
    owner, admin = club.member("owner"), club.member("admin", "Ada")
    with in_organization(club.schema):
        token, _secret = token_create(
            name="robot", role=Role.ANALYST, created_by=admin.id, **acting(club, admin)
        )
        _row, link = invitation_create(role=Role.ADMIN, note="me again", **acting(club, admin))
        left = membership_remove(membership_id=admin.membership.id, **acting(club, owner))
    assert [one.id for one in left] == [token.id]
    with pytest.raises(InvitationRevoked):
        invitation_accept(secret=link, user=admin)
    assert ("member.removed", "Ada") in club.audit()


def test_a_smaller_role_takes_back_invitations_beyond_it(club: Club) -> None:
    owner, admin = club.member("owner"), club.member("admin")
    with in_organization(club.schema):
        invitation_create(role=Role.ADMIN, **acting(club, admin))
        invitation_create(role=Role.ANALYST, note="kept", **acting(club, admin))
        membership_set_role(membership_id=admin.membership.id, role=Role.ANALYST, **acting(club, owner))
    assert [one.note for one in invitations_open(club.organization)] == ["kept"]


# --- invitations ------------------------------------------------------------------------------------


def invited(club: Club, role: Role = Role.MANAGER) -> tuple[Any, str]:
    owner = club.member("owner")
    with in_organization(club.schema):
        return invitation_create(role=role, note="Ann", **acting(club, owner))


def test_an_invitation_makes_a_member_once(club: Club) -> None:
    _row, secret = invited(club)
    ann, ben = person("Ann"), person("Ben")
    assert invitation_accept(secret=secret, user=ann).role == "manager"
    assert invitation_accept(secret=secret, user=ann).role == "manager"
    with pytest.raises(InvitationUsed):
        invitation_accept(secret=secret, user=ben)
    assert role_of(ben) is None
    assert [action for action, _ in club.audit()] == ["invitation.created", "invitation.accepted"]


def test_many_who_open_one_link_at_once_make_one_member(club: Club) -> None:
    _row, secret = invited(club)
    users = [person() for _ in range(4)]
    results = at_once(
        club, *(lambda user=user: invitation_accept(secret=secret, user=user) for user in users)
    )
    kinds = sorted(type(result).__name__ for result in results)
    assert kinds == ["InvitationUsed"] * 3 + ["Membership"]
    assert sum(role_of(user) is not None for user in users) == 1


def test_one_person_in_two_tabs_becomes_a_member_once(club: Club) -> None:
    _row, secret = invited(club)
    ann = person()
    results = at_once(club, *(lambda: invitation_accept(secret=secret, user=ann) for _ in range(3)))
    assert all(isinstance(result, Membership) for result in results)
    assert Membership.objects.filter(user=ann).count() == 1
    assert [action for action, _ in club.audit()].count("invitation.accepted") == 1


def test_a_member_does_not_use_a_link_up(club: Club) -> None:
    _row, secret = invited(club, Role.ADMIN)
    present = club.member("analyst")
    assert invitation_accept(secret=secret, user=present).role == "analyst"
    assert invitation_find(secret).accepted_at is None


def test_who_was_removed_does_not_come_back_by_the_used_link(club: Club) -> None:
    _row, secret = invited(club)
    ann = person()
    membership = invitation_accept(secret=secret, user=ann)
    boss = club.member("owner")
    with in_organization(club.schema):
        membership_remove(membership_id=membership.id, **acting(club, boss))
    with pytest.raises(InvitationUsed):
        invitation_accept(secret=secret, user=ann)


def test_links_that_ended_say_why(club: Club) -> None:
    row, secret = invited(club)
    with pytest.raises(InvitationUnknown):
        invitation_find(secret + "x")
    Invitation.objects.filter(id=row.id).update(expires_at=real_now() - timedelta(seconds=1))
    with pytest.raises(InvitationExpired):
        invitation_accept(secret=secret, user=person())
    Invitation.objects.filter(id=row.id).update(expires_at=real_now() + timedelta(days=1))
    with in_organization(club.schema):
        for _ in range(2):
            invitation_revoke(organization=club.organization, invitation_id=row.id, actor=Actor.system())
    with pytest.raises(InvitationRevoked):
        invitation_accept(secret=secret, user=person())
    assert [action for action, _ in club.audit()].count("invitation.revoked") == 1


def test_an_invitation_is_stored_as_its_hash_and_lasts_seven_days(club: Club) -> None:
    row, secret = invited(club)
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(t::text, ' ') FROM public.tenants_invitation t")
        assert secret not in cursor.fetchone()[0]
    left = row.expires_at - real_now()
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)


def test_staff_do_not_become_members(club: Club) -> None:
    _row, secret = invited(club)
    with pytest.raises(StaffAccount):
        invitation_accept(secret=secret, user=staff("secret"))
    assert invitation_find(secret)


def test_an_admin_invites_no_owner(club: Club) -> None:
    admin = club.member("admin")
    with in_organization(club.schema), pytest.raises(NotAllowed):
        invitation_create(role=Role.OWNER, **acting(club, admin))
    assert not invitations_open(club.organization).exists()


# --- requests to join -------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.MANAGER, None])
def test_a_request_is_decided_once(club: Club, role: Role | None) -> None:
    owner, asking = club.member("owner"), person("Asking")
    wish = JoinRequest.objects.create(organization=club.organization, user=asking)
    with in_organization(club.schema):
        for _ in range(2):
            join_request_decide(request_id=wish.id, role=role, **acting(club, owner))
        with pytest.raises(AlreadyDecided):
            join_request_decide(
                request_id=wish.id, role=None if role else Role.ANALYST, **acting(club, owner)
            )
    assert role_of(asking) == (role and str(role))
    assert len(club.audit()) == 1


def test_an_admin_lets_nobody_in_as_owner(club: Club) -> None:
    admin, asking = club.member("admin"), person()
    wish = JoinRequest.objects.create(organization=club.organization, user=asking)
    with in_organization(club.schema), pytest.raises(NotAllowed):
        join_request_decide(request_id=wish.id, role=Role.OWNER, **acting(club, admin))
    wish.refresh_from_db()
    assert wish.state == JoinRequest.State.PENDING
    assert role_of(asking) is None


# --- tokens -----------------------------------------------------------------------------------------


def made(club: Club, by: Abilities, role: Role, *scopes: str) -> tuple[ApiToken, str]:
    with in_organization(club.schema):
        return token_create(
            organization=club.organization,
            name="t",
            role=role,
            scopes=scopes,
            created_by=None,
            actor=Actor.system(),
            by=by,
        )


@pytest.mark.parametrize(
    ("by", "role", "scopes", "error"),
    [
        (OWNER, Role.OWNER, (), None),
        (abilities_of("admin"), Role.ADMIN, (), None),
        (abilities_of("admin"), Role.OWNER, (), NotAllowed),
        (abilities_of("admin"), Role.OWNER, ("read:subscribers",), None),
        (OWNER, Role.ANALYST, ("manage:members",), ScopeUnknown),
        (OWNER, Role.OWNER, ("fly:subscribers",), ScopeUnknown),
        (OWNER, Role.OWNER, ("manage:all",), ScopeUnknown),
        (abilities_of("admin", ["manage:tokens"]), Role.ADMIN, (), NotAllowed),
        (abilities_of("admin", ["manage:tokens"]), Role.ADMIN, ("manage:members",), NotAllowed),
        (abilities_of("admin", ["manage:tokens"]), Role.ADMIN, ("manage:tokens",), None),
    ],
)
def test_a_token_may_no_more_than_its_maker(
    club: Club, by: Abilities, role: Role, scopes: tuple[str, ...], error: type[Exception] | None
) -> None:
    if error is None:
        token, secret = made(club, by, role, *scopes)
        assert token_find(secret) == token
    else:
        with pytest.raises(error):
            made(club, by, role, *scopes)
        assert not ApiToken.objects.filter(organization=club.organization).exists()


def test_a_form_sent_twice_makes_one_token_and_one_invitation(club: Club) -> None:
    from uuid import uuid4

    owner = club.member("owner")
    key = uuid4()

    def once() -> tuple[Any, str]:
        return token_create(
            name="t", role=Role.ANALYST, created_by=owner.id, token_id=key, **acting(club, owner)
        )

    secrets = sorted(secret for _row, secret in at_once(club, once, once))
    assert secrets[0] == "" and secrets[1].startswith("arw_")
    with in_organization(club.schema):
        links = [
            invitation_create(role=Role.ANALYST, invitation_id=key, **acting(club, owner))[1]
            for _ in range(2)
        ]
    assert links[0] and links[1] == ""
    assert len(club.audit()) == 2


def test_a_revoked_token_is_not_found(club: Club) -> None:
    token, secret = made(club, OWNER, Role.ANALYST)
    with in_organization(club.schema):
        for _ in range(2):
            token_revoke(organization=club.organization, token_id=token.id, actor=Actor.system())
    assert token_find(secret) is None
    assert [action for action, _ in club.audit()] == ["token.created", "token.revoked"]


def test_the_use_of_a_token_is_kept_to_the_minute(club: Club) -> None:
    token, secret = made(club, OWNER, Role.ANALYST)
    assert token.last_used_at is None
    token_find(secret)
    token.refresh_from_db()
    assert token.last_used_at is not None and token.last_used_at.second == 0
    # A minute ahead, lest the minute ends between the two lines.
    ApiToken.objects.filter(id=token.id).update(last_used_at=real_now() + timedelta(minutes=1))
    with connection.execute_wrapper(no_writes):
        token_find(secret)
    ApiToken.objects.filter(id=token.id).update(last_used_at=real_now() - timedelta(minutes=5))
    token_find(secret)
    token.refresh_from_db()
    assert real_now() - token.last_used_at < timedelta(minutes=2)


def no_writes(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    assert not sql.lstrip().startswith(("UPDATE", "INSERT", "DELETE")), sql
    return execute(sql, params, many, context)
