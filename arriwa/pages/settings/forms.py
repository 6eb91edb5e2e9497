"""Forms of the settings pages. A hidden `once` names what the form makes: sent twice, it makes one."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from arriwa.pages.settings.sentences import SUBJECTS, role_name
from tenants.abilities import Abilities
from tenants.members import roles_given_by
from tenants.models import Role
from tenants.tokens import SCOPES


def role_choices(by: Abilities) -> list[tuple[str, str]]:
    """The roles that somebody may give, the smallest first: giving much is to be a choice."""
    return [(str(role), role_name(role)) for role in reversed(roles_given_by(by))]


class RoleForm(forms.Form):
    """A role that the acting person may give."""

    role = forms.ChoiceField(label=_("Role"))

    def __init__(self, *args: Any, by: Abilities, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["role"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = role_choices(by)


class InvitationForm(RoleForm):
    """Whom to invite as what."""

    note = forms.CharField(
        label=_("For whom"),
        max_length=120,
        required=False,
        help_text=_("A reminder for you, such as a name. The invited person does not see it."),
    )
    once = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    field_order = ("note", "role", "once")


class TokenForm(RoleForm):
    """What a token is called and may do."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("Where it is used, such as “site backend”.")
    )
    scopes = forms.MultipleChoiceField(
        label=_("Only these scopes"),
        required=False,
        choices=[(scope, scope) for scope in SCOPES],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Leave all empty for everything that the role may."),
    )
    once = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    field_order = ("name", "role", "scopes", "once")


class AuditForm(forms.Form):
    """Which entries of the audit log."""

    actor = forms.ChoiceField(label=_("Who"), required=False)
    action = forms.ChoiceField(label=_("About"), required=False)
    since = forms.DateField(
        label=_("From day"), required=False, widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
    until = forms.DateField(
        label=_("To day"), required=False, widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
    q = forms.CharField(label=_("Name contains"), required=False, max_length=100)

    def __init__(self, *args: Any, actors: list[tuple[Any, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        who, what = self.fields["actor"], self.fields["action"]
        assert isinstance(who, forms.ChoiceField) and isinstance(what, forms.ChoiceField)
        who.choices = [("", _("Everybody")), *((str(key), name) for key, name in actors)]
        what.choices = [("", _("Everything")), *SUBJECTS.items()]

    def clean(self) -> dict[str, Any]:
        """The last day is not before the first."""
        cleaned: dict[str, Any] = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", _("Give a day that is not before the first one."))
        return cleaned


ROLE_HINTS = {
    Role.OWNER: _("everything, and who else may be an owner"),
    Role.ADMIN: _("everything but owners and the organization itself"),
    Role.MANAGER: _("chats, leads and their figures"),
    Role.ANALYST: _("looks at leads and figures"),
}
