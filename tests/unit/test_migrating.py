"""The processes that migrate organizations: one that is slow or dies costs its own schema alone."""

from __future__ import annotations

import sys

from arriwa.migrating import Limits, Outcome, organizations_migrate

#: Speaks as a worker does; what becomes of a schema is in its name.
WORKER = """
import json, os, sys, time
for line in sys.stdin:
    name = line.strip()
    print("what a migration prints", file=sys.stderr)
    if name.startswith("slow"):
        time.sleep(60)
    if name.startswith("dies"):
        os._exit(1)
    answer = json.dumps({"error": "refused" if name.startswith("bad") else ""})
    for half in (answer[:5], answer[5:] + "\\n"):
        sys.stdout.write(half)
        sys.stdout.flush()
        time.sleep(0.01)
"""


def run(*names: str, jobs: int = 2, seconds: float = 30.0) -> dict[str, Outcome]:
    command = [sys.executable, "-c", WORKER]
    outcomes = list(
        organizations_migrate(names, jobs=jobs, limits=Limits(organization=seconds), command=command)
    )
    assert len(outcomes) == len({outcome.schema_name for outcome in outcomes})
    return {outcome.schema_name: outcome for outcome in outcomes}


def test_every_schema_is_worked_on_once() -> None:
    names = [f"good{n}" for n in range(7)]
    done = run(*names, jobs=3)
    assert sorted(done) == names and {outcome.error for outcome in done.values()} == {""}


def test_what_fails_is_told_and_the_rest_goes_on() -> None:
    done = run("bad1", "good1", "bad2", "good2", jobs=1)
    assert {name: outcome.error for name, outcome in done.items()} == {
        "bad1": "refused",
        "good1": "",
        "bad2": "refused",
        "good2": "",
    }


def test_a_process_that_dies_is_replaced() -> None:
    done = run("dies1", "good1", "dies2", "good2", jobs=1)
    assert "died" in done["dies1"].error and "died" in done["dies2"].error
    assert done["good1"].error == done["good2"].error == ""


def test_one_that_takes_too_long_is_ended_and_replaced() -> None:
    done = run("slow1", "good1", "good2", jobs=1, seconds=2.0)
    assert done["slow1"].error == "took longer than 2 s" and done["slow1"].seconds >= 2.0
    assert done["good1"].error == done["good2"].error == ""


def test_nothing_to_do_starts_nothing() -> None:
    assert run() == {}
