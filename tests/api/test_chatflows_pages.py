"""Trial, going live, switches, agentflows, known customers; who may do what below /chatflows."""

from __future__ import annotations

import re
import uuid
from html import unescape
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from arriwa.outbox.drain import drain
from integrations.models import Agentflow, Connection
from subscribers.models import CustomerImport, PlaybookVersion, Subscriber, TrialChat
from subscribers.selectors import playbook_latest
from tenants.workspaces.models import Workspace
from tests.support.chatflows import HERE, Browser


def walk_trial(owner: Browser) -> None:
    owner.post("/chatflows/trial/begin", begin="1")
    seen = 1
    for _ in range(8):
        page = owner.get("/chatflows/trial")
        seen = int(re.search(r'name="seen" value="(\d+)"', page)[1])  # type: ignore[index]
        choices = [unescape(one) for one in re.findall(r'name="choice" value="([^"]+)"', page)]
        said = {"choice": choices[0]} if choices else {"text": "15000" if seen > 1 else "привет"}
        for _ in range(2):  # every step twice: a double click
            owner.post("/chatflows/trial/say", seen=str(seen), **said)


def test_trial_publication_and_rollback_in_the_browser(
    browser: Any, workspace: Workspace, inside: Any
) -> None:
    owner = browser()
    owner.post(f"{HERE}/preset", preset="school", base="")
    base = owner.form(f"{HERE}/questions")["base"]
    refused = owner.post("/chatflows/publish/draft", base=base)
    assert "Not published" in refused.content.decode()
    with inside():
        assert playbook_latest(workspace) is None
    walk_trial(owner)
    assert "You have come to the offer" in owner.get("/chatflows/trial")
    page = owner.get("/chatflows/publish")
    assert "begins to speak" in page
    for _ in range(2):
        answer = owner.post("/chatflows/publish/draft", base=base, note="start")
        assert "Version 1 is live" in answer.content.decode()
    owner.post(f"{HERE}/rules", **owner.form(f"{HERE}/rules") | {"/max_attempts": "1"})
    page = owner.get("/chatflows/publish")
    assert "re-prompts per question" in page
    assert "The draft has changed since your last trial" in page
    owner.post("/chatflows/publish/draft", base=owner.form(f"{HERE}/rules")["base"])
    for _ in range(2):
        owner.post("/chatflows/publish/rollback", version="1")
    with inside():
        rows = PlaybookVersion.objects.filter(workspace=workspace).order_by("number")
        assert [(row.number, row.created_by) for row in rows] == [(n, owner.user.id) for n in (1, 2, 3)]
        assert rows[2].document == rows[0].document
        assert not Subscriber.objects.filter(workspace=workspace).exists(), "a trial makes nobody up"
        assert TrialChat.objects.filter(workspace=workspace, finished_at__isnull=False).count() == 1


def test_flowise_judges_a_trial_when_asked(
    browser: Any, workspace: Workspace, demo: Any, inside: Any
) -> None:
    owner = browser()
    with inside():
        flowise = Connection.objects.get(workspace=demo.workspace, platform="flowise")
        secrets = flowise.secrets()
        flowise.pk, flowise.workspace = uuid.uuid4(), workspace
        flowise.set_secrets(secrets)
        flowise.save(force_insert=True)
    owner.post(f"{HERE}/preset", preset="default", base="")
    owner.post("/chatflows/trial/begin", begin="1")
    owner.post("/chatflows/trial/say", seen="1", text="привет")
    page = owner.get("/chatflows/trial")
    seen = re.search(r'name="seen" value="(\d+)"', page)[1]  # type: ignore[index]
    answer = owner.post("/chatflows/trial/say", seen=seen, text="у меня школа танцев", flowise="1")
    assert "by flowise" in answer.content.decode()


def test_switches_are_turned_in_the_browser(browser: Any, workspace: Workspace, inside: Any) -> None:
    owner = browser()
    owner.post(f"{HERE}/preset", preset="school", base="")
    with inside():
        number = Connection.objects.get(workspace=workspace, platform="gupshup").id
    owner.post("/chatflows/publish/switch", on="0")
    owner.post("/chatflows/publish/switch", on="0", number=str(number))
    foreign = owner.post("/chatflows/publish/switch", on="0", number=str(uuid.uuid4()))
    assert "not the workspace" in foreign.content.decode()
    with inside():
        workspace.refresh_from_db()
    assert (workspace.bot_on, workspace.silent_channels) == (False, [number])
    for _ in range(2):
        owner.post("/chatflows/publish/switch", on="1")
        owner.post("/chatflows/publish/switch", on="1", number=str(number))
    with inside():
        workspace.refresh_from_db()
    assert workspace.speaks_on(number)


def test_a_number_is_bound_to_a_flow_of_its_workspace(
    browser: Any, workspace: Workspace, demo: Any, inside: Any
) -> None:
    owner = browser()
    with inside():
        number = Connection.objects.get(workspace=workspace, platform="gupshup")
        flow = Agentflow.objects.create(workspace=workspace, connection=number, name="Judge")
        foreign = Agentflow.objects.create(workspace=demo.workspace, connection=number, name="Foreign")
    refused = owner.post("/chatflows/bind", number=str(number.id), flow=str(foreign.id))
    assert "of this workspace" in refused.content.decode()
    for _ in range(2):
        owner.post("/chatflows/bind", number=str(number.id), flow=str(flow.id))
    with inside():
        number.refresh_from_db()
        assert number.number_route.agentflow_id == flow.id


