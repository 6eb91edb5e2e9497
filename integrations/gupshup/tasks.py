"""Beat's daily look at our own account at Gupshup: its client secret lives three months."""

from __future__ import annotations

import logging
from datetime import date, timedelta

from celery import shared_task
from django.conf import settings

from arriwa.outbox.enqueue import real_now
from integrations.gupshup.onboarding_mail import staff_tell

logger = logging.getLogger(__name__)

#: From then on staff are told every day.
NOTICE = timedelta(days=14)


@shared_task(name="gupshup.secret_watch", ignore_result=True)
def secret_watch() -> None:
    """Tells staff, by mail and in the log, that the partner's client secret ends soon or has ended."""
    text = secret_notice(settings.GUPSHUP_PARTNER_SECRET_ENDS, real_now().date())
    if text:
        logger.warning(text)
        staff_tell("Arriwa: Gupshup's client secret", text)


def secret_notice(ends: str, today: date) -> str:
    """What staff are to be told, "" while there is time or nobody gave the date. Pure."""
    if not ends:
        return ""
    try:
        day = date.fromisoformat(ends)
    except ValueError:
        return "ARRIWA_GUPSHUP_PARTNER_SECRET_ENDS is no date: write YYYY-MM-DD."
    if day - today > NOTICE:
        return ""
    when = f"ends on {day}" if day >= today else f"ended on {day}"
    return (
        f"The client secret of the partner account at Gupshup {when}. Make a new one in the partner portal, "
        "put it into ARRIWA_GUPSHUP_PARTNER_CLIENT_SECRET with its date and restart. Without it numbers stop "
        "sending a day later."
    )
