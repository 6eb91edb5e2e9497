"""Hooks stored per second by web, beside pgbench running the receiver's very statement."""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import CommandError

from arriwa.bench.common import Stage, empty_queues, execute, figure, say
from arriwa.bench.load import request_bytes, run_load
from arriwa.common import sealing
from arriwa.ops.binaries import find_binaries
from integrations.receipts.store import STORE

CLIENTS = 16


def measure(stage: Stage, *, seconds: float) -> None:
    """Prints ingest_requests_per_second, ingest_pgbench_per_second and ingest_ratio.

    pgbench runs before and after; its mean counts, for the machine's speed drifts.
    """
    stage.start("sandbox")
    stage.provision()
    stage.start("web")
    address, requests, sealed_size = _hooks(stage)
    # Nothing but web, the generator and the server is to run.
    stage.stop("sandbox", "relay", "worker")
    run_load(address, requests, clients=CLIENTS, seconds=1.0)
    limits = [_pgbench(stage.log_folder, sealed_size, seconds)]
    empty_queues()
    say(f"{CLIENTS} clients post hooks for {seconds:.0f} s …")
    load = run_load(address, requests, clients=CLIENTS, seconds=seconds)
    stored = execute("SELECT count(*) FROM public.receipts_receipt")[0][0]
    # The last request of each client may have been stored after the clock stopped.
    if load.refused or not load.answered <= stored <= load.answered + CLIENTS:
        raise CommandError(f"{load.answered} hooks were answered, {load.refused} refused, {stored} stored.")
    limits.append(_pgbench(stage.log_folder, sealed_size, seconds))
    empty_queues()
    limit = sum(limits) / len(limits)
    say(f"pgbench before {limits[0]:.0f}/s, after {limits[1]:.0f}/s")
    figure("ingest_requests_per_second", load.per_second, "1/s")
    figure("ingest_pgbench_per_second", limit, "1/s")
    figure("ingest_generator_share", load.own_share, "cores")
    figure("ingest_ratio", load.per_second / limit, "(aim: at least 0.5)")


def _hooks(stage: Stage) -> tuple[tuple[str, int], list[bytes], int]:
    """Web's address, 200 different status hooks as bytes, and the size of one when sealed."""
    subscriptions = stage.ask("/_state?platform=gupshup")["subscriptions"]
    mine = next(one for one in subscriptions if one["version"] == 3 and one["active"])
    url = urlsplit(mine["url"])
    assert url.hostname is not None and url.port is not None
    headers = {"Content-Type": "application/json", "User-Agent": "Gupshup", **mine["headers"]}
    bodies = [json.dumps(_status(number)).encode() for number in range(200)]
    requests = [request_bytes(url.netloc, url.path, body, headers) for body in bodies]
    sealed = sealing.seal(bodies[0], organization=uuid.uuid4(), row=f"receipt:{uuid.uuid4()}")
    return (url.hostname, url.port), requests, len(sealed)


def _status(number: int) -> dict[str, Any]:
    """A `delivered` status as Gupshup sends it (partner-docs, v3 message events)."""
    wamid = f"wamid.HBgLNzcwMTAwMDAw{number:04d}FQIAERgSQzk5RDg2NTk5MTZBM0ZBNkJBAA=="
    status = {
        "gs_id": str(uuid.uuid4()),
        "id": wamid,
        "meta_msg_id": wamid,
        "status": "delivered",
        "timestamp": "1790000000",
        "recipient_id": f"7701000{number:04d}",
        "recipient_user_id": "KZ.12345678901234",
        "conversation": {"id": uuid.uuid4().hex, "origin": {"type": "referral_conversion"}},
        "pricing": {
            "billable": False,
            "pricing_model": "PMP",
            "type": "free_entry_point",
            "category": "referral_conversion",
        },
    }
    metadata = {"display_phone_number": "37120000001", "phone_number_id": "909000001"}
    value = {"messaging_product": "whatsapp", "metadata": metadata, "statuses": [status]}
    change = {"field": "messages", "value": value}
    return {
        "gs_app_id": "0d0c1111-demo-app",
        "object": "whatsapp_business_account",
        "entry": [{"id": "100200300001", "changes": [change]}],
    }


def _pgbench(folder: Path, sealed_size: int, seconds: float) -> float:
    """Transactions per second of STORE with literals of the hooks' sizes."""
    empty_queues()
    moment = f"'{datetime.now(UTC).isoformat()}'"
    values = [
        f"'{uuid.uuid4()}'",
        "'gupshup'",
        "'org_0123456789abcdef'",
        f"'{uuid.uuid4()}'",
        f"'{uuid.uuid4()}'",
        moment,
        moment,
        f"'\\x{'a7' * sealed_size}'",
    ]
    script = folder / "store.sql"
    script.write_text(" ".join((STORE % tuple(values)).split()) + ";\n")
    say(f"pgbench with {CLIENTS} clients for {seconds:.0f} s …")
    database = settings.DATABASES["default"]
    command = [str(find_binaries() / "pgbench"), "-n", "-M", "prepared", "-f", str(script)]
    command += ["-c", str(CLIENTS), "-j", "1", "-T", str(max(1, round(seconds)))]
    command += ["-h", database["HOST"], "-p", str(database["PORT"]), "-U", database["USER"]]
    done = subprocess.run(
        [*command, database["NAME"]],
        env={"PGPASSWORD": database["PASSWORD"]},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"tps = ([\d.]+) \(without", done.stdout)
    if done.returncode != 0 or found is None:
        raise CommandError(f"pgbench failed: {done.stderr.strip()[-500:]}")
    return float(found.group(1))
