"""The table is total, has no default branch, and is what the documentation shows."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import get_args

import pytest

from subscribers.conversation import machine
from subscribers.conversation.types import Signal, State

SIGNALS = get_args(Signal)
DOC = Path(__file__).parents[2] / "docs" / "conversation.md"


def test_every_pair_of_state_and_signal_is_a_row():
    assert set(machine.TABLE) == {(state, signal) for state in State for signal in SIGNALS}
    assert len(machine.TABLE) == len(State) * len(SIGNALS)


def test_the_table_is_written_out_and_looked_up_without_a_default():
    tree = ast.parse(inspect.getsource(machine))
    table = next(
        node.value for node in tree.body if isinstance(node, ast.AnnAssign) and node.target.id == "TABLE"
    )
    assert isinstance(table, ast.Dict)
    assert len(table.keys) == len(machine.TABLE), "a pair is written twice"
    decide = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "decide")
    assert not [
        node for node in ast.walk(decide) if isinstance(node, ast.If | ast.IfExp | ast.Match | ast.Try)
    ]
    assert "TABLE.get" not in inspect.getsource(machine)


@pytest.mark.parametrize("pair", sorted(machine.TABLE, key=lambda pair: (pair[0], pair[1].__name__)))
def test_each_row_says_what_follows_in_a_sentence(pair):
    summary = (machine.TABLE[pair].__doc__ or "").splitlines()[0]
    assert len(summary) > 20
    assert summary.endswith(".")


def test_the_description_names_every_pair_and_the_page_holds_it():
    described = machine.describe()
    for state in State:
        section = described.split(f"## {state.name}\n")[1].split("## ")[0]
        for signal in SIGNALS:
            assert f"| {signal.__name__} |" in section
    assert described.strip() in DOC.read_text(encoding="utf-8")
