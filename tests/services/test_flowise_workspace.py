"""Flowise over HTTP: a workspace's key, credential and agentflows, apart from all others (S1, T1)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from django.db import connection as db
from django_tenants.utils import schema_context

from arriwa.common.errors import ArriwaError
from arriwa.common.http import ForbiddenAddress
from integrations.base.checks import connection_check
from integrations.base.deliveries import connections_forget
from integrations.base.errors import ConfigurationError, CredentialRefused, OutcomeUnknown, Unsupported
from integrations.base.withdrawal import connection_withdraw
from integrations.flowise.connect import flowise_workspace_ensure
from integrations.flowise.graphs import PromptInvalid, template_of
from integrations.flowise.payloads import options_json, start_state
from integrations.flowise.servers import SharedFlowiseClosed, flowise_client, flowise_settings
from integrations.flowise.services import (
    agentflow_adopt,
    agentflow_install,
    agentflow_list,
    agentflow_remove,
    agentflow_update,
    flowise_credentials,
)
from integrations.models import Agentflow, Connection, NumberRoute
from subscribers.models import Conversation, Judgement
from tenants.audit import Actor
from tenants.context import in_organization
from tests.support.ledger import subscriber_of
from tests.support.sandbox import Phone, Sandbox

ACTOR = Actor.system()
OPTIONS = options_json([("school", "Школа"), ("shop", "Магазин")])
OWNER_KEY = "flowise-owner-key-0009"


@pytest.fixture
def inside(demo: Any, sandbox: Sandbox) -> Iterator[Any]:
    """The first organization's schema; what a test connected is gone at the end."""
    schema = demo.organization.schema_name
    with in_organization(schema):
        yield demo
    with in_organization(schema):
        made = Connection.objects.filter(platform="flowise").exclude(config__way=None)
        NumberRoute.objects.filter(agentflow__connection__in=made).delete()
        for connection in made:
            connection.deliveries.all().delete()
        made.delete()
    for what, rows in (("chatflows", "flows"), ("apikey", "keys"), ("credentials", "credentials")):
        for row in of(sandbox, rows, demo):
            operate(sandbox, "DELETE", f"{what}/{row['id']}")


def operate(sandbox: Sandbox, method: str, path: str, body: Any = None) -> Any:
    """The operator at his own Flowise."""
    headers = {"Authorization": "Bearer flowise-sandbox-admin-key"}
    return requests.request(
        method, f"{sandbox.url}/flowise/api/v1/{path}", json=body, headers=headers, timeout=30
    )


def shared(demo: Any) -> Connection:
    return flowise_workspace_ensure(workspace=demo.workspace, way="shared", actor=ACTOR)


def installed(connection: Connection, template: str = "classify", **more: Any) -> Agentflow:
    return agentflow_install(connection=connection, template=template, actor=ACTOR, **more)


def of(sandbox: Sandbox, what: str, demo: Any) -> list[dict[str, Any]]:
    """Rows at Flowise of the workspace."""
    name = f"arriwa-{demo.workspace.id}"
    return [row for row in sandbox.state("flowise")[what] if name in (row["name"], row.get("category"))]


def judged(connection: Connection, flow: Agentflow, text: str) -> Any:
    client = flowise_client(flowise_settings(connection).for_flow(flow.external_id))
    state = start_state(
        event_id="e", step="niche", asked="Ниша?", options=OPTIONS, language="ru", answers="{}"
    )
    return client.predict(text, f"probe:{flow.id}", state, 5, ["school", "shop"])


# --- the shared server --------------------------------------------------------------------------


def test_connecting_and_installing_twice_makes_one_of_each(inside: Any, sandbox: Sandbox) -> None:
    pair = [shared(inside) for _ in range(2)]
    flows = [installed(pair[0]) for _ in range(2)]
    assert pair[0].id == pair[1].id and flows[0].id == flows[1].id
    assert len(of(sandbox, "keys", inside)) == len(of(sandbox, "flows", inside)) == 1
    [row] = of(sandbox, "flows", inside)
    assert row["apikeyid"] == pair[0].config["key_id"] and row["isPublic"] is False
    assert pair[1].secrets().keys() == {"key"}, "no key of the server reaches the tenant"
    assert [flow.id for flow in agentflow_list(pair[0])] == [flows[0].external_id]


