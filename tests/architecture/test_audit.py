"""Every action that is written down is told in a sentence, in every language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from arriwa.pages.settings.sentences import SENTENCES, SUBJECTS, sentence_of
from tenants.workspaces.models import AuditEntry

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("arriwa", "tenants", "subscribers", "integrations")
ACTION = re.compile(r"[a-z_]+\.[a-z_]+")


def actions() -> Iterator[tuple[str, str]]:
    """(action, file) of every literal given as `action=`, both branches of a condition too."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.keyword) or node.arg != "action":
                    continue
                for part in ast.walk(node.value):
                    if isinstance(part, ast.Constant) and ACTION.fullmatch(str(part.value)):
                        yield str(part.value), str(path.relative_to(ROOT))


FOUND = sorted(set(actions()))


def test_there_are_actions() -> None:
    assert len(FOUND) > 20


@pytest.mark.parametrize(("action", "where"), FOUND, ids=[action for action, _ in FOUND])
def test_every_action_has_a_sentence_and_a_filter(action: str, where: str) -> None:
    assert action in SENTENCES, f"{where}: give {action} a sentence in arriwa/pages/settings/sentences.py"
    assert action.partition(".")[0] in SUBJECTS


@pytest.mark.parametrize("action", [*SENTENCES, "something.else"])
def test_a_sentence_needs_no_more_than_the_entry_has(action: str) -> None:
    told = sentence_of(AuditEntry(action=action, actor_name="Olga", subject="Ben", via="page"))
    assert "%" not in told
    assert told.endswith((".", "–", "Ben"))
