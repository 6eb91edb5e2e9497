"""What each step, state and refusal is called, and what to do about it."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from integrations.gupshup import onboarding_steps as steps

Text = str | Promise

#: Step -> (title, what it is for).
STEPS: Final[dict[str, tuple[Text, Text]]] = {
    steps.APP: (
        _("App at Gupshup"),
        _("Gupshup connects numbers to WhatsApp; each number has an app there."),
    ),
    steps.REGION: (_("Where data is kept"), _("The region that you chose.")),
    steps.CONTACT: (_("Contact"), _("Whom Gupshup may write to about the number.")),
    steps.SUBSCRIPTIONS: (_("Messages reach us"), _("Gupshup calls our address and we see that it arrives.")),
    steps.LINK: (_("Signup page"), _("A page of Meta's, made for you; it works for five days.")),
    steps.SIGNUP: (_("Your signup at Meta"), _("You choose the business, the number and its display name.")),
    steps.REGISTER: (_("Registration"), _("WhatsApp ties the number to the app.")),
    steps.HEALTH: (_("The number works"), _("Meta has let it go live; then everything else opens.")),
    steps.TEMPLATES_ON: (_("Templates switched on"), _("Needed to write to people after 24 hours.")),
    steps.USER_IDS: (_("People with hidden numbers"), _("They reach your bot too.")),
    steps.TEMPLATES: (_("First templates"), _("Meta reviews each text; it takes minutes, sometimes days.")),
    steps.PAGE_LINK: (
        _("Number on your Page"),
        _("Ads open WhatsApp only when your Page shows this number."),
    ),
    steps.TEST_MESSAGE: (_("Test message"), _("One message to your own phone.")),
}

#: Why a step waits or failed -> what it means and what to do.
CODES: Final[dict[str, Text]] = {
    "token": _("We are getting access from Gupshup. This takes seconds."),
    "no_partner": _("Arriwa has no partner account at Gupshup on this installation. Write to support."),
    "partner_refused": _(
        "Gupshup refuses Arriwa's own account. Support has to renew it; try again after that."
    ),
    "connection_gone": _("The connection of this number was deleted. Begin anew with another number."),
    "name_taken": _("Every name that we tried for the app is taken at Gupshup. Write to support."),
    "throttled": _("Gupshup asks us to slow down. It goes on by itself within a minute."),
    "unreachable": _("Gupshup does not answer. It is tried again by itself."),
    "token_refused": _("Gupshup refuses the app's token (401). Try again; for your own app, bind it anew."),
    "refused": _("Gupshup refused this. Read its words, correct what they name and try again."),
    "test_call": _("Waiting for Gupshup's test call. It comes within seconds."),
    "no_test_call": _(
        "Gupshup's test call did not reach us. Its address may be blocked on our side. Try again."
    ),
    "link_expired": _("The signup page has ended after five days. Ask for a new one."),
    "max_links": _(
        "Gupshup gives this app no further signup page. Write to support: they can lift the limit."
    ),
    "signup": _("Open the signup page and go through it. We notice by ourselves when you have finished."),
    "move": _("Waiting until you have handed the WhatsApp account over on the signup page."),
    "name_refused": _(
        "Meta refused the number's display name. Open the signup page again and give a name that is clearly "
        "your business's, as on your website."
    ),
    "banned": _("Meta has banned the WhatsApp account. Appeal in Business Support; then try again."),
    "claimed": _(
        "This number or its account is connected to another workspace already. Disconnect it there first, or "
        "sign up with another number."
    ),
    "no_number": _("The app has no number any more. Go through the signup page again."),
    "health": _("Meta has not let the number go live yet. It may take minutes, sometimes days."),
    "looking": _("We are asking Gupshup."),
    "template_rate": _("Gupshup takes ten templates a minute; the rest follows by itself."),
    "review": _("Meta is reviewing the texts. You will see each one's outcome below."),
    "template_rejected": _(
        "Meta rejected some texts; the reasons are below. Change them in the playbook under a new template "
        "name, then look again."
    ),
    "maybe_sent": _("Gupshup did not answer: the message may or may not have arrived. Look at your phone."),
    "sending": _("The message is on its way."),
}

#: State -> (badge class, word).
STATES: Final[dict[str, tuple[str, Text]]] = {
    "": ("muted", _("later")),
    steps.WAITING: ("info", _("waiting")),
    steps.RUNNING: ("info", _("under way")),
    steps.DONE: ("ok", _("done")),
    steps.FAILED: ("bad", _("needs you")),
    steps.SKIPPED: ("muted", _("not needed")),
}

#: Template status -> badge class.
TEMPLATE_BADGES: Final = {"APPROVED": "ok", "PENDING": "info", "REJECTED": "bad", "PAUSED": "warn"}

REGIONS: Final[dict[str, Text]] = {
    "": _("Wherever Gupshup keeps it by default"),
    "DE": _("Germany"),
    "GB": _("United Kingdom"),
    "CH": _("Switzerland"),
    "US": _("United States"),
    "CA": _("Canada"),
    "BR": _("Brazil"),
    "IN": _("India"),
    "AE": _("United Arab Emirates"),
    "BH": _("Bahrain"),
    "ZA": _("South Africa"),
    "SG": _("Singapore"),
    "ID": _("Indonesia"),
    "JP": _("Japan"),
    "KR": _("South Korea"),
    "AU": _("Australia"),
}
