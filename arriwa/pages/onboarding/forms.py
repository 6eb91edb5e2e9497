"""Forms of /wa-onboarding. A hidden key makes a form that was sent twice one number."""

from __future__ import annotations

import re
import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from arriwa.pages.onboarding.words import REGIONS


def digits_of(value: str) -> str:
    """The number's digits. Raises ValidationError for what is no number with country code."""
    digits = re.sub(r"[\s()+.-]", "", value)
    if not re.fullmatch(r"[0-9]{7,15}", digits):
        raise forms.ValidationError(_("Give the number with its country code, such as +7 701 000 11 22."))
    return digits


class PhoneField(forms.CharField):
    """A phone number; clean value in digits."""

    def __init__(self, **kwargs: Any) -> None:
        """As CharField."""
        widget = forms.TextInput(attrs={"type": "tel", "autocomplete": "tel", "inputmode": "tel"})
        super().__init__(max_length=32, widget=widget, **kwargs)

    def clean(self, value: Any) -> str:
        """Digits."""
        return digits_of(super().clean(value))


class KeyedForm(forms.Form):
    """A form whose number has its identity before it is sent."""

    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As Form, with a fresh key."""
        kwargs["initial"] = {"key": uuid.uuid4(), **kwargs.get("initial", {})}
        super().__init__(*args, **kwargs)


class ContactForm(KeyedForm):
    """What Gupshup has to know before there is a number."""

    name = forms.CharField(
        label=_("Contact person"), max_length=100, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    email = forms.EmailField(
        label=_("E-mail"),
        help_text=_("We write here when the number is live, when Meta refuses it, or when the link ends."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    phone = PhoneField(label=_("Phone of the contact person"), help_text=_("Not the number of the bot."))
    region = forms.ChoiceField(
        label=_("Where WhatsApp data is kept"),
        choices=list(REGIONS.items()),
        required=False,
        help_text=_("It cannot be changed once the number is connected."),
    )
    coexistence = forms.BooleanField(
        label=_("Keep using this number in the WhatsApp Business app too"),
        help_text=_("Then at most 20 messages a second leave by it."),
        required=False,
    )


class MoveForm(ContactForm):
    """A number that another provider holds."""

    waba_id = forms.CharField(
        label=_("WhatsApp Business account id"),
        help_text=_("Digits; in Meta's Business settings under Accounts, WhatsApp accounts."),
        max_length=32,
    )
    field_order = ("key", "waba_id", "name", "email", "phone", "region", "coexistence")

    def clean_waba_id(self) -> str:
        """Digits."""
        value = str(self.cleaned_data["waba_id"]).strip()
        if not value.isascii() or not value.isdigit():
            raise forms.ValidationError(_("The id has digits only."))
        return value


class BindForm(KeyedForm):
    """An app that the owner has at Gupshup."""

    app_id = forms.CharField(
        label=_("App id"),
        max_length=64,
        help_text=_("In Gupshup's dashboard, at the app's details."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    token = forms.CharField(
        label=_("App token"),
        max_length=500,
        help_text=_("Begins with sk_. It is kept sealed and never shown again."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    def clean_app_id(self) -> str:
        """Letters, digits and dashes: it becomes a part of an address."""
        value = str(self.cleaned_data["app_id"]).strip()
        if not re.fullmatch(r"[A-Za-z0-9-]{8,64}", value):
            raise forms.ValidationError(_("This is no app id; copy it from the app's details."))
        return value

    def clean_token(self) -> str:
        """One that lasts."""
        value = str(self.cleaned_data["token"]).strip()
        if not re.fullmatch(r"sk_[A-Za-z0-9_-]{4,400}", value):
            raise forms.ValidationError(
                _("Give the app's token that begins with sk_: others end within a day.")
            )
        return value


class TestForm(forms.Form):
    """Where the test message goes."""

    phone = PhoneField(label=_("Your WhatsApp number"))
