"""How long an organization takes to be born, beside plain migrations."""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Callable
from functools import partial

from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction

from arriwa.bench.common import Stage, execute, figure, percentile, say
from arriwa.common.schema import enter_public
from tenants.birth import birth_request
from tenants.models import Birth, SchemaTemplate, User
from tenants.schemas.template import schema_create, schema_drop, template_current

BUSINESSES = [{"id": "bench-1", "name": "School"}, {"id": "bench-2", "name": "Shop"}]
SCHEMA = "bench_schema"
BIRTH_SECONDS = 60.0


def measure(stage: Stage, *, births: int, migrations: int) -> None:
    """Prints birth_ms, birth_p90_ms, template_ms, migrate_ms and birth_speedup."""
    stage.start("relay", "worker")
    user = User.objects.create(username=f"bench-{uuid.uuid4().hex[:12]}")
    say(f"{births} births through relay and worker, one after another …")
    # The first waits until the worker is up, and is not counted.
    _birth(user)
    took = [_birth(user) for _ in range(births)]
    stage.stop("worker", "relay")
    say(f"{migrations} schemas by migrations, {births} by the template alone …")
    template = template_current()
    migrated = [_schema(_migrate) for _ in range(migrations)]
    made = [_schema(partial(_from_template, template)) for _ in range(births)]
    birth, plain = statistics.median(took), statistics.median(migrated)
    figure("birth_ms", birth, "ms (aim: at most 1000)")
    figure("birth_p90_ms", percentile(took, 0.90), "ms")
    figure("template_ms", statistics.median(made), "ms")
    figure("migrate_ms", plain, "ms")
    figure("birth_speedup", plain / birth, "(migrate_ms to birth_ms)")


def _birth(user: User) -> float:
    """Milliseconds from the request to an organization that its owner can enter."""
    page = f"bench-{uuid.uuid4().hex[:12]}"
    begin = time.perf_counter()
    birth = birth_request(user=user, page_id=page, page_name="Bench", businesses=BUSINESSES)
    query = "SELECT state FROM public.tenants_birth WHERE id = %s"
    finished = (Birth.State.DONE.value, Birth.State.FAILED.value)
    while (state := execute(query, (birth.id,))[0][0]) not in finished:
        if time.perf_counter() - begin > BIRTH_SECONDS:
            raise CommandError(f"The birth is still {state} after {BIRTH_SECONDS:.0f} s.")
        time.sleep(0.002)
    took = (time.perf_counter() - begin) * 1000
    if state != Birth.State.DONE:
        birth.refresh_from_db()
        raise CommandError(f"The birth has failed: {birth.error_text}")
    return took


def _schema(make: Callable[[], None]) -> float:
    """Milliseconds in which a schema is made; it is removed again."""
    enter_public()
    schema_drop(SCHEMA)
    begin = time.perf_counter()
    make()
    took = (time.perf_counter() - begin) * 1000
    enter_public()
    schema_drop(SCHEMA)
    return took


def _from_template(template: SchemaTemplate) -> None:
    with transaction.atomic():
        schema_create(template=template, schema_name=SCHEMA)


def _migrate() -> None:
    execute(f"CREATE SCHEMA {SCHEMA}")
    call_command("migrate_schemas", schema_name=SCHEMA, interactive=False, verbosity=0)
