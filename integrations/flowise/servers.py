"""Which Flowise server a connection talks to, how far it is trusted, with which key it is managed (T1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.conf import settings as django_settings
from django.utils.translation import gettext as _

from integrations.base.errors import ConfigurationError, CredentialRefused, IntegrationError, Unsupported
from integrations.base.urls import platform_session
from integrations.flowise.admin import FlowiseAdmin
from integrations.flowise.client import FlowiseClient
from integrations.flowise.config import OWN, SHARED, WAYS, FlowiseSettings, address_checked
from integrations.models import Connection

#: A connection's secret: the tenant's own management key. The shared server's is a setting and in no row.
ADMIN_KEY = "admin_key"


class SharedFlowiseClosed(IntegrationError):
    """The shared Flowise does not let Arriwa in: tell support; our own rules judge answers meanwhile."""


def way_checked(way: str) -> str:
    """A way that works here. Raises Unsupported for one to come, ConfigurationError for none at all."""
    if way not in WAYS:
        raise ConfigurationError(_("Choose how Flowise runs: shared or own."), field="way")
    if way not in (SHARED, OWN):
        told = _("Running Flowise as %(way)s is to come: choose shared or own.")
        raise Unsupported(told % {"way": way})
    if way == SHARED and not (django_settings.PLATFORM_URLS["flowise"] and django_settings.FLOWISE_KEY):
        raise Unsupported(_("There is no shared Flowise here: connect your own."))
    return way


def server_of(way: str, url: str) -> tuple[str, bool]:
    """(address, whether it is the operator's and so trusted). A tenant's own is guarded."""
    operator = django_settings.PLATFORM_URLS["flowise"]
    if way != OWN and operator:
        return operator, True
    return url, url in {address_checked(one) for one in django_settings.FLOWISE_TRUSTED_URLS}


def flowise_settings(connection: Connection) -> FlowiseSettings:
    """The connection's settings. Raises ConfigurationError."""
    config: dict[str, Any] = dict(connection.config)
    config.setdefault("url", django_settings.PLATFORM_URLS["flowise"])
    return FlowiseSettings.from_connection(config, connection.secrets())


def flowise_client(settings: FlowiseSettings) -> FlowiseClient:
    """A client that runs agentflows. The operator's Flowise is trusted, a tenant's own is guarded."""
    url, trusted = server_of(settings.way, settings.url)
    return FlowiseClient(base_url=url, settings=settings, session=platform_session(trusted=trusted))


def admin_client(way: str, url: str, key: str) -> FlowiseAdmin:
    """A client that manages a server; `key` only for the way "own"."""
    address, trusted = server_of(way, url)
    return FlowiseAdmin(
        base_url=address,
        key=django_settings.FLOWISE_KEY if way == SHARED else key,
        session=platform_session(trusted=trusted),
    )


@contextmanager
def managed(connection: Connection) -> Iterator[FlowiseAdmin]:
    """The management client of a connection, for the block.

    Raises Unsupported for a connection of a single flow, which is not managed; SharedFlowiseClosed in place
    of CredentialRefused where the refused key is the operator's.
    """
    config: Mapping[str, Any] = connection.config
    way = str(config.get("way") or "")
    if way not in (SHARED, OWN):
        raise Unsupported(_("This connection runs one given agentflow: connect Flowise anew to manage more."))
    admin = admin_client(way, str(config.get("url") or ""), str(connection.secrets().get(ADMIN_KEY) or ""))
    with operators_key(way):
        yield admin


@contextmanager
def operators_key(way: str) -> Iterator[None]:
    """A refusal of the operator's key is no fault of the tenant's."""
    try:
        yield
    except CredentialRefused as error:
        if way != SHARED:
            raise
        raise SharedFlowiseClosed() from error
