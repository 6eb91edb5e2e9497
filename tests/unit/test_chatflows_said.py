"""What comes from below in English is known to the catalogs, so that no page says it half in Russian."""

from __future__ import annotations

import ast
import inspect

import pytest

from arriwa.common.errors import ArriwaError
from arriwa.pages.chatflows import said
from arriwa.pages.chatflows.labels import TEXT_LABELS
from subscribers import customers
from subscribers.playbook import checks, diff, presets
from subscribers.services import customers as imports
from subscribers.services import playbook, trial


def messages_of(module: object) -> list[str]:
    """Every message that a rule gives, with "1" for what it names."""
    found = []
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        is_problem = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_problem"
        if not is_problem:
            continue
        message = node.args[1]
        if isinstance(message, ast.Constant):
            found.append(message.value)
        else:
            parts = [part.value if isinstance(part, ast.Constant) else "1" for part in message.values]
            found.append("".join(parts))
    return found


def test_every_problem_of_the_checks_is_known_to_the_catalogs():
    messages = messages_of(checks)
    assert len(messages) > 20
    assert not [text for text in messages if not any(p.fullmatch(text) for p, _ in said._PATTERNS)]


def test_what_a_problem_names_stays_in_it():
    assert said.problem_said("has no text in language ru; add it") == "has no text in language ru; add it"
    assert said.problem_said("something new") == "something new"


def test_every_name_of_a_place_is_known_to_the_catalogs():
    names = {*diff._NAMES.values(), *diff._LANGUAGES.values()}
    assert names <= set(said.PLACES)


@pytest.mark.parametrize("module", [playbook, trial, imports, customers, presets])
def test_every_refusal_of_the_services_is_known_to_the_catalogs(module):
    own = [
        cls
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, ArriwaError) and cls.__module__ == module.__name__
    ]
    assert own
    assert not [cls for cls in own if (cls.__doc__ or "").splitlines()[0] not in said.ERRORS]


def test_every_text_of_the_playbook_has_a_label():
    assert set(TEXT_LABELS) == set(checks.TEXT_LIMITS)