def test_a_list_of_customers_is_looked_at_and_taken_in_once(
    browser: Any, workspace: Workspace, inside: Any
) -> None:
    owner = browser()
    body = "ФИО;Тел\nАна;8 701 000 11 22\nБек;word\n".encode("cp1251")
    owner.post("/chatflows/customers", file=SimpleUploadedFile("c.csv", body))
    assert "0</strong> people" in owner.get("/chatflows/customers"), "the number's country is another one"
    page = owner.get("/chatflows/customers", phone="1", name="0", country="KZ")
    assert "+77010001122" in page
    assert "Line 3: this is no phone number" in page
    with inside():
        load = CustomerImport.objects.get(workspace=workspace)
    chosen = {"load": str(load.id), "phone": "1", "name": "0", "country": "KZ"}
    for _ in range(2):
        answer = owner.post("/chatflows/customers/take", **chosen)
        assert answer.redirect_chain[-1][0] == f"/chatflows/customers/{load.id}"
    with inside():
        assert Subscriber.objects.filter(workspace=workspace, known_customer_at__isnull=False).count() == 1
    drain("bulk")
    fragment = owner.client.get(f"/chatflows/customers/{load.id}", headers={"x-fragment": "1"})
    assert fragment.headers["X-Done"] == "1"
    refused = owner.post("/chatflows/customers", file=SimpleUploadedFile("c.png", b"\x89PNG\0\0"))
    assert "Save it as CSV" in refused.content.decode()
    assert owner.client.get(f"/chatflows/customers/{uuid.uuid4()}").status_code == 404


READS = ["/chatflows", f"{HERE}/questions", "/chatflows/trial", "/chatflows/publish", "/chatflows/customers"]
WRITES = [
    f"{HERE}/preset",
    f"{HERE}/discard",
    f"{HERE}/languages",
    f"{HERE}/questions",
    f"{HERE}/expert",
    "/chatflows/trial/begin",
    "/chatflows/trial/say",
    "/chatflows/publish/draft",
    "/chatflows/publish/rollback",
    "/chatflows/publish/switch",
    "/chatflows/bind",
    "/chatflows/customers",
    "/chatflows/customers/take",
]


def test_a_manager_may_look_and_change_nothing_and_an_analyst_may_not_even_look(browser: Any) -> None:
    browser("owner").post(f"{HERE}/preset", preset="school", base="")
    manager, analyst = browser("manager"), browser("analyst")
    for url in READS:
        assert "owners and admins change it" in manager.get(url), url
        assert analyst.client.get(url).status_code == 403, url
    for url in WRITES:
        assert manager.client.post(url, {"base": ""}).status_code == 403, url


def test_everything_is_locked_with_its_reason_before_the_workspace_is_open(
    browser: Any, workspace: Workspace, inside: Any
) -> None:
    with inside():
        Connection.objects.filter(workspace=workspace, platform="meta").delete()
    owner = browser()
    for url in READS:
        answer = owner.client.get(url)
        assert answer.status_code == 423
        assert "/credentials" in answer.content.decode()
    for url in WRITES:
        assert owner.client.post(url).status_code == 423


def test_an_agentflow_is_installed_edited_tried_bound_and_removed(
    browser: Any, workspace: Workspace, inside: Any
) -> None:
    owner = browser()
    owner.post(f"{HERE}/preset", preset="default", base="")
    for _ in range(2):
        answer = owner.post("/chatflows/install", template="classify")
    page = answer.content.decode()
    assert "is installed" in page
    with inside():
        flow = Agentflow.objects.get(workspace=workspace)
        number = Connection.objects.get(workspace=workspace, platform="gupshup")
    url = f"/chatflows/flows/{flow.id}"
    answer = owner.post(url, **{"prompt-classify": "Be strict.", "model": "gpt-4.1"})
    assert "Flowise has it" in answer.content.decode()
    refused = owner.post(url, **{"prompt-classify": "Kept words", "model": "no model!"})
    assert refused.status_code == 422
    assert "Kept words" in refused.content.decode()
    with inside():
        flow.refresh_from_db()
    assert (flow.prompts["classify"], flow.model) == ("Be strict.", "gpt-4.1")
    owner.post("/chatflows/trial/begin", begin="1")
    owner.post("/chatflows/trial/say", seen="1", text="привет")
    seen = re.search(r'name="seen" value="(\d+)"', owner.get(url))[1]  # type: ignore[index]
    said = {"seen": seen, "text": "у меня школа танцев", "flow": str(flow.id), "next": url}
    answer = owner.post("/chatflows/trial/say", flowise="1", **said)
    assert answer.redirect_chain[-1][0] == url
    assert "by flowise" in answer.content.decode()
    owner.post("/chatflows/bind", number=str(number.id), flow=str(flow.id))
    owner.post(f"{url}/remove")
    with inside():
        assert not Agentflow.objects.filter(workspace=workspace).exists()
        number.refresh_from_db()
        assert number.number_route.agentflow_id is None
    assert owner.client.get(url).status_code == 404


def test_a_flow_of_replies_answers_a_text(browser: Any, workspace: Workspace, inside: Any) -> None:
    owner = browser()
    owner.post("/chatflows/install", template="reply")
    with inside():
        flow = Agentflow.objects.get(workspace=workspace)
    answer = owner.post(f"/chatflows/flows/{flow.id}/ask", text="Сколько стоит курс?")
    assert answer.content.decode().count("bubble out") == 1
    assert owner.post("/chatflows/install", template="unknown").content.decode().count("notice bad") == 1
    assert "Connect your own Flowise first" in owner.get("/chatflows/adopt")
