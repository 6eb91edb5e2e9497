"""Public functions and classes of the product say what they give (CONTRIBUTING.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("arriwa", "tenants", "subscribers", "analytics", "integrations")
#: Django's inner classes explain themselves by their values.
INNER = {"Meta", "State", "Kind", "Direction"}


def silent(node: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[str]:
    """Names of public definitions without a docstring."""
    for item in node.body:
        if not isinstance(item, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if item.name.startswith("_") or (prefix and item.name in INNER):
            continue
        if not ast.get_docstring(item):
            yield prefix + item.name
        if isinstance(item, ast.ClassDef):
            yield from silent(item, f"{item.name}.")


def test_every_public_definition_has_a_docstring() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if "migrations" not in path.parts
        for name in silent(ast.parse(path.read_text()))
    ]
    assert not found, "\n".join(found)


def test_a_missing_docstring_is_seen() -> None:
    code = "class A:\n    def b(self): ...\n    def _c(self): ...\nasync def d():\n    'told'\n"
    assert list(silent(ast.parse(code))) == ["A", "A.b"]
