"""Rules of the house that a reader would otherwise have to remember (design 1 and 2)."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import analytics
import arriwa
import integrations
import subscribers
import tenants
from arriwa.common.errors import ArriwaError, Disposition
from arriwa.outbox.models import Queue
from arriwa.outbox.registry import CONNECTION_CAPS, effect_for, effect_kinds

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (arriwa, tenants, subscribers, analytics, integrations)
#: Processes and measurements, which know no domain time and register nothing.
APART = ("arriwa.ops", "arriwa.bench", "arriwa.wsgi", "arriwa.rsgi", "arriwa.settings", "arriwa.celery")
FILES = [
    path
    for package in PACKAGES
    for path in sorted((ROOT / package.__name__).rglob("*.py"))
    if not {"migrations", "bench", "ops"} & set(path.parts)
]
_CLOCK = re.compile(
    r"\b(?:now|clock_timestamp|transaction_timestamp|statement_timestamp)\s*\(\s*\)"
    r"|\bcurrent_(?:timestamp|date|time)\b|\blocaltimestamp\b",
    re.IGNORECASE,
)


def texts(tree: ast.AST) -> Iterator[str]:
    """String literals that are no docstrings."""
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


def test_the_database_is_never_asked_for_the_time() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {text[:60]}"
        for path in FILES
        for text in texts(ast.parse(path.read_text()))
        if _CLOCK.search(text)
    ]
    assert found == []


def names_called(tree: ast.AST) -> set[str]:
    """Names of what is called or used as a decorator, by their last part."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = {node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "") for node in calls}
    return found


def test_signals_are_made_in_one_place_and_received_by_platforms_alone() -> None:
    makers, receivers, builtin = set(), set(), set()
    for path in FILES:
        tree, name = ast.parse(path.read_text()), str(path.relative_to(ROOT))
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        imported = {f"{node.module}.{alias.name}" for node in imports if node.module for alias in node.names}
        if "django.dispatch.Signal" in imported:
            makers.add(name)
        if "django.dispatch.receiver" in imported:
            receivers.add(name)
        if any("db.models.signals" in item or "core.signals" in item for item in imported):
            builtin.add(name)
    assert makers == {"subscribers/signals.py"}
    assert receivers
    assert [n for n in receivers if not re.fullmatch(r"integrations/\w+/receivers\.py", n)] == []
    assert builtin == set()


def test_receivers_call_no_platform() -> None:
    """They enqueue; clients are used by effects, connecting and syncs."""
    for path in sorted((ROOT / "integrations").glob("*/receivers.py")):
        tree = ast.parse(path.read_text())
        modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not [m for m in modules if m.endswith((".client", "_client", "common.http"))], path


@pytest.mark.parametrize("kind", [k for k in effect_kinds() if not k.startswith("test.")])
def test_every_kind_of_task_has_a_queue_and_a_platform(kind: str) -> None:
    effect = effect_for(kind)
    assert effect.queue in Queue.values
    assert effect.batch >= 1
    own = type(effect).__module__.startswith("subscribers.")
    assert own or (ROOT / "integrations" / kind.partition(".")[0] / "effects.py").exists()


def test_every_queue_has_a_cap() -> None:
    assert set(CONNECTION_CAPS) == set(Queue.values)


def errors() -> list[type[ArriwaError]]:
    """Every error of ours, after every module of ours was loaded."""
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.startswith(APART) and ".migrations" not in module.name:
                importlib.import_module(module.name)
    found, todo = list[type[ArriwaError]](), [ArriwaError]
    while todo:
        error = todo.pop()
        found.append(error)
        todo += error.__subclasses__()
    return [e for e in found if e.__module__.partition(".")[0] in {p.__name__ for p in PACKAGES}]


def test_every_error_says_what_is_and_what_to_do() -> None:
    """The docstring is the default message (design 2, "Errors")."""
    found = errors()
    assert len(found) > 15
    silent = [e.__qualname__ for e in found if not (vars(e).get("__doc__") or "").strip().endswith(".")]
    assert silent == []
    assert [e.__qualname__ for e in found if e.disposition not in Disposition] == []
    assert len({e.__name__ for e in found}) == len(found), "one name, one error: it is the code"


def test_imports_point_one_way() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout[-3000:]
