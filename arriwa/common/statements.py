"""Statements of the hot path: written out, schema-qualified, prepared once per connection (ADR 0018).

The ORM builds, binds and plans anew what is the same for every message; that is most of what a message
costs. These run on Django's own connection, so they are part of its transaction like any other query.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, cast

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models.base import ModelState
from psycopg.types.json import Jsonb

#: Plans kept by each database session; psycopg's own limit of 100 would be used up by a few organizations.
PREPARED_MAX = 600
NEVER_UNASKED = 1 << 30

M = TypeVar("M", bound=models.Model)


class Statement:
    """One SQL statement; `{schema}` stands for the organization's quoted schema, `%s` for its values.

    Values are bound by the server: give types where it cannot infer them (`%s::uuid`).
    """

    __slots__ = ("_by_schema", "_text")

    def __init__(self, text: str) -> None:
        self._text = " ".join(text.split())
        self._by_schema: dict[str, bytes] = {}

    def rows(self, *values: Any) -> list[tuple[Any, ...]]:
        """Runs it in the thread's transaction; its rows. Raises Django's database errors."""
        return self._execute(values).fetchall()

    def row(self, *values: Any) -> tuple[Any, ...] | None:
        """As `rows`; the first one, None when there is none."""
        return self._execute(values).fetchone()

    def run(self, *values: Any) -> int:
        """As `rows`, for statements that give none; how many rows they touched."""
        return self._execute(values).rowcount

    def sql(self, schema: str) -> bytes:
        """The text for the organization that owns `schema`."""
        found = self._by_schema.get(schema)
        if found is None:
            quoted = connection.ops.quote_name(schema)
            found = self._by_schema[schema] = self._text.replace("{schema}", quoted).encode()
        return found

    def _execute(self, values: Sequence[Any]) -> psycopg.Cursor[Any]:
        # Once, for each look through Django's proxy costs as much as binding a value.
        django: Any = connections[DEFAULT_DB_ALIAS]
        raw = django.connection
        if raw is None or not django.in_atomic_block:
            # The first query of a thread; or one outside a transaction, whose connection may be stale.
            django.ensure_connection()
            django.close_if_health_check_failed()
            django.ensure_connection()
            raw = django.connection
        django.validate_no_broken_transaction()
        if raw.prepare_threshold is None:
            # Django turns preparing off; on, but for those alone that ask for it.
            raw.prepare_threshold, raw.prepared_max = NEVER_UNASKED, PREPARED_MAX
        begin, text = time.monotonic(), self.sql(django.schema_name)
        with django.wrap_database_errors:
            cursor = _cursor(django, raw)
            cursor.execute(text, values, prepare=True)
        if django.queries_logged:
            took = time.monotonic() - begin
            django.queries_log.append({"sql": text.decode(), "time": f"{took:.6f}"})
        return cursor


def _cursor(django: Any, raw: psycopg.Connection[Any]) -> psycopg.Cursor[Any]:
    """One cursor for all statements of a connection: it remembers how to bind each type of value.

    Not of the connection's own class: Django's cursors bind values in the client.
    """
    cursor: psycopg.Cursor[Any] | None = getattr(django, "arriwa_cursor", None)
    if cursor is None or cursor.connection is not raw or cursor.closed:
        cursor = django.arriwa_cursor = psycopg.Cursor(raw)
    return cursor


def array(values: Iterable[Any]) -> str:
    """An array as PostgreSQL reads it, for a place with a type such as `%s::uuid[]`.

    Texts, numbers, times, UUIDs, bytes, documents (dict, list) and None. The driver's own arrays look for
    the type of every element, which costs more than most statements.
    """
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes | memoryview):
        return f'"\\\\x{bytes(value).hex()}"'
    if isinstance(value, dict | list):
        value = json.dumps(value)
    text = str(value)
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def row_insert(instance: models.Model) -> None:
    """Inserts a new row as it stands, all columns given, ids included. Sends no signals of Django's.

    An id that the database numbers stays None on the instance. Raises IntegrityError.
    """
    _insertion(type(instance)).run(*row_values(instance))
    instance._state.adding = False
    instance._state.db = DEFAULT_DB_ALIAS


def row_insert_once(instance: models.Model) -> bool:
    """As `row_insert`, but a conflict with an existing row means no row; tells whether it is new."""
    if not _insertion(type(instance), once=True).run(*row_values(instance)):
        return False
    instance._state.adding = False
    instance._state.db = DEFAULT_DB_ALIAS
    return True


def row_values(instance: models.Model) -> list[Any]:
    """The values of `row_columns`, as the driver takes them."""
    return [adapted(getattr(instance, name)) for name in _names(type(instance))]


def row_columns(model: type[models.Model]) -> tuple[str, ...]:
    """Columns of a table but for an id that the database numbers."""
    return tuple(field.column for field in _fields(model))


def selection(model: type[models.Model], alias: str, *names: str) -> str:
    """Columns of a model for a SELECT list: of the fields named (`attname`), else of all.

    `row_read` with the same names makes instances of them.
    """
    return ", ".join(f"{alias}.{field.column}" for field in _chosen(model, names))


def row_width(model: type[models.Model]) -> int:
    """How many columns `selection` gives for all fields."""
    return len(model._meta.concrete_fields)


def row_read(model: type[M], values: Sequence[Any], *names: str) -> M:
    """The instance behind one row of `selection`, as the ORM would have read it."""
    attributes, documents = _reading(model, names)
    if documents:
        found = list(values)
        for place in documents:
            if found[place] is not None:
                found[place] = _loads(found[place])
        values = found
    # Past `__init__`, whose signals and checks cost more than the query did.
    made = model.__new__(model)
    state = ModelState()
    state.adding = False
    state.db = DEFAULT_DB_ALIAS
    made.__dict__.update(zip(attributes, values, strict=True))
    made._state = state
    return made


def row_related(instance: models.Model, name: str, related: models.Model) -> None:
    """`instance.name` is `related`, whose id the row names already: no query, no check."""
    cast(Any, instance._state).fields_cache[name] = related


def adapted(value: Any) -> Any:
    """A field's value as the driver takes it: documents as jsonb, choices as their text."""
    if isinstance(value, dict | list):
        return Jsonb(value)
    return value.value if isinstance(value, Enum) else value


