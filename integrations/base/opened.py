"""Settings of connections with their secrets opened, kept while the row stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from arriwa.common.schema import current_schema
from integrations.models import Connection

S = TypeVar("S")
#: More connections than one process serves at a time; beyond it, it starts afresh.
_MOST = 4096
_opened: dict[tuple[str, UUID, Any], tuple[bytes, dict[str, Any], Any]] = {}


def settings_opened(make: Callable[[Mapping[str, Any], Mapping[str, Any]], S], connection: Connection) -> S:
    """`make(config, secrets)` of a connection as just read; opened anew once its row has changed.

    Raises what `make` raises, and SealBroken.
    """
    key = (current_schema(), connection.id, make)
    sealed = bytes(connection.secrets_sealed)
    known = _opened.get(key)
    if known is not None and known[0] == sealed and known[1] == connection.config:
        return cast(S, known[2])
    settings = make(connection.config, connection.secrets())
    if len(_opened) >= _MOST:
        _opened.clear()
    _opened[key] = (sealed, dict(connection.config), settings)
    return settings
