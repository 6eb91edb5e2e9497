"""What is submitted for review: the playbook's templates with their first bodies. Pure (reference 1.4)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from subscribers.playbook.document import Playbook

BODIES = Path(__file__).parent / "template_bodies.json"


@dataclass(frozen=True, slots=True)
class TemplateDraft:
    """A template to be submitted. `example`: values of its places, in order."""

    purpose: str
    name: str
    language: str
    category: str
    body: str
    example: tuple[str, ...]


def drafts(playbook: Playbook) -> list[TemplateDraft]:
    """One per template name and language of the playbook; those without a known body are left out."""
    found: dict[tuple[str, str], TemplateDraft] = {}
    for draft in _drafts(playbook):
        found.setdefault((draft.name, draft.language), draft)
    return list(found.values())


def _drafts(playbook: Playbook) -> Iterator[TemplateDraft]:
    for purpose, reference in playbook.templates.items():
        texts = _bodies().get(purpose.partition(":")[0])
        for language, name in reference.names.items():
            text = texts.get(language) if texts else None
            if texts and text:
                code = reference.languages[language]
                example = tuple(text["example"])
                yield TemplateDraft(purpose, name, code, texts["category"], text["body"], example)


def form(draft: TemplateDraft) -> dict[str, str]:
    """The submission's form fields."""
    example = draft.body
    for place, value in enumerate(draft.example, 1):
        example = example.replace(f"{{{{{place}}}}}", value)
    return {
        "elementName": draft.name,
        "languageCode": draft.language,
        "category": draft.category,
        "vertical": draft.purpose[:180],
        "templateType": "TEXT",
        "content": draft.body,
        "example": example,
        "enableSample": "true",
        "allowTemplateCategoryChange": "true",
    }


@lru_cache(maxsize=1)
def _bodies() -> dict[str, Any]:
    bodies: dict[str, Any] = json.loads(BODIES.read_text(encoding="utf-8"))
    return bodies
