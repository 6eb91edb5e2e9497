"""Pages name nothing that is not there: links, paths, commands; and every page can be found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)#\s]+)\)")
#: A path of ours in backticks, perhaps with words after a command.
_PATH = re.compile(
    r"`((?:arriwa|tenants|subscribers|analytics|integrations|sandbox|tests|docs|bin|templates|\.ci)/[\w./*-]*)"
)
#: Named as still to come.
TO_COME = {"dashboard/"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    links = [link for link in _LINK.findall(page.read_text()) if "://" not in link]
    broken = [link for link in links if not (page.parent / link).exists()]
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_that_are_named_exist(page: Path) -> None:
    named = set(_PATH.findall(page.read_text())) - TO_COME
    absent = [path for path in sorted(named) if not any(ROOT.glob(path.rstrip("/")))]
    assert not absent


def test_every_page_is_linked_from_the_index_or_its_own() -> None:
    reached: set[Path] = set()
    pending = [ROOT / "README.md", ROOT / "docs" / "index.md"]
    while pending:
        page = pending.pop()
        if page in reached:
            continue
        reached.add(page)
        for link in _LINK.findall(page.read_text()):
            if "://" not in link and link.endswith(".md"):
                pending.append((page.parent / link).resolve())
    lost = [page for page in (ROOT / "docs").rglob("*.md") if page not in reached]
    assert not lost
