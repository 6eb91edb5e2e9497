"""What an API request costs with one and with a hundred organizations in the database."""

from __future__ import annotations

import http.client
import statistics
import time
import uuid
from collections.abc import Sequence

from django.core.management.base import CommandError
from django_tenants.utils import schema_context

from arriwa.bench.common import Stage, empty_queues, execute, figure, percentile, say
from arriwa.common import clock
from integrations.models import Asset, Connection
from subscribers.services.identity import subscriber_resolve
from tenants.models import Organization, Role
from tenants.schemas.template import schema_drop
from tenants.services import api_token_create, organization_create, workspace_create
from tenants.workspaces.models import Workspace

MANY = 100
LEADS = 20
PATH = "/api/v1/subscribers/?itemsPerPage=10"
ASSETS = (Asset.Kind.AD_ACCOUNT, Asset.Kind.DATASET, Asset.Kind.GOOD_PIXEL, Asset.Kind.NOISE_PIXEL)


def measure(stage: Stage, *, requests: int) -> None:
    """Prints request_one_ms, request_many_ms and request_latency_ratio: medians of a page of leads.

    One organization is measured before and after the hundred: the machine's speed changes meanwhile.
    """
    _remove_organizations()
    tokens = [_organization(0)]
    before = _run(stage, tokens, requests // 2)
    say(f"{MANY - 1} further organizations …")
    tokens += [_organization(number) for number in range(1, MANY)]
    many = _run(stage, tokens, requests)
    _remove_organizations(keep=1)
    after = _run(stage, tokens[:1], requests // 2)
    one = (statistics.median(before) + statistics.median(after)) / 2
    figure("request_one_ms", one, "ms")
    figure("request_many_ms", statistics.median(many), "ms")
    figure("request_many_p99_ms", percentile(many, 0.99), "ms")
    figure("request_latency_ratio", statistics.median(many) / one, "(aim: at most 1.2)")


def _run(stage: Stage, tokens: Sequence[str], requests: int) -> list[float]:
    """Latencies by a new web process, so that none profits from what another has learnt."""
    execute("VACUUM ANALYZE")
    stage.start("web")
    say(f"{requests} requests to {len(tokens)} organizations in turn …")
    took = _latencies(stage, tokens, requests)
    stage.stop("web")
    return took


def _remove_organizations(*, keep: int = 0) -> None:
    """All but the oldest `keep`, with their work."""
    empty_queues()
    for organization in Organization.objects.order_by("created_at")[keep:]:
        schema_drop(organization.schema_name)
        organization.delete()


def _organization(number: int) -> str:
    """An organization with one workspace, past all gates, and twenty leads; an API token of it."""
    organization = organization_create(name=f"Bench {number}", page_id=f"bench-{uuid.uuid4().hex[:12]}")
    workspace = workspace_create(organization=organization, name="Bench", business_id="bench")
    with schema_context(organization.schema_name):
        _open(workspace)
        for lead in range(LEADS):
            phone = f"7702{number:03d}{lead:04d}"
            subscriber_resolve(workspace=workspace, phone=phone, user_id=None, name="Ana", at=clock.now())
    return api_token_create(organization=organization, name="bench", role=Role.OWNER)


def _open(workspace: Workspace) -> None:
    number = Connection(
        workspace=workspace, platform="gupshup", account="bench", config={"number": "77020000000"}
    )
    access = Connection(workspace=workspace, platform="meta", account="bench")
    for connection in (number, access):
        connection.set_secrets({})
        connection.save(force_insert=True)
    for kind in ASSETS:
        Asset.objects.create(connection=access, kind=kind, external_id="bench")


def _latencies(stage: Stage, tokens: Sequence[str], requests: int) -> list[float]:
    """Milliseconds of each request over one kept-alive connection; the first rounds are not counted.

    Raises CommandError for an answer other than 200.
    """
    web = http.client.HTTPConnection("127.0.0.1", stage.addresses.web_port, timeout=30)
    warm = max(2 * len(tokens), 50)
    took = []
    for number in range(warm + requests):
        begin = time.perf_counter()
        web.request("GET", PATH, headers={"Authorization": f"Bearer {tokens[number % len(tokens)]}"})
        answer = web.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise CommandError(f"{PATH} answers {answer.status}: {body[:200]!r}")
        took.append((time.perf_counter() - begin) * 1000)
    web.close()
    return took[warm:]
