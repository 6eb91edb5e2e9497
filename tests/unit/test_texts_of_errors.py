"""Standing error texts that are marked for translation are those that the adapters really say."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations.flowise.services import ERRORS
from integrations.kommo.connect import TEXTS as KOMMO
from integrations.stripe.connect import TEXTS as STRIPE

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [ROOT / "arriwa" / "common" / "http.py"]
for _name in ("kommo", "stripe", "flowise"):
    SOURCES += (ROOT / "integrations" / _name).glob("*.py")


def said(tree: ast.AST) -> Iterator[str]:
    """Texts outside of marks, and the first lines of docstrings, which are errors' default messages."""
    marked = {
        id(arg)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "gettext_noop"
        for arg in node.args
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in marked:
            yield node.value.strip().splitlines()[0] if node.value.strip() else ""


FOUND = {text for path in SOURCES for text in said(ast.parse(path.read_text()))}


@pytest.mark.parametrize("text", [*KOMMO, *STRIPE, *ERRORS])
def test_a_marked_text_is_said_somewhere(text: str) -> None:
    assert text in FOUND
