"""Which pipeline, stages and fields of an account stand for the playbook's (L11, L17, L20, L21).

Stages are found by name («Новый», «Квалифицирован», «Оплачено» by default), fields by code. What is
missing is made only on the owner's word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid5

from django.db import transaction
from django.utils.translation import gettext as _

from integrations.base.assets import default_route_fill
from integrations.base.deliveries import connections_forget
from integrations.base.errors import ConfigurationError, IntegrationError
from integrations.base.locks import platform_lock
from integrations.kommo import STATUS_LOST, STATUS_WON
from integrations.kommo.client import CustomField, KommoClient, Pipeline
from integrations.kommo.payloads import custom_field_body
from integrations.kommo.tokens import client_of
from integrations.models import Asset, Connection
from subscribers.playbook.document import Playbook
from subscribers.playbook.load import default_document, parse
from subscribers.selectors import NoPlaybook, playbook_published
from tenants.audit import Actor, audit_record

#: Kommo's Incoming stage, which cannot be written.
_INCOMING = 1
#: Deals pass them in this order, and so they are made; a playbook's document keeps none.
STAGES = ("new", "qualified", "paid")


class MappingIncomplete(IntegrationError):
    """The account lacks what the playbook needs: choose it, or let it be made."""


@dataclass(frozen=True, slots=True)
class PipelineChoice:
    """A pipeline as an owner may choose it."""

    pipeline: Pipeline
    #: stage key -> id of the stage with the playbook's name, None when there is none
    matched: Mapping[str, int | None]
    #: stage key -> the playbook's name for it
    names: Mapping[str, str]

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of stages that would have to be made."""
        return tuple(self.names[key] for key, stage in self.matched.items() if stage is None)


def playbook_of(connection: Connection) -> Playbook:
    """What the workspace publishes, else the default document."""
    try:
        return playbook_published(connection.workspace).content()
    except NoPlaybook:
        return parse(default_document())


def _stage_names(playbook: Playbook) -> dict[str, str]:
    known = [key for key in STAGES if key in playbook.stages]
    return {key: playbook.stages[key] for key in [*known, *(k for k in playbook.stages if k not in known)]}


def stages_matched(pipeline: Pipeline, names: Mapping[str, str]) -> dict[str, int | None]:
    """Stage key → the stage of that name, whatever its capitals; None when the pipeline has none."""
    known = {s.name.strip().casefold(): s.id for s in reversed(pipeline.statuses) if s.type != _INCOMING}
    return {key: known.get(name.strip().casefold()) for key, name in names.items()}


def kommo_pipelines(connection: Connection, playbook: Playbook | None = None) -> tuple[PipelineChoice, ...]:
    """All pipelines of the account, the main one first. Calls Kommo; raises the errors of `KommoClient`."""
    names = _stage_names(playbook or playbook_of(connection))
    pipelines = sorted(client_of(connection).pipelines(), key=lambda one: not one.is_main)
    return tuple(PipelineChoice(one, stages_matched(one, names), names) for one in pipelines)


def kommo_fields_missing(connection: Connection, playbook: Playbook | None = None) -> tuple[str, ...]:
    """Names of the custom fields that would have to be made. Calls Kommo."""
    wanted = (playbook or playbook_of(connection)).crm_fields
    absent = _fields_found(client_of(connection), wanted)[1]
    return tuple(str(wanted[key]["name"]) for keys in absent.values() for key in keys)


def main_pipeline(connection: Connection) -> Pipeline:
    """The account's main pipeline. Raises ConfigurationError when there is none at all."""
    pipelines = client_of(connection).pipelines()
    found = next((one for one in pipelines if one.is_main), pipelines[0] if pipelines else None)
    if found is None:
        raise ConfigurationError(_("The Kommo account has no pipeline: make one."), field="pipeline_id")
    return found


def kommo_map(
    *,
    connection: Connection,
    pipeline_id: int,
    stages: Mapping[str, int],
    create_missing: bool,
    actor: Actor,
    playbook: Playbook | None = None,
) -> Asset:
    """Maps a pipeline: `stages` are the owner's choices by stage key, those left out are matched by name.

    `create_missing`: stages and fields that the account lacks are made there; repeated, they are found.
    The connection works with the pipeline that was mapped last, unless a number's route names another. Calls
    Kommo, so no transaction may be open. Raises MappingIncomplete naming what is missing,
    ConfigurationError for a choice that the account does not have, and the errors of `KommoClient`.
    """
    playbook = playbook or playbook_of(connection)
    client = client_of(connection)
    # A second click waits and finds what the first one made.
    with platform_lock(uuid5(connection.id, "mapping")):
        pipeline, chosen, fields = _mapped(client, int(pipeline_id), stages, playbook, create_missing)
    return _keep(connection, pipeline, chosen, fields, playbook, actor)


