"""Ready playbooks by trade: each file is what differs from the default document. Pure."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arriwa.common.errors import ArriwaError
from subscribers.playbook.complete import complete
from subscribers.playbook.load import default_document

_HERE = Path(__file__).parent
#: In the order shown.
KEYS = ("school", "clinic", "shop", "agency")


class NoSuchPreset(ArriwaError):
    """There is no preset of this name. Choose one of those offered."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A trade. `name` and `about` are texts per language (ru, en)."""

    key: str
    name: dict[str, str]
    about: dict[str, str]


def presets() -> list[Preset]:
    """All presets, in the order shown."""
    return [Preset(key, _file(key)["name"], _file(key)["about"]) for key in KEYS]


def preset_document(key: str) -> dict[str, Any]:
    """A fresh, complete document of a trade, in Russian and English. Raises NoSuchPreset."""
    if key not in KEYS:
        raise NoSuchPreset()
    document, overlay = default_document(), _file(key)["document"]
    texts = {**document["texts"], **overlay.get("texts", {})}
    crm_fields = overlay.get("crm_fields", {})
    merged = {**document, **overlay, "texts": texts, "crm_fields": crm_fields, "audiences": {}}
    return complete(json.loads(json.dumps(merged)))


@functools.cache
def _file(key: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((_HERE / f"{key}.json").read_text(encoding="utf-8"))
    return data
