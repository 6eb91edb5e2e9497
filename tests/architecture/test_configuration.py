"""docs/configuration.md names every environment variable that the code reads, and no other (design 6)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "configuration.md"
PACKAGES = ("arriwa", "tenants", "subscribers", "analytics", "integrations", "sandbox")
#: Whose value is a fact of the machine or of the interpreter, not a setting of Arriwa.
FOREIGN = {"DJANGO_SETTINGS_MODULE", "PYTHONHOME"}

_ROW = re.compile(r"^\| `([A-Z][A-Z0-9_]+)` \| (.+?) \|", re.MULTILINE)
_SHELL = re.compile(r"\$\{?(ARRIWA_[A-Z0-9_]+)")


def sources() -> Iterator[Path]:
    yield ROOT / "manage.py"
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


def reads(path: Path) -> Iterator[tuple[str, object]]:
    """(variable, constant default or None) of each read of the environment in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and node.args and _reader(node.func):
            default = node.args[1] if len(node.args) > 1 else None
            yield from _named(node.args[0], default)
        elif isinstance(node, ast.Subscript) and _is_environ(node.value) and isinstance(node.ctx, ast.Load):
            yield from _named(node.slice, None)
        elif isinstance(node, ast.Compare) and any(_is_environ(one) for one in node.comparators):
            yield from _named(node.left, None)


def _reader(function: ast.expr) -> bool:
    if not isinstance(function, ast.Attribute):
        return False
    if isinstance(function.value, ast.Name) and function.value.id == "env":
        return True
    if function.attr == "getenv":
        return True
    return function.attr == "get" and _is_environ(function.value)


def _is_environ(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "environ"


def _named(name: ast.expr, default: ast.expr | None) -> Iterator[tuple[str, object]]:
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        yield name.value, default.value if isinstance(default, ast.Constant) else None


def read_by_code() -> dict[str, object]:
    found: dict[str, object] = {}
    for path in sources():
        for name, default in reads(path):
            if name not in FOREIGN:
                found[name] = found.get(name) if default is None else default
    for script in (ROOT / "bin").iterdir():
        found |= {name: found.get(name) for name in _SHELL.findall(script.read_text())}
    return found


def told_by_page() -> dict[str, str]:
    return dict(_ROW.findall(PAGE.read_text()))


def test_the_page_names_every_variable_that_is_read() -> None:
    missing = sorted(set(read_by_code()) - set(told_by_page()))
    assert not missing, f"docs/configuration.md lacks {missing}"


def test_the_page_names_no_variable_that_nobody_reads() -> None:
    unread = sorted(set(told_by_page()) - set(read_by_code()))
    assert not unread, f"docs/configuration.md names {unread}, which no code reads"


def test_the_page_tells_the_defaults_of_the_code() -> None:
    told = told_by_page()
    for name, default in read_by_code().items():
        if default not in (None, "") and not isinstance(default, bool):
            assert told[name] == f"`{default}`", f"the default of {name} is {default}"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('env.text("A_B", "x")', [("A_B", "x")]),
        ('os.environ.get("A_B")', [("A_B", None)]),
        ('os.environ["A_B"]', [("A_B", None)]),
        ('"A_B" in os.environ', [("A_B", None)]),
        ('os.environ["A_B"] = "x"', []),
        ('os.environ.setdefault("A_B", "x")', []),
    ],
)
def test_reads_are_told_from_writes(tmp_path: Path, source: str, expected: list[tuple[str, object]]) -> None:
    file = tmp_path / "code.py"
    file.write_text(source)
    assert list(reads(file)) == expected
