"""Telling people in time that Arriwa's access through Facebook ends: on pages, and once by e-mail."""

from __future__ import annotations

import logging
from datetime import datetime
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.http import HttpRequest
from django.utils import translation
from django.utils.formats import date_format
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from arriwa.outbox.enqueue import real_now
from tenants.models import FacebookGrant
from tenants.signin.grants import grant_ends_soon, grant_of

logger = logging.getLogger(__name__)


def grant_notice(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `grant_notice`, what to tell the signed-in member about his grant, "" for nothing.

    Read only where a page shows it.
    """
    return {"grant_notice": SimpleLazyObject(lambda: _notice(request))}


def _notice(request: HttpRequest) -> str:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return ""
    grant = grant_of(user)
    if grant is None:
        return ""
    if grant.revoked_at:
        return str(_(grant.revoked_reason))
    end = grant_ends_soon(grant)
    return _text(end) if end else ""


def _text(end: datetime) -> str:
    days = max((end - real_now()).days, 0)
    text = _("Access through Facebook ends in %(days)s days. Continue with Facebook to renew it.")
    return text % {"days": days}


def warnings_send() -> int:
    """One mail to everyone whose grant is about to end and whose address is known; how many went out.

    A mail that could not be sent is tried again with the next run; one that was sent and not noted
    because the process died goes out twice.
    """
    sent = 0
    for grant in FacebookGrant.objects.filter(revoked_at=None, warned_at=None).select_related("user"):
        end = grant_ends_soon(grant)
        if end is None or not grant.user.email or not grant.user.is_active:
            continue
        try:
            _mail(grant, end)
        except (SMTPException, OSError) as error:
            logger.warning("a mail about grant %s was not sent: %s", grant.id, type(error).__name__)
            continue
        FacebookGrant.objects.filter(id=grant.id).update(warned_at=real_now())
        sent += 1
    return sent


def _mail(grant: FacebookGrant, end: datetime) -> None:
    """In every language, for nobody knows the reader's."""
    subjects, bodies = [], []
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            subjects.append(_("Arriwa: access through Facebook ends soon"))
            bodies.append(_body(end))
    send_mail(" · ".join(subjects), "\n\n———\n\n".join(bodies), None, [grant.user.email])


def _body(end: datetime) -> str:
    text = _(
        "Facebook lets Arriwa act for you until %(day)s. After that ads statistics, audiences and events"
        " stop.\n\nOpen %(url)s and continue with Facebook: that renews it."
    )
    return text % {"day": date_format(end, "DATE_FORMAT"), "url": f"{settings.PUBLIC_URL}/start"}
