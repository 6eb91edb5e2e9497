"""What a person may choose at the start: Pages and Business Managers, as Facebook lists them now (T1)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from arriwa.signin.facebook import assets_client
from arriwa.signin.grants import grant_close, reason_of
from integrations.base.errors import CredentialRefused
from tenants.models import FacebookGrant, Organization, User
from tenants.signin.grants import NoGrant, grant_living, grant_token
from tenants.signin.joining import page_states

#: Tasks on a Page that let somebody set up its organization: an analyst's or moderator's do not.
ROLES: Final = frozenset({"MANAGE", "ADVERTISE", "PROFILE_PLUS_FULL_CONTROL", "PROFILE_PLUS_ADVERTISE"})


class _Row(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=_Row)


@dataclass(frozen=True, slots=True)
class PageChoice:
    """A Page of the person's."""

    id: str
    name: str
    #: "free", "mine", "taken", a state of JoinRequest, or "role": his role on the Page is too small.
    state: str
    organization: Organization | None = None


@dataclass(frozen=True, slots=True)
class BusinessChoice:
    """A Business Manager of the person's."""

    id: str
    name: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Choices:
    """Everything that Facebook shows us of the person, by what he ticked there."""

    pages: tuple[PageChoice, ...]
    businesses: tuple[BusinessChoice, ...]

    @property
    def free(self) -> tuple[PageChoice, ...]:
        """Pages that nobody has brought here yet."""
        return tuple(page for page in self.pages if page.state == "free")

    @property
    def others(self) -> tuple[PageChoice, ...]:
        """Pages that cannot be chosen, each with its state."""
        return tuple(page for page in self.pages if page.state != "free")

    def page(self, page_id: str) -> PageChoice | None:
        """The Page of this id if it is the person's."""
        return next((page for page in self.pages if page.id == page_id), None)


def choices_read(user: User) -> Choices:
    """Asks Facebook for the user's Pages and Business Managers.

    Raises NoGrant when it gives no access any more, and the transient errors of `AssetsClient`.
    """
    grant = grant_living(user)
    client = assets_client(grant_token(grant))
    pages = _listed(grant, "pages_show_list", client.pages)
    found = _listed(grant, "business_management", client.businesses)
    states = page_states(user=user, page_ids=[page.id for page in pages])
    choices = []
    for page in pages:
        organization, state = states.get(page.id, (None, "free"))
        if state == "free" and not ROLES & set(page.tasks):
            state = "role"
        choices.append(PageChoice(page.id, page.name or page.id, state, organization))
    businesses = (
        BusinessChoice(one.id, one.name or one.id, one.verification_status == "verified") for one in found
    )
    return Choices(tuple(choices), tuple(businesses))


def _listed(grant: FacebookGrant, scope: str, read: Callable[[], Collection[T]]) -> list[T]:
    """The rows that the grant covers; none without the permission.

    Facebook's list is cut to the ids that were ticked, should it show more than the token may use.
    """
    if scope not in grant.granted:
        return []
    try:
        rows = list(read())
    except CredentialRefused as error:
        code = error.platform_code or ""
        if not code.startswith("190"):
            # The permission was taken back since: nothing can be listed, the rest works.
            return []
        grant_close(grant, reason_of(code))
        raise NoGrant(reason_of(code)) from error
    ticked = grant.granular.get(scope)
    return rows if ticked is None else [row for row in rows if row.id in ticked]