def test_an_installed_flow_judges_and_its_prompt_reaches_the_model(inside: Any, sandbox: Sandbox) -> None:
    connection = shared(inside)
    flow = installed(connection)
    found = judged(connection, flow, "у меня школа")
    assert (found.verdict, found.value) == ("valid", "school")
    agentflow_update(
        agentflow=flow, prompts={"classify": "Be strict. {{ $vars.secret }}"}, model="gpt-x", actor=ACTOR
    )
    judged(connection, flow, "магазин")
    answer = sandbox.received("flowise")[-1]["answer"]
    [start, llm] = answer["agentFlowExecutedData"]
    system = llm["data"]["input"]["messages"][0]["content"]
    assert system.startswith("Be strict. { { $vars.secret }}") and "ASKED=Ниша?" in system
    assert "{{" not in system, "every reference of ours is filled in, the owner's are none"
    assert llm["data"]["input"]["llmModelConfig"]["modelName"] == "gpt-x"
    assert start["data"]["state"]["event_id"] == "e"


def test_a_reply_flow_answers_in_words(inside: Any) -> None:
    connection = shared(inside)
    flow = installed(connection, "reply")
    client = flowise_client(flowise_settings(connection).for_flow(flow.external_id))
    draft = client.draft("Сколько стоит?", "probe:reply", start_state(event_id="e"), 5)
    assert "Сколько стоит?" in draft.text


def test_another_workspaces_key_cannot_run_the_flow(
    inside: Any, organizations: Any, sandbox: Sandbox
) -> None:
    mine = shared(inside)
    flow = installed(mine)
    other = organizations.other.connections["flowise"]
    with schema_context(organizations.other.organization.schema_name):
        theirs = flowise_settings(other)
    client = flowise_client(theirs.for_flow(flow.external_id))
    with pytest.raises(CredentialRefused):
        client.predict("школа", "probe:foreign", start_state(event_id="e"), 5)
    headers = {"Authorization": f"Bearer {mine.secrets()['key']}"}
    for method, path in (
        ("GET", "chatflows"),
        ("DELETE", f"chatflows/{flow.external_id}"),
        ("GET", "apikey"),
    ):
        url = f"{sandbox.url}/flowise/api/v1/{path}"
        answer = requests.request(method, url, headers=headers, timeout=30)
        assert answer.status_code == 403, "a predict key manages nothing"


def test_a_lost_answer_makes_nothing_twice(inside: Any, sandbox: Sandbox) -> None:
    lost = {"platform": "flowise", "path": "/apikey", "method": "POST", "drop_after_accept": True}
    with sandbox.faults(lost), pytest.raises(OutcomeUnknown):
        shared(inside)
    connection = shared(inside)
    assert len(of(sandbox, "keys", inside)) == 1
    with sandbox.faults({**lost, "path": "/chatflows"}), pytest.raises(OutcomeUnknown):
        installed(connection)
    installed(connection)
    assert len(of(sandbox, "flows", inside)) == 1 and connection.agentflows.count() == 1