@lru_cache(maxsize=256)
def _fields(model: type[models.Model]) -> tuple[Any, ...]:
    return tuple(f for f in model._meta.concrete_fields if not isinstance(f, models.AutoField))


@lru_cache(maxsize=256)
def _names(model: type[models.Model]) -> tuple[str, ...]:
    return tuple(field.attname for field in _fields(model))


@lru_cache(maxsize=256)
def _insertion(model: type[models.Model], *, once: bool = False) -> Statement:
    columns = row_columns(model)
    # The search path never decides: what lives in the public schema says so in its table's name.
    schema = "{schema}" if model._meta.app_label in _tenant_labels() else "public"
    places = ", ".join(["%s"] * len(columns))
    end = " ON CONFLICT DO NOTHING" if once else ""
    return Statement(
        f"INSERT INTO {schema}.{model._meta.db_table} ({', '.join(columns)}) VALUES ({places}){end}"
    )


@lru_cache(maxsize=1)
def _tenant_labels() -> frozenset[str]:
    from django.apps import apps
    from django.conf import settings

    return frozenset(config.label for config in apps.get_app_configs() if config.name in settings.TENANT_APPS)


def _chosen(model: type[models.Model], names: tuple[str, ...]) -> list[Any]:
    fields = model._meta.concrete_fields
    return [field for field in fields if not names or field.attname in names]


@lru_cache(maxsize=256)
def _reading(model: type[models.Model], names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    fields = _chosen(model, names)
    documents = tuple(n for n, field in enumerate(fields) if isinstance(field, models.JSONField))
    return tuple(field.attname for field in fields), documents


def _loads(value: Any) -> Any:
    # Django's connections hand documents over as text.
    return json.loads(value) if isinstance(value, str | bytes) else value
