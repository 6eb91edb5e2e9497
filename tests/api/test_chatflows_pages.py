"""The pages below /chatflows: who may do what, what a repetition changes, that nothing written is lost."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from arriwa.outbox.drain import drain
from integrations.models import Agentflow, Asset, Connection
from subscribers.models import CustomerImport, PlaybookVersion, Subscriber, TrialChat
from subscribers.playbook.load import default_document
from subscribers.playbook.presets import preset_document
from subscribers.selectors import playbook_draft, playbook_latest
from tenants.context import in_organization
from tenants.models import Membership, User
from tenants.services import workspace_create
from tenants.workspaces.models import Workspace

HERE = "/chatflows/playbook"
_INPUT = re.compile(r'<input[^>]*name="(?P<name>/[^"]*)"[^>]*value="(?P<value>[^"]*)"')
_AREA = re.compile(r'<textarea[^>]*name="(?P<name>/[^"]*)"[^>]*>\n(?P<value>[^<]*)</textarea>')
_SELECT = re.compile(r'<select[^>]*name="(?P<name>/[^"]*)".*?</select>', re.S)


class Browser:
    """A member in front of the pages of one workspace, without scripts."""

    def __init__(self, organization: Any, workspace: Workspace, role: str) -> None:
        self.user = User.objects.create(username=str(uuid.uuid4()), first_name="Ана")
        Membership.objects.create(user=self.user, organization=organization, role=role)
        self.client = Client(headers={"accept-language": "en"})
        self.client.force_login(self.user, backend="tenants.signin.backends.FacebookSessions")
        session = self.client.session
        session["organization"], session["workspace"] = str(organization.id), str(workspace.id)
        session.save()

    def get(self, url: str, **query: str) -> str:
        answer = self.client.get(url, query, follow=True)
        assert answer.status_code == 200, (url, answer.status_code)
        return str(answer.content.decode())

    def post(self, url: str, follow: bool = True, **data: Any) -> Any:
        return self.client.post(url, data, follow=follow)

    def form(self, url: str) -> dict[str, str]:
        """The editor's fields as they stand, with what the form hides."""
        return fields_of(self.get(url))


def fields_of(page: str) -> dict[str, str]:
    found = {m["name"]: unescape(m["value"]) for m in (*_INPUT.finditer(page), *_AREA.finditer(page))}
    for match in _SELECT.finditer(page):
        chosen = re.search(r'value="([^"]*)" selected', match[0])
        found[match["name"]] = chosen[1] if chosen else ""
    for name in ("base", "outline"):
        hidden = re.search(rf'name="{name}" value="([^"]*)"', page)
        found[name] = unescape(hidden[1]) if hidden else ""
    return found


def ready(organization: Any, model: Workspace, source: Workspace) -> None:
    """Copies of the source's accounts, so that the workspace is open."""
    for row in Connection.objects.filter(workspace=source, platform__in=["gupshup", "meta", "stripe"]):
        secrets, assets = row.secrets(), list(row.assets.all())
        row.pk = uuid.uuid4()
        row.workspace = model
        row.set_secrets(secrets)
        row.save(force_insert=True)
        for asset in assets:
            Asset.objects.create(connection=row, kind=asset.kind, external_id=asset.external_id)


@pytest.fixture
def workspace(demo: Any) -> Iterator[Workspace]:
    """An open workspace without a playbook; the organization's schema is entered for the test's own looks."""
    made = workspace_create(organization=demo.organization, name="fresh", business_id=f"bm-{uuid.uuid4()}")
    with in_organization(demo.organization.schema_name):
        ready(demo.organization, made, demo.workspace)
    yield made
    with in_organization(demo.organization.schema_name):
        Connection.objects.filter(workspace=made).delete()


@pytest.fixture
def browser(demo: Any, workspace: Workspace) -> Callable[..., Browser]:
    return lambda role="owner": Browser(demo.organization, workspace, role)


@pytest.fixture
def inside(demo: Any) -> Callable[[], Any]:
    return lambda: in_organization(demo.organization.schema_name)


def test_presets_are_offered_first_and_the_chosen_one_is_the_draft(
    browser: Any, workspace: Workspace, inside: Any
) -> None:
    owner = browser()
    assert "Start with this" in owner.get(HERE)
    for _ in range(2):
        answer = owner.post(f"{HERE}/preset", preset="clinic", base="")
        assert answer.redirect_chain[-1][0] == f"{HERE}/questions"
    with inside():
        assert playbook_draft(workspace).document == preset_document("clinic")
        assert playbook_latest(workspace) is None


def test_each_tab_shows_the_document_and_saving_it_untouched_changes_nothing(
    browser: Any, workspace: Workspace, inside: Any
) -> None:
    owner = browser()
    owner.post(f"{HERE}/preset", preset="shop", base="")
    with inside():
        before = playbook_draft(workspace).document
    for section in ("questions", "products", "texts", "rules", "names"):
        fields = owner.form(f"{HERE}/{section}")
        assert len(fields) > 5, section
        answer = owner.post(f"{HERE}/{section}", **fields)
        assert "Saved in the draft" in answer.content.decode(), section
        with inside():
            assert playbook_draft(workspace).document == before, section


