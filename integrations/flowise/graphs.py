"""Arriwa's agentflows: a template with the owner's prompts and model becomes Flowise's flowData. Pure.

The graphs are in `templates/*.json`, built for Agentflow V2 of Flowise 3.1 (docs.flowiseai.com, agentflowv2):
`{{ … }}` is expanded only in inputs whose entry in `inputParams` says acceptVariable.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from integrations.base.errors import IntegrationError

FOLDER = Path(__file__).parent / "templates"
PROMPT_MAX = 8000
_MODEL = re.compile(r"[\w.:/@-]{1,80}")
_OPENING = re.compile(r"\{(?=\{)")

#: Lets each call bring its context along: overrides are keyed by the LABEL of the node.
API_CONFIG = {
    "overrideConfig": {
        "status": True,
        "nodes": {"Start": [{"name": "startState", "label": "Flow State", "type": "array", "enabled": True}]},
        "variables": [],
    }
}


class PromptInvalid(IntegrationError):
    """A prompt or model of an agentflow is not valid: correct the field that is named."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text that an owner may edit. `fixed` follows it in the flow: our own context, never shown."""

    key: str
    node: str
    label: str
    text: str
    fixed: str


@dataclass(frozen=True, slots=True)
class Template:
    """One of Arriwa's agentflows."""

    key: str
    title: str
    about: str
    prompts: tuple[Prompt, ...]
    #: Flowise's graph without prompts, model and credential.
    flow: Mapping[str, Any]

    def texts(self) -> dict[str, str]:
        """The default texts by prompt key."""
        return {prompt.key: prompt.text for prompt in self.prompts}


@lru_cache(maxsize=1)
def templates() -> Mapping[str, Template]:
    """All templates by key."""
    return {path.stem: _load(path) for path in sorted(FOLDER.glob("*.json"))}


def template_of(key: str) -> Template:
    """The template with this key. Raises PromptInvalid naming those that there are."""
    found = templates().get(key)
    if found is None:
        names = ", ".join(templates())
        raise PromptInvalid(f"There is no such template: choose one of {names}.", field="template")
    return found


def prompts_checked(template: Template, prompts: Mapping[str, str]) -> dict[str, str]:
    """Every prompt's text: the given one, else the default. Raises PromptInvalid naming the field."""
    unknown = sorted(set(prompts) - {prompt.key for prompt in template.prompts})
    if unknown:
        raise PromptInvalid(f"The agentflow has no prompt {', '.join(unknown)}.", field="prompts")
    texts = {**template.texts(), **{key: str(text).strip() for key, text in prompts.items()}}
    for key, text in texts.items():
        if not text:
            raise PromptInvalid("A prompt must not be empty.", field=key)
        if len(text) > PROMPT_MAX:
            raise PromptInvalid(f"A prompt has at most {PROMPT_MAX} characters, not {len(text)}.", field=key)
    return texts


def model_checked(model: str) -> str:
    """The model's name. Raises PromptInvalid when it is none."""
    name = model.strip()
    if not _MODEL.fullmatch(name):
        raise PromptInvalid("This is no name of a model, such as gpt-4.1-mini.", field="model")
    return name


def flow_data(
    template: Template, prompts: Mapping[str, str], model: str, credential: str = "", llm_url: str = ""
) -> dict[str, Any]:
    """Flowise's flowData as an object; saved as a JSON string.

    `credential`: id of a credential at that Flowise, "" for none; `llm_url`: base of an OpenAI-compatible
    server, "" for OpenAI's own. An owner's text is text: its `{{` is broken up, so that it reaches no
    variable of the server. Raises PromptInvalid.
    """
    texts, name = prompts_checked(template, prompts), model_checked(model)
    flow = copy.deepcopy(dict(template.flow))
    nodes = {node["id"]: node["data"]["inputs"] for node in flow["nodes"]}
    for prompt in template.prompts:
        owners = _OPENING.sub("{ ", texts[prompt.key])
        inputs = nodes[prompt.node]
        inputs["llmMessages"] = [{"role": "system", "content": f"{owners}\n\n{prompt.fixed}".strip()}]
        config = inputs["llmModelConfig"]
        config["modelName"] = name
        if credential:
            config["FLOWISE_CREDENTIAL_ID"] = credential
        if llm_url:
            config["basepath"] = llm_url
    return flow


def _load(path: Path) -> Template:
    document = json.loads(path.read_text(encoding="utf-8"))
    return Template(
        key=path.stem,
        title=document["title"],
        about=document["about"],
        prompts=tuple(
            Prompt(key, item["node"], item["label"], item["text"], item["fixed"])
            for key, item in document["prompts"].items()
        ),
        flow=document["flow"],
    )