def _mapped(
    client: KommoClient, pipeline_id: int, stages: Mapping[str, int], playbook: Playbook, create_missing: bool
) -> tuple[Pipeline, dict[str, int], dict[str, dict[str, object]]]:
    pipeline = next((one for one in client.pipelines() if one.id == pipeline_id), None)
    if pipeline is None:
        raise ConfigurationError(
            _("The Kommo account has no such pipeline: choose another."), field="pipeline_id"
        )
    chosen = _stages(client, pipeline, _stage_names(playbook), stages, create_missing)
    return pipeline, chosen, _fields(client, playbook.crm_fields, create_missing)


def _stages(
    client: KommoClient,
    pipeline: Pipeline,
    names: Mapping[str, str],
    chosen: Mapping[str, int],
    create_missing: bool,
) -> dict[str, int]:
    writable = {status.id for status in pipeline.statuses if status.type != _INCOMING}
    for key, status_id in chosen.items():
        where = f"stages.{key}"
        if key not in names or status_id not in writable:
            told = _("The stage chosen for “%(stage)s” is not of this pipeline.")
            raise ConfigurationError(told % {"stage": names.get(key, key)}, field=where)
        if status_id == STATUS_LOST or (status_id == STATUS_WON and key != "paid"):
            told = _("A closed deal cannot be “%(stage)s”: choose another stage.")
            raise ConfigurationError(told % {"stage": names[key]}, field=where)
    found = {**stages_matched(pipeline, names), **chosen}
    missing = [key for key in names if found.get(key) is None]
    if missing and not create_missing:
        told = _("The pipeline lacks the stages %(stages)s.")
        raise MappingIncomplete(told % {"stages": ", ".join(names[key] for key in missing)}, field="stages")
    if missing:
        made = client.statuses_create(pipeline.id, [names[key] for key in missing])
        by_name = {status.name.strip().casefold(): status.id for status in made}
        found |= {key: by_name.get(names[key].strip().casefold()) for key in missing}
    kept = {key: status_id for key, status_id in found.items() if status_id is not None}
    if len(kept) < len(names):
        raise MappingIncomplete(_("Kommo did not make all stages: look at the pipeline."), field="stages")
    return kept


def _fields_found(
    client: KommoClient, wanted: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, CustomField], dict[str, list[str]]]:
    """(field key → field, entity → keys without one). Found by code."""
    found: dict[str, CustomField] = {}
    absent: dict[str, list[str]] = {}
    for entity in ("contacts", "leads"):
        keys = [key for key, spec in wanted.items() if f"{spec['entity']}s" == entity]
        if not keys:
            continue
        known = {field.code: field for field in client.custom_fields_list(entity) if field.code}
        found |= {key: known[key.upper()] for key in keys if key.upper() in known}
        missing = [key for key in keys if key.upper() not in known]
        if missing:
            absent[entity] = missing
    return found, absent


def _fields(
    client: KommoClient, wanted: Mapping[str, Mapping[str, Any]], create_missing: bool
) -> dict[str, dict[str, object]]:
    """Field key → {"entity", "field_id"}."""
    found, absent = _fields_found(client, wanted)
    if absent and not create_missing:
        names = [str(wanted[key]["name"]) for keys in absent.values() for key in keys]
        told = _("The account lacks the fields %(fields)s.")
        raise MappingIncomplete(told % {"fields": ", ".join(names)}, field="fields")
    for entity, keys in absent.items():
        made = client.custom_fields_create(entity, _bodies(wanted, keys))
        found |= {key: field for key in keys for field in made if field.code == key.upper()}
    return {key: {"entity": field.entity, "field_id": field.id} for key, field in found.items()}


def _bodies(wanted: Mapping[str, Mapping[str, Any]], keys: Iterable[str]) -> list[dict[str, Any]]:
    return [
        custom_field_body(name=wanted[key]["name"], field_type=wanted[key]["type"], code=key) for key in keys
    ]


@transaction.atomic
def _keep(
    connection: Connection,
    pipeline: Pipeline,
    stages: dict[str, int],
    fields: dict[str, dict[str, object]],
    playbook: Playbook,
    actor: Actor,
) -> Asset:
    details = {
        "pipeline_id": pipeline.id,
        "stages": stages,
        "stage_names": dict(playbook.stages),
        "fields": fields,
    }
    row = Connection.objects.select_for_update().get(id=connection.id)
    row.config = {**row.config, **details}
    row.save(update_fields=["config"])
    connection.config = row.config
    asset, made = Asset.objects.update_or_create(
        connection=connection,
        kind=Asset.Kind.PIPELINE,
        external_id=str(pipeline.id),
        defaults={"name": pipeline.name[:200], "details": details},
    )
    audit_record(
        actor=actor,
        action="connection.mapped",
        subject=f"kommo {connection.account}: {pipeline.name}",
        workspace=connection.workspace,
        details={"pipeline_id": pipeline.id, "stages": stages, "new": made},
    )
    default_route_fill(connection.workspace)
    transaction.on_commit(connections_forget)
    return asset
