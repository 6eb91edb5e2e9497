"""A connection's access to Meta: its own token, signed by its own app or by the operator's."""

from __future__ import annotations

from django.conf import settings as django_settings

from integrations.meta.config import MetaSettings
from integrations.models import Connection

#: In the config of a connection whose token was given to the operator's app at Facebook's dialog.
BY_CONSENT = "by_consent"


def meta_settings(connection: Connection) -> MetaSettings:
    """Token and app secret; the operator's secret is not copied into each tenant's row.

    Raises ConfigurationError without a token, and SealBroken.
    """
    secrets = connection.secrets()
    if connection.config.get(BY_CONSENT):
        secrets = {**secrets, "app_secret": django_settings.META_APP_SECRET}
    return MetaSettings.from_connection(connection.config, secrets)
