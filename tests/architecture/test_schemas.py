"""What lives where: nothing crosses from one schema into another (design, decisions 1 and 2)."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import ProgrammingError, connection, models
from django.db.models.fields import NOT_PROVIDED

from arriwa.outbox.models import OutboxTask, RateLimit, Timer
from integrations.receipts.models import Receipt
from tenants.context import NoOrganization, current_organization_id

TENANT = {name.rpartition(".")[2] for name in settings.TENANT_APPS}
OURS = ("arriwa", "tenants", "subscribers", "analytics", "integrations")
MODELS = [m for m in apps.get_models() if m.__module__.partition(".")[0] in OURS]
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)


def in_tenant(model: type[models.Model]) -> bool:
    return model._meta.app_label in TENANT


def test_both_kinds_of_models_are_looked_at() -> None:
    assert {in_tenant(model) for model in MODELS} == {True, False}
    assert len(MODELS) > 20


@each_model
def test_no_foreign_key_crosses_schemas(model: type[models.Model]) -> None:
    relations = [f for f in model._meta.get_fields() if f.is_relation and f.concrete and f.related_model]
    crossing = [f.name for f in relations if in_tenant(f.related_model) != in_tenant(model)]
    assert crossing == []


@each_model
def test_times_come_from_the_clock(model: type[models.Model]) -> None:
    """No auto_now and no database default: domain time may be moved (decision 12)."""
    fields: list[Any] = [f for f in model._meta.get_fields() if f.concrete and not f.many_to_many]
    assert [
        f.name for f in fields if getattr(f, "auto_now", False) or getattr(f, "auto_now_add", False)
    ] == []
    assert [f.name for f in fields if f.db_default is not NOT_PROVIDED] == []


@each_model
def test_models_hold_no_logic_in_save_or_delete(model: type[models.Model]) -> None:
    assert [name for name in ("save", "delete", "save_base") if name in vars(model)] == []


#: Queue tables of the public schema. A new column is a decision: may it hold something of a person?
QUEUES = {
    OutboxTask: "id queue kind schema_name subject connection lane batch_key rate_keys state available_at"
    " created_at attempts claimed_by",
    Timer: "id kind schema_name subject turn due_at",
    RateLimit: "key tokens updated_at blocked_until",
    Receipt: "id uid platform schema_name workspace_uuid connection_uuid received_at available_at attempts"
    " done body_sealed",
}


@pytest.mark.parametrize("model", QUEUES, ids=lambda model: model.__name__)
def test_queues_hold_no_personal_data(model: type[models.Model]) -> None:
    assert {field.column for field in model._meta.local_fields} == set(QUEUES[model].split())
    assert not in_tenant(model)


@pytest.mark.parametrize("model", [m for m in MODELS if in_tenant(m)], ids=lambda model: model._meta.label)
def test_a_query_without_an_organization_fails_loudly(database: None, model: type[models.Model]) -> None:
    connection.set_schema_to_public()
    with pytest.raises(ProgrammingError, match="does not exist"):
        model._default_manager.exists()


def test_no_organization_is_no_default_one(database: None) -> None:
    connection.set_schema_to_public()
    with pytest.raises(NoOrganization):
        current_organization_id()