def test_two_tabs_install_one_flow(inside: Any, sandbox: Sandbox) -> None:
    connection = shared(inside)
    schema, ids, gate = inside.organization.schema_name, list[Any](), threading.Barrier(3)

    def click() -> None:
        gate.wait()
        with in_organization(schema):
            ids.append(installed(connection).external_id)
        db.close()

    threads = [threading.Thread(target=click) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(ids) == 3 and len(set(ids)) == 1
    assert len(of(sandbox, "flows", inside)) == 1


def test_a_flow_that_was_changed_there_is_seen_and_made_good(inside: Any, sandbox: Sandbox) -> None:
    connection = shared(inside)
    flow = installed(connection)
    assert connection_check(connection, ACTOR).health == "ok"
    path = f"chatflows/{flow.external_id}"
    operate(sandbox, "PUT", path, {"flowData": json.dumps({"nodes": []})})
    result = connection_check(connection, ACTOR)
    assert result.health == "warning" and "changed" in result.text
    agentflow_update(agentflow=flow, actor=ACTOR)
    assert connection_check(connection, ACTOR).health == "ok"
    operate(sandbox, "DELETE", path)
    result = connection_check(connection, ACTOR)
    assert "gone" in result.text or "no such agentflow" in result.text
    before = flow.external_id
    assert installed(connection).external_id != before
    assert connection_check(connection, ACTOR).health == "ok"


def test_flows_of_others_are_neither_listed_nor_adopted(inside: Any, sandbox: Sandbox) -> None:
    connection = shared(inside)
    flow = installed(connection)
    assert [one.id for one in agentflow_list(connection)] == [flow.external_id]
    with pytest.raises(Unsupported):
        agentflow_adopt(
            connection=connection, external_id="5875e43a-0000-4000-8000-000000000002", actor=ACTOR
        )
    assert flowise_credentials(connection) == ()


def test_the_models_credential_is_one_per_workspace_and_renewed(
    inside: Any, sandbox: Sandbox, settings: Any
) -> None:
    settings.LLM_KEY, settings.LLM_URL = "sk-operator-1", "https://llm.example/v1"
    connection = shared(inside)
    settings.LLM_KEY = "sk-operator-2"
    assert shared(inside).config["credential_id"] == connection.config["credential_id"]
    assert len(of(sandbox, "credentials", inside)) == 1
    flow = installed(connection)
    config = json.loads(of(sandbox, "flows", inside)[0]["flowData"])["nodes"][1]["data"]["inputs"][
        "llmModelConfig"
    ]
    assert config["FLOWISE_CREDENTIAL_ID"] == connection.config["credential_id"]
    assert config["basepath"] == "https://llm.example/v1"
    assert judged(connection, flow, "школа").verdict == "valid"


def test_the_operators_refused_key_is_no_fault_of_the_tenant(inside: Any, settings: Any) -> None:
    connection = shared(inside)
    installed(connection)
    settings.FLOWISE_KEY = "wrong"
    with pytest.raises(SharedFlowiseClosed):
        installed(connection, "reply")
    connection_check(connection, ACTOR)
    connection.refresh_from_db()
    assert connection.state == Connection.State.ACTIVE


@pytest.mark.parametrize("way", ["managed", "enterprise", "cloud"])
def test_ways_that_are_to_come_say_so(inside: Any, way: str) -> None:
    with pytest.raises(Unsupported, match=way):
        flowise_workspace_ensure(workspace=inside.workspace, way=way, actor=ACTOR)


def test_without_a_shared_server_that_way_is_not_offered(inside: Any, settings: Any) -> None:
    settings.FLOWISE_KEY = ""
    with pytest.raises(Unsupported, match="own"):
        shared(inside)


@pytest.mark.parametrize(
    ("prompts", "model", "field"),
    [
        ({"classify": " "}, None, "classify"),
        ({"classify": "x" * 9000}, None, "classify"),
        ({"other": "x"}, None, "prompts"),
        ({}, "gpt 4", "model"),
        ({}, "", "model"),
    ],
)
def test_a_bad_prompt_or_model_is_named_and_nothing_changes(
    inside: Any, sandbox: Sandbox, prompts: dict[str, str], model: str | None, field: str
) -> None:
    flow = installed(shared(inside))
    before = of(sandbox, "flows", inside)
    with pytest.raises(PromptInvalid) as caught:
        agentflow_update(agentflow=flow, prompts=prompts, model=model, actor=ACTOR)
    assert caught.value.details["field"] == field
    assert of(sandbox, "flows", inside) == before
    assert Agentflow.objects.get(id=flow.id).prompts == template_of("classify").texts()


def test_removing_a_flow_removes_it_there_and_nothing_of_others(inside: Any, sandbox: Sandbox) -> None:
    connection = shared(inside)
    gone, kept = installed(connection), installed(connection, "reply")
    agentflow_remove(agentflow=gone, actor=ACTOR)
    assert [row["id"] for row in of(sandbox, "flows", inside)] == [kept.external_id]
    assert Connection.objects.get(id=connection.id).config.get("flow_id") is None


def test_a_connection_that_goes_takes_back_what_it_made_and_nothing_else(
    inside: Any, sandbox: Sandbox, settings: Any
) -> None:
    settings.LLM_KEY = "sk-operator-1"
    connection = shared(inside)
    flow = installed(connection)
    before = sandbox.state("flowise")
    foreign = {"name": "arriwa-other", "type": "AGENTFLOW", "flowData": "{}", "category": "arriwa-other"}
    kept = {operate(sandbox, "POST", "chatflows", foreign).json()["id"]}
    mine = {row["id"] for row in of(sandbox, "flows", inside)}
    for _ in range(2):
        assert connection_withdraw(connection)
    assert not [row for what in ("keys", "flows", "credentials") for row in of(sandbox, what, inside)]
    assert len(before["keys"]) - len(sandbox.state("flowise")["keys"]) == 1
    assert {row["id"] for row in before["flows"]} - mine | kept == {
        row["id"] for row in sandbox.state("flowise")["flows"]
    }
    operate(sandbox, "DELETE", f"chatflows/{kept.pop()}")
    again = shared(inside)
    made = installed(again)
    assert made.id == flow.id and judged(again, made, "школа").value == "school", (
        "connected anew, it runs again"
    )


def test_a_server_that_is_away_keeps_nobody_from_removing(inside: Any, sandbox: Sandbox) -> None:
    connection = shared(inside)
    with sandbox.faults({"platform": "flowise", "status": 503}):
        assert connection_withdraw(connection) is False


# --- a server of one's own ----------------------------------------------------------------------


@pytest.fixture
def own(inside: Any, sandbox: Sandbox, settings: Any) -> Callable[..., Connection]:
    """Connects a server that the operator lets a tenant name, with a key that may manage it."""
    settings.FLOWISE_TRUSTED_URLS = [f"{sandbox.url}/flowise/"]
    permissions = [
        f"{subject}:{verb}"
        for subject in ("chatflows", "agentflows", "credentials", "apikeys", "executions")
        for verb in ("view", "create", "update", "delete")
    ]
    flowise = {"key": OWNER_KEY, "flow_id": "5875e43a-0000-4000-8000-000000000009"}

    def connect(**more: Any) -> Connection:
        sandbox.post("/_accounts", {"owner": {"flowise": {**flowise, "permissions": permissions, **more}}})
        return flowise_workspace_ensure(
            workspace=inside.workspace,
            way="own",
            url=f"{sandbox.url}/flowise/api/v1",
            key=OWNER_KEY,
            actor=ACTOR,
        )

    return connect


def test_an_own_server_runs_our_flows_and_the_owners(
    own: Callable[..., Connection], sandbox: Sandbox
) -> None:
    connection = own()
    flow = installed(connection)
    assert judged(connection, flow, "школа").value == "school"
    assert connection_check(connection, ACTOR).health == "ok"
    names = {one.name for one in agentflow_list(connection)}
    assert "owner classify" in names and len(names) > 2, "on his own server an owner sees all"


def test_an_owners_flow_is_adopted_once_it_fits(own: Callable[..., Connection], sandbox: Sandbox) -> None:
    connection = own()
    with pytest.raises(ConfigurationError, match="another API key"):
        agentflow_adopt(
            connection=connection, external_id="5875e43a-0000-4000-8000-000000000009", actor=ACTOR
        )
    owner = {"Authorization": f"Bearer {OWNER_KEY}"}
    body = {"name": "mine", "type": "AGENTFLOW", "flowData": "{}", "apikeyid": connection.config["key_id"]}
    made = requests.post(f"{sandbox.url}/flowise/api/v1/chatflows", json=body, headers=owner, timeout=30)
    with pytest.raises(ConfigurationError, match="context"):
        agentflow_adopt(connection=connection, external_id=made.json()["id"], actor=ACTOR)
    flow = installed(connection)
    row = requests.get(
        f"{sandbox.url}/flowise/api/v1/chatflows/{flow.external_id}", headers=owner, timeout=30
    )
    copy = {**row.json(), "name": "copy"}
    made = requests.post(f"{sandbox.url}/flowise/api/v1/chatflows", json=copy, headers=owner, timeout=30)
    pair = [
        agentflow_adopt(connection=connection, external_id=made.json()["id"], actor=ACTOR) for _ in range(2)
    ]
    assert pair[0].id == pair[1].id and pair[0].name == "copy" and not pair[0].template
    with pytest.raises(Unsupported):
        agentflow_update(agentflow=pair[0], model="gpt-x", actor=ACTOR)


def test_a_key_without_permissions_is_told_what_it_lacks(own: Callable[..., Connection]) -> None:
    with pytest.raises(CredentialRefused, match="permission"):
        own(permissions=["chatflows:view"])


def test_the_key_may_be_left_out_when_reconnecting(
    own: Callable[..., Connection], inside: Any, sandbox: Sandbox
) -> None:
    made = own()
    again = flowise_workspace_ensure(
        workspace=inside.workspace, way="own", url=f"{sandbox.url}/flowise", key="", actor=ACTOR
    )
    assert again.id == made.id and again.secrets() == made.secrets()


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://127.0.0.1:5432", ForbiddenAddress),
        ("http://flows.example.org", ForbiddenAddress),
        ("file:///etc/passwd", ConfigurationError),
        ("https://user:secret@flows.example.org", ConfigurationError),
        ("", ConfigurationError),
    ],
)
def test_an_address_that_is_not_public_is_refused(inside: Any, url: str, error: type[ArriwaError]) -> None:
    with pytest.raises(error):
        flowise_workspace_ensure(workspace=inside.workspace, way="own", url=url, key="k", actor=ACTOR)
    assert not Connection.objects.filter(platform="flowise", config__way="own").exists()


