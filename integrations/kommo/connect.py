"""Connecting a Kommo account: pipeline, stages and fields are found, missing fields made (T2, L11)."""

from __future__ import annotations

from integrations.base.connect import connection_save
from integrations.base.errors import ConfigurationError
from integrations.base.urls import platform_url
from integrations.kommo.client import KommoClient
from integrations.kommo.config import KommoSettings
from integrations.kommo.payloads import custom_field_body
from integrations.models import Connection
from subscribers.playbook.document import Playbook
from tenants.workspaces.models import Workspace


def kommo_connect(
    *, workspace: Workspace, subdomain: str, account_id: int, token: str, playbook: Playbook
) -> Connection:
    """Stores the account and maps the playbook's stages and fields onto it.

    Raises ConfigurationError naming stages that the account lacks, and the errors of `KommoClient`.
    """
    settings = KommoSettings.from_connection(
        {"subdomain": subdomain, "account_id": account_id}, {"token": token}
    )
    client = KommoClient(base_url=platform_url("kommo", subdomain="{subdomain}"), settings=settings)
    pipelines = client.pipelines()
    pipeline = next((p for p in pipelines if p.is_main), pipelines[0] if pipelines else None)
    if pipeline is None:
        raise ConfigurationError("The Kommo account has no pipeline: make one.", field="pipeline_id")
    by_name = {status.name: status.id for status in pipeline.statuses}
    missing = [name for name in playbook.stages.values() if name not in by_name]
    if missing:
        raise ConfigurationError(
            f"The Kommo pipeline lacks the stages {', '.join(missing)}: make them.", field="stages"
        )
    return connection_save(
        workspace=workspace,
        platform="kommo",
        account=subdomain,
        config={
            "subdomain": subdomain,
            "account_id": account_id,
            "pipeline_id": pipeline.id,
            "stages": {key: by_name[name] for key, name in playbook.stages.items()},
            "stage_names": dict(playbook.stages),
            "fields": _fields(client, playbook),
        },
        secrets={"token": token},
    )


def _fields(client: KommoClient, playbook: Playbook) -> dict[str, dict[str, object]]:
    """Field key → {"entity", "field_id"}; found by code, made when missing."""
    found: dict[str, dict[str, object]] = {}
    for entity in ("contacts", "leads"):
        wanted = {key: spec for key, spec in playbook.crm_fields.items() if f"{spec['entity']}s" == entity}
        if not wanted:
            continue
        known = {field.code: field.id for field in client.custom_fields_list(entity)}
        absent = [key for key in wanted if key.upper() not in known]
        if absent:
            bodies = [
                custom_field_body(name=wanted[key]["name"], field_type=wanted[key]["type"], code=key)
                for key in absent
            ]
            for field in client.custom_fields_create(entity, bodies):
                known[field.code] = field.id
        for key in wanted:
            found[key] = {"entity": entity, "field_id": known[key.upper()]}
    return found
