"""Mails to the owner about a number: live, refused, the link is about to end. Each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.core.mail import mail_admins, send_mail
from django.utils import translation
from django.utils.translation import gettext as _

from arriwa.common.errors import ArriwaError, Disposition
from arriwa.outbox.finish import backoff
from arriwa.outbox.registry import Attempt, Claimed, Outcome, Verdict, register_effect
from integrations.base.effects import DONE
from integrations.gupshup.kinds import MAIL
from integrations.gupshup.onboarding_rows import contact_read, onboarding_lock
from integrations.models import NumberOnboarding

MAX_ATTEMPTS = 20


class MailNotSent(ArriwaError):
    """The mail server did not take the mail; it is tried again. See ARRIWA_EMAIL_URL."""

    disposition = Disposition.RETRY


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail, ready to go."""

    to: str
    subject: str
    text: str


class MailEffect:
    """Sends one mail; which one is the last part of its lane."""

    kind = MAIL
    queue = "bulk"
    batch = 1
    exclusive = False
    parks = False

    def prepare(self, tasks: list[Claimed]) -> list[Attempt]:
        """Writes the mail; none when it was sent or its onboarding is gone."""
        return [self._prepare(task) for task in tasks]

    def _prepare(self, task: Claimed) -> Attempt:
        onboarding, what = onboarding_lock(task.subject), task.lane.rpartition(":")[2]
        to = contact_read(onboarding).get("email") if onboarding else None
        if onboarding is None or not to or onboarding.steps.get("mail", {}).get(what) != "waiting":
            return Attempt([task], verdict=DONE)
        with translation.override(onboarding.workspace.language):
            subject, text = mail_text(onboarding, what)
        return Attempt([task], payload=Mail(str(to), subject, text))

    def call(self, attempt: Attempt) -> None:
        """Hands the mail to the mail server. Raises MailNotSent."""
        mail: Mail = attempt.payload
        try:
            send_mail(mail.subject, mail.text, settings.DEFAULT_FROM_EMAIL, [mail.to])
        except OSError as error:
            raise MailNotSent() from error

    def record(self, attempt: Attempt) -> Sequence[Verdict]:
        """Notes that it went out, or that it never will."""
        [task] = attempt.tasks
        if attempt.error is not None and task.attempts < MAX_ATTEMPTS:
            return [Verdict(Outcome.RETRY, delay=backoff(task.attempts))]
        onboarding = onboarding_lock(task.subject)
        if onboarding is not None:
            state = "sent" if attempt.error is None else "failed"
            onboarding.steps.setdefault("mail", {})[task.lane.rpartition(":")[2]] = state
            onboarding.save(update_fields=["steps"])
        return [DONE]


def mail_text(onboarding: NumberOnboarding, what: str) -> tuple[str, str]:
    """(subject, text) in the active language."""
    page = f"{settings.PUBLIC_URL}/wa-onboarding/{onboarding.id}"
    workspace = onboarding.workspace.name
    texts = {
        "live": (
            _("Your WhatsApp number works: %(workspace)s"),
            _("The number can send and receive. Go on here: %(page)s"),
        ),
        "refused": (
            _("Your WhatsApp number needs you: %(workspace)s"),
            _("Meta has refused something about the number. What it is and what to do: %(page)s"),
        ),
        "link_ends": (
            _("The link for your WhatsApp number ends tomorrow: %(workspace)s"),
            _("The signup is not finished. Follow the link, or ask for a new one: %(page)s"),
        ),
    }
    subject, text = texts[what]
    values = {"workspace": workspace, "page": page}
    return subject % values, text % values


def staff_tell(subject: str, text: str) -> None:
    """A mail to whom ARRIWA_STAFF_EMAIL names."""
    mail_admins(subject, text, fail_silently=True)


register_effect(MailEffect())
