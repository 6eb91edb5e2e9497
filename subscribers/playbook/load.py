"""Playbook documents in and out: the published schema, the checks of meaning, the typed form. Pure."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

from arriwa.common.errors import ArriwaError
from subscribers.playbook import checks
from subscribers.playbook.document import AnswerOption, Playbook, Product, Question, TemplateRef

_HERE = Path(__file__).parent


class PlaybookInvalid(ArriwaError):
    """The playbook cannot be used as it is. Correct the places that `problems` names and save it again."""

    def __init__(self, problems: list[dict[str, str]]) -> None:
        #: {"path": JSON Pointer into the document, "" for the whole, "message": what is wrong}
        self.problems = problems
        first = problems[0]
        super().__init__(
            f"The playbook has {len(problems)} problem(s), the first at {first['path'] or '/'}: "
            f"{first['message']}. Correct them and save it again.",
            problems=problems,
        )


@functools.cache
def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a playbook's document, as published in `schema.json`; do not change it."""
    data: dict[str, Any] = json.loads((_HERE / "schema.json").read_text(encoding="utf-8"))
    return data


def default_document() -> dict[str, Any]:
    """A fresh copy of the default playbook's document; `catalog_id` is for the workspace to fill."""
    data: dict[str, Any] = json.loads((_HERE / "default.json").read_text(encoding="utf-8"))
    return data


def parse(document: dict[str, Any]) -> Playbook:
    """The typed playbook of a document.

    Raises PlaybookInvalid, which names every problem of shape; when the shape is right, every
    problem of meaning: doubled keys, WhatsApp's limits, missing languages, audiences, events.
    """
    found = document_problems(document)
    if found:
        raise PlaybookInvalid(found)
    return _build(document)


def document_problems(document: dict[str, Any]) -> list[dict[str, str]]:
    """Every {"path", "message"} that keeps the document from being used; [] when it is good.

    Problems of meaning are looked for only when the shape is right.
    """
    return _shape_problems(_validator(), document) or list(checks.problems(document))


def shape_check(document: Any) -> None:
    """Whether a form can show the document, good or not. Raises PlaybookInvalid."""
    found = _shape_problems(_shape_validator(), document) or _unstorable(document)
    if found:
        raise PlaybookInvalid(found)


def fingerprint(document: dict[str, Any]) -> str:
    """Names a document's content: 32 hexadecimal digits, the same for the same content."""
    canonical = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def document_text(document: dict[str, Any]) -> str:
    """The document as a file: JSON with the keys in the schema's order, whatever order it was stored in."""
    return json.dumps(document_ordered(document), ensure_ascii=False, indent=2) + "\n"


def document_ordered(document: dict[str, Any]) -> dict[str, Any]:
    """The same document with its keys in the schema's order."""
    made: dict[str, Any] = _ordered(document, schema())
    return made


def as_document(playbook: Playbook) -> dict[str, Any]:
    """The inverse of `parse`: plain JSON, with every default written out."""
    document: dict[str, Any] = _plain(playbook)
    return document


@functools.cache
def _validator() -> Validator:
    return Draft202012Validator(schema())


@functools.cache
def _shape_validator() -> Validator:
    return Draft202012Validator(_without_limits(schema()))


#: Words of the schema that bound a value and do not shape it.
_LIMITS = {"minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "pattern", "uniqueItems"}


def _without_limits(node: Any, names: bool = False) -> Any:
    """The schema without its limits; `names`: the keys of `node` are a document's, not the schema's."""
    if isinstance(node, list):
        return [_without_limits(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_limits(value, names=key in ("properties", "patternProperties", "$defs") and not names)
        for key, value in node.items()
        if names or key not in _LIMITS
    }


def _shape_problems(validator: Validator, document: Any) -> list[dict[str, str]]:
    return [
        {"path": "".join(f"/{part}" for part in error.absolute_path), "message": error.message}
        for error in sorted(validator.iter_errors(document), key=lambda e: list(map(str, e.absolute_path)))
    ]


def _unstorable(document: Any) -> list[dict[str, str]]:
    """PostgreSQL's documents hold neither NUL nor half of a surrogate pair."""
    text = json.dumps(document, ensure_ascii=False)
    if "\\u0000" not in text and not any("\ud800" <= char <= "\udfff" for char in text):
        return []
    return [{"path": "", "message": "holds characters that cannot be stored; remove them"}]


def _ordered(value: Any, shape: dict[str, Any]) -> Any:
    if "$ref" in shape:
        shape = schema()["$defs"][shape["$ref"].rpartition("/")[2]]
    if isinstance(value, list):
        return [_ordered(item, shape.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    known: dict[str, Any] = shape.get("properties", {})
    others: dict[str, Any] = next(iter(shape.get("patternProperties", {}).values()), {})
    keys = [*(key for key in known if key in value), *(key for key in value if key not in known)]
    return {key: _ordered(value[key], known.get(key, others)) for key in keys}


def _build(document: dict[str, Any]) -> Playbook:
    values = dict(document)
    values["languages"] = tuple(document["languages"])
    values["questions"] = tuple(_question(question) for question in document["questions"])
    values["products"] = tuple(Product(**product) for product in document["products"])
    values["templates"] = {key: TemplateRef(**value) for key, value in document["templates"].items()}
    return Playbook(**values)


def _question(data: dict[str, Any]) -> Question:
    values = dict(data)
    values["reprompts"] = _tuples(data["reprompts"])
    values["options"] = tuple(_option(option) for option in data.get("options", []))
    return Question(**values)


def _option(data: dict[str, Any]) -> AnswerOption:
    return AnswerOption(**{**data, "words": _tuples(data.get("words", {}))})


def _tuples(lists: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {key: tuple(values) for key, values in lists.items()}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value