def test_nothing_is_sent_to_a_server_inside_our_network(inside: Any, sandbox: Sandbox) -> None:
    """Over https, as the guard demands: the peer's address is looked at before a byte is sent."""
    port = sandbox.url.rpartition(":")[2]
    before = len(sandbox.received("flowise"))
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(ForbiddenAddress):
            flowise_workspace_ensure(
                workspace=inside.workspace,
                way="own",
                url=f"https://{host}:{port}/flowise",
                key="k",
                actor=ACTOR,
            )
    assert len(sandbox.received("flowise")) == before


# --- the flow of a number -----------------------------------------------------------------------


def test_a_chat_is_judged_by_the_flow_of_its_number(
    inside: Any, sandbox: Sandbox, settle: Callable[..., None]
) -> None:
    connection = shared(inside)
    of_number, default = installed(connection, name="number"), installed(connection, name="default")
    number = Connection.objects.get(id=inside.connections["gupshup"].id)
    mine, _ = NumberRoute.objects.get_or_create(workspace=inside.workspace, number=number)
    rest, _ = NumberRoute.objects.get_or_create(workspace=inside.workspace, number=None)
    before = {row.id: row.agentflow_id for row in (mine, rest)}
    try:
        for row, flow in ((rest, default), (mine, of_number)):
            NumberRoute.objects.filter(id=row.id).update(agentflow=flow)
            connections_forget()
            db.set_schema_to_public()
            phone = Phone(sandbox)
            phone.tap_ad()
            settle()
            phone.say("у меня школа английского")
            settle()
            with in_organization(inside.organization.schema_name):
                person = subscriber_of(inside.organization.schema_name, phone.number)
                chat = Conversation.objects.get(subscriber=person)
                judgement = Judgement.objects.get(conversation=chat)
            runs = [
                r for r in sandbox.state("flowise")["executions"] if r["session_id"].startswith(str(chat.id))
            ]
            assert judgement.method == "flowise" and runs
            assert {run["flow_id"] for run in runs} == {flow.external_id}
            db.set_tenant(inside.organization)
    finally:
        with in_organization(inside.organization.schema_name):
            for number_id, flow_id in before.items():
                NumberRoute.objects.filter(id=number_id).update(agentflow_id=flow_id)
        connections_forget()