def test_a_text_a_price_and_an_answer_are_changed_and_audiences_follow(
    browser: Any, workspace: Workspace, inside: Any
) -> None:
    owner = browser()
    owner.post(f"{HERE}/preset", preset="default", base="")
    fields = owner.form(f"{HERE}/questions")
    fields |= {"/questions/0/texts/en": "Which field?", "/questions/0/options/0/value": "college"}
    owner.post(f"{HERE}/questions", **fields)
    fields = owner.form(f"{HERE}/products") | {"/products/0/amount_minor": "99,50"}
    owner.post(f"{HERE}/products", **fields)
    with inside():
        document = playbook_draft(workspace).document
    assert document["questions"][0]["texts"]["en"] == "Which field?"
    assert document["products"][0]["amount_minor"] == 9950
    assert "SEG_NICHE_COLLEGE" in document["audiences"]
    assert "SEG_NICHE_SCHOOL" not in document["audiences"]


def test_questions_and_answers_come_move_and_go(browser: Any, workspace: Workspace, inside: Any) -> None:
    owner = browser()
    owner.post(f"{HERE}/preset", preset="default", base="")

    def act(what: str) -> dict[str, Any]:
        owner.post(f"{HERE}/questions", **owner.form(f"{HERE}/questions"), do=what)
        with inside():
            document: dict[str, Any] = playbook_draft(workspace).document
        return document

    assert [q["key"] for q in act("up:/questions/1")["questions"]][:2] == ["budget", "niche"]
    assert len(act("remove:/questions/3")["questions"]) == 3
    assert act("add:/questions")["questions"][3]["key"] == "question_4"
    assert len(act("add:/questions")["questions"]) == 4, "four at most"
    assert act("add:/questions/3/options")["questions"][3]["options"][0]["value"] == "answer_1"
    page = owner.get(f"{HERE}/questions")
    assert "Fill this in." in page
    assert "must be done" in owner.get("/chatflows/publish")


def test_a_field_that_cannot_be_read_is_marked_and_what_was_written_stays(
    browser: Any, workspace: Workspace, inside: Any
) -> None:
    owner = browser()
    owner.post(f"{HERE}/preset", preset="default", base="")
    fields = owner.form(f"{HERE}/products") | {
        "/products/0/amount_minor": "cheap",
        "/products/0/titles/en": "My course",
    }
    answer = owner.post(f"{HERE}/products", **fields)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Write an amount" in page
    assert fields_of(page)["/products/0/titles/en"] == "My course"
    with inside():
        assert playbook_draft(workspace).document == default_document()


def test_the_second_of_two_tabs_is_refused_with_both_and_may_save_over(
    browser: Any, workspace: Workspace, inside: Any
) -> None:
    owner = browser()
    owner.post(f"{HERE}/preset", preset="default", base="")
    first, second = owner.form(f"{HERE}/questions"), owner.form(f"{HERE}/questions")
    owner.post(f"{HERE}/questions", **first | {"/questions/0/texts/en": "One?"})
    answer = owner.post(f"{HERE}/questions", **second | {"/questions/0/texts/en": "Two?"})
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "One?" in page and "Two?" in page
    with inside():
        assert playbook_draft(workspace).document["questions"][0]["texts"]["en"] == "One?"
    owner.post(f"{HERE}/questions", **fields_of(page))
    with inside():
        assert playbook_draft(workspace).document["questions"][0]["texts"]["en"] == "Two?"


def test_a_tab_whose_question_was_removed_elsewhere_shows_what_was_written(
    browser: Any, workspace: Workspace, inside: Any
) -> None:
    owner = browser()
    owner.post(f"{HERE}/preset", preset="default", base="")
    old = owner.form(f"{HERE}/questions")
    owner.post(f"{HERE}/questions", **old, do="remove:/questions/0")
    answer = owner.post(f"{HERE}/questions", **old | {"/questions/1/texts/en": "My own words"})
    assert answer.status_code == 409
    assert "My own words" in answer.content.decode()
    with inside():
        texts = [q["texts"]["en"] for q in playbook_draft(workspace).document["questions"]]
    assert "My own words" not in texts


def test_the_expert_tab_takes_good_json_and_explains_the_rest(
    browser: Any, workspace: Workspace, inside: Any
) -> None:
    owner = browser()
    owner.post(f"{HERE}/preset", preset="default", base="")
    base = owner.form(f"{HERE}/questions")["base"]
    for text, words in (
        ("{", "no JSON"),
        ("[1]", "the whole playbook"),
        ("{}", "is a required property"),
        ("[" * 100_000, "nested too deeply"),
    ):
        answer = owner.post(f"{HERE}/expert", document=text, base=base)
        assert answer.status_code == 422
        assert words in unescape(answer.content.decode())
    document = default_document() | {"max_attempts": 2}
    upload = SimpleUploadedFile("p.json", json.dumps(document).encode())
    owner.post(f"{HERE}/expert", file=upload, base=base)
    exported = json.loads(owner.client.get(f"{HERE}/file").content)
    assert exported == document


def test_languages_are_added_and_removed(browser: Any, workspace: Workspace, inside: Any) -> None:
    owner = browser()
    owner.post(f"{HERE}/preset", preset="default", base="")
    base = owner.form(f"{HERE}/rules")["base"]
    owner.post(f"{HERE}/languages", languages=["ru", "kk"], base=base)
    with inside():
        document = playbook_draft(workspace).document
    assert document["languages"] == ["ru", "kk"]
    assert document["texts"]["parked"]["kk"] == document["texts"]["parked"]["ru"]
    assert "en" not in document["questions"][0]["texts"]


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
