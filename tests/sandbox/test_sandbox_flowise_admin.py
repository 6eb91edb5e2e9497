"""The fake Flowise's management: keys, credentials, agentflows, and what running a stored one takes."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from sandbox_client import ACCOUNTS, Client

ADMIN = "flowise-sandbox-admin-key"
TENANT = ACCOUNTS["demo"]["flowise"]["key"]
STATE = [{"key": "asked", "value": "Ниша?"}, {"key": "options", "value": '["Школа","Магазин"]'}]


def call(sandbox: Client, method: str, path: str, body: Any = None, key: str = ADMIN) -> requests.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return requests.request(
        method, f"{sandbox.url}/flowise/api/v1/{path}", json=body, headers=headers, timeout=30
    )


def node(name: str, label: str, accepts: bool = True, **inputs: Any) -> dict[str, Any]:
    params = [{"name": "llmMessages", "type": "array", "acceptVariable": accepts}]
    return {
        "id": f"{name}_0",
        "type": "agentFlow",
        "data": {"id": f"{name}_0", "name": name, "label": label, "inputs": inputs, "inputParams": params},
    }


def graph(label: str = "Start", accepts: bool = True, **config: Any) -> str:
    start = node(
        "startAgentflow", label, startInputType="chatInput", startState=[{"key": "asked", "value": ""}]
    )
    messages = [{"role": "system", "content": "Q={{ $flow.state.asked }}"}]
    llm = node(
        "llmAgentflow",
        "Classify",
        accepts,
        llmMessages=messages,
        llmModelConfig={"modelName": "m", **config},
        llmStructuredOutput=[{"key": "verdict", "type": "enum"}],
    )
    return json.dumps({"nodes": [start, llm], "edges": []})


OVERRIDE = json.dumps(
    {"overrideConfig": {"status": True, "nodes": {"Start": [{"name": "startState", "enabled": True}]}}}
)


def flow(sandbox: Client, **changes: Any) -> dict[str, Any]:
    body = {"name": "x", "type": "AGENTFLOW", "flowData": graph(), "apiConfig": OVERRIDE, **changes}
    answer = call(sandbox, "POST", "chatflows", body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def predict(sandbox: Client, flow_id: str, key: str = "", state: Any = STATE) -> requests.Response:
    body = {"question": "школа", "overrideConfig": {"sessionId": "s", "startState": state}}
    return call(sandbox, "POST", f"prediction/{flow_id}", body, key)


def test_management_needs_a_key_with_the_permission(sandbox: Client) -> None:
    for path in ("apikey", "credentials"):
        assert call(sandbox, "GET", path, key="").status_code == 401
        refused = call(sandbox, "GET", path, key=TENANT)
        assert (refused.status_code, refused.json()) == (403, {"message": "Forbidden"})
        assert call(sandbox, "GET", path).status_code == 200
    assert call(sandbox, "DELETE", f"chatflows/{flow(sandbox)['id']}", key=TENANT).status_code == 403


def test_a_new_key_comes_in_the_whole_list_and_hands_out_no_more_than_it_may(sandbox: Client) -> None:
    keys = call(sandbox, "POST", "apikey", {"keyName": "a", "permissions": ["apikeys:create"]}).json()
    made = next(one for one in keys if one["keyName"] == "a")
    assert len(keys) > 1 and made["apiKey"]
    more = {"keyName": "b", "permissions": ["credentials:view"]}
    assert call(sandbox, "POST", "apikey", more, made["apiKey"]).status_code == 400
    assert call(sandbox, "POST", "apikey", {"keyName": "c", "permissions": []}).status_code == 400
    assert (
        call(sandbox, "POST", "apikey", {"keyName": "d", "permissions": ["workspace:view"]}).status_code
        == 400
    )


def test_a_credentials_secret_is_never_told(sandbox: Client) -> None:
    body = {"name": "llm", "credentialName": "openAIApi", "plainDataObj": {"openAIApiKey": "sk-very-secret"}}
    made = call(sandbox, "POST", "credentials", body)
    changed = call(sandbox, "PUT", f"credentials/{made.json()['id']}", body)
    listed = call(sandbox, "GET", "credentials?credentialName=openAIApi")
    assert "sk-very-secret" not in made.text + changed.text + listed.text + sandbox.get("/_state").text
    assert call(sandbox, "GET", "credentials?credentialName=other").json() == []


def test_a_flow_runs_for_its_own_key_only_and_for_all_without_one(sandbox: Client) -> None:
    keys = call(sandbox, "POST", "apikey", {"keyName": "k", "permissions": ["executions:view"]}).json()
    key = next(one for one in keys if one["keyName"] == "k")
    bound = flow(sandbox, apikeyid=key["id"])["id"]
    assert predict(sandbox, bound, key["apiKey"]).status_code == 200
    for wrong in ("", TENANT, ADMIN):
        refused = predict(sandbox, bound, wrong)
        assert refused.status_code == 500 and refused.json()["message"].endswith(
            "buildChatflow - Unauthorized"
        )
    assert predict(sandbox, flow(sandbox)["id"]).status_code == 200


def test_context_arrives_where_the_flow_lets_it(sandbox: Client) -> None:
    def asked(**changes: Any) -> tuple[str, str]:
        answer = predict(sandbox, flow(sandbox, **changes)["id"]).json()
        start, llm = answer["agentFlowExecutedData"]
        return start["data"]["state"].get("asked", ""), llm["data"]["input"]["messages"][0]["content"]

    assert asked() == ("Ниша?", "Q=Ниша?")
    assert asked(apiConfig="{}") == ("", "Q="), "not enabled: left out without a word"
    assert asked(flowData=graph(label="Begin")) == ("", "Q="), "the override goes by the node's label"
    assert asked(flowData=graph(accepts=False))[1] == "Q={{ $flow.state.asked }}"


def test_what_cannot_run_is_a_500_in_flowises_words(sandbox: Client) -> None:
    empty = predict(sandbox, flow(sandbox, flowData='{"nodes":[]}')["id"])
    assert empty.status_code == 500 and "Start input type not found" in empty.text
    lost = predict(sandbox, flow(sandbox, flowData=graph(FLOWISE_CREDENTIAL_ID="gone"))["id"])
    assert lost.status_code == 500 and "Missing credentials" in lost.text
    shape = predict(sandbox, flow(sandbox)["id"], state={"asked": "x"})
    assert shape.status_code == 500 and "flowStateArray is not iterable" in shape.text


@pytest.mark.parametrize(("change", "status"), [({"type": "FLOW"}, 400), ({"flowData": "{"}, 500)])
def test_a_broken_flow_is_refused(sandbox: Client, change: dict[str, Any], status: int) -> None:
    body = {"name": "x", "type": "AGENTFLOW", "flowData": "{}", **change}
    assert call(sandbox, "POST", "chatflows", body).status_code == status


def test_flows_are_listed_changed_and_deleted(sandbox: Client) -> None:
    made = [flow(sandbox, name=f"f{n}", category="c") for n in range(3)]
    page = call(sandbox, "GET", "chatflows?type=AGENTFLOW&page=2&limit=2").json()
    assert page["total"] == len(call(sandbox, "GET", "chatflows").json()) and len(page["data"]) == 2
    call(sandbox, "PUT", f"chatflows/{made[0]['id']}", {"name": "new", "id": "other"})
    shown = call(sandbox, "GET", f"chatflows/{made[0]['id']}").json()
    assert (shown["name"], shown["category"], shown["id"]) == ("new", "c", made[0]["id"])
    call(sandbox, "DELETE", f"chatflows/{made[0]['id']}")
    assert call(sandbox, "GET", f"chatflows/{made[0]['id']}").status_code == 404
    assert call(sandbox, "GET", "chatflows/x").status_code == 400
