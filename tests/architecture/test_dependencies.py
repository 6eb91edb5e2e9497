"""docs/dependencies.md lists every direct dependency with the licence that the package states."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_ROW = re.compile(r"^\| `([a-z0-9-]+)` \| (.+?) \| (.+?) \|$", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def wanted() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    return {found[0].lower() for line in lines if (found := _NAME.match(line))}


def listed() -> dict[str, str]:
    rows = _ROW.findall((ROOT / "docs" / "dependencies.md").read_text())
    return {name: licence for name, licence, _ in rows}


def test_every_direct_dependency_is_listed_and_no_other() -> None:
    assert set(listed()) == wanted()


def test_a_listed_licence_is_the_one_that_the_package_states() -> None:
    for name, licence in listed().items():
        stated = metadata(name).get("License-Expression")
        if stated is not None:
            assert licence == stated, f"{name} states {stated}"


def test_the_lock_holds_every_direct_dependency() -> None:
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert not wanted() - locked
