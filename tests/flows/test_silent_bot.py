"""The bot is silent until the owner publishes and while a switch is off; it asks known customers nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from arriwa.outbox.drain import drain
from integrations.models import DealMirror, Delivery
from integrations.receipts.intake import drain_receipts
from subscribers.customers import Columns
from subscribers.models import DecisionLog, JourneyEvent, PlaybookVersion, Touchpoint
from subscribers.playbook.edit import languages_set
from subscribers.playbook.load import default_document
from subscribers.services import customers
from subscribers.services.playbook import playbook_publish
from subscribers.services.switches import number_switch, workspace_switch
from tenants.audit import Actor
from tenants.context import in_organization
from tenants.services import workspace_create
from tests.support.ledger import subscriber_of
from tests.support.sandbox import Phone, Sandbox

ME = Actor.system()


@pytest.fixture
def unpublished(demo: Any) -> Iterator[Any]:
    """The first organization as before its first publication; its versions come back afterwards."""
    schema = demo.organization.schema_name
    away = workspace_create(organization=demo.organization, name="away", business_id=f"bm-{uuid.uuid4()}")
    with in_organization(schema):
        mine = PlaybookVersion.objects.filter(workspace=demo.workspace, number__gt=0)
        ids = list(mine.values_list("id", flat=True))
        mine.update(workspace=away)
    yield demo
    with in_organization(schema):
        made_here = PlaybookVersion.objects.filter(workspace=demo.workspace, number__gt=0)
        made_here.update(workspace=away, number=900)
        PlaybookVersion.objects.filter(id__in=ids).update(workspace=demo.workspace)


def test_before_publication_everything_is_recorded_and_nothing_said(
    unpublished: Any, phone: Phone, settle: Any
) -> None:
    schema = unpublished.organization.schema_name
    phone.tap_ad()
    settle()
    phone.say("есть кто?")
    settle()
    assert phone.received() == []
    person = subscriber_of(schema, phone.number)
    with in_organization(schema):
        chat = person.conversations.get()
        assert chat.messages.filter(direction="in").count() == 2
        assert Touchpoint.objects.filter(subscriber=person).count() == 1
        assert [event.kind for event in JourneyEvent.objects.filter(subscriber=person)] == ["OptIn"]
        reasons = DecisionLog.objects.filter(conversation=chat).values_list("reason", flat=True)
        assert all("not published yet" in reason for reason in reasons)
        told = Delivery.objects.filter(conversation=chat, kind="meta.event", state="confirmed")
        assert {delivery.business_key.rpartition(":")[2] for delivery in told} >= {"OptIn"}
        assert DealMirror.objects.get(conversation=chat).confirmed["stage"] == "new"
        playbook_publish(workspace=unpublished.workspace, document=_quick())
    phone.say("и сейчас?")
    settle()
    (question,) = phone.received()
    assert "What field do you work in" in str(question), "the first question, once the owner has published"
    phone.choose(0)
    settle()
    phone.say("about 1500")
    settle()
    assert "Where do your customers come from" in str(phone.last()), "judged in the playbook's language"
    with in_organization(schema):
        chat.refresh_from_db()
        assert (chat.playbook.number, chat.state) == (1, "asking")


def _quick() -> dict[str, Any]:
    """Speaks English alone, whatever the workspace's language is."""
    document = languages_set(default_document(), ["en"])
    return document | {"silence_seconds": 0.05, "silence_limit_seconds": 0.2}


@pytest.mark.parametrize("which", ["workspace", "number"])
def test_a_switch_stops_the_bot_at_once_and_what_it_held_back_comes_later(
    demo: Any, phone: Phone, settle: Any, sandbox: Sandbox, which: str
) -> None:
    schema, workspace = demo.organization.schema_name, demo.workspace

    def switch(on: bool) -> None:
        with in_organization(schema):
            if which == "workspace":
                workspace_switch(workspace=workspace, on=on, actor=ME)
            else:
                channel = demo.connections["gupshup"].id
                number_switch(workspace=workspace, channel=channel, label="number", on=on, actor=ME)

    phone.tap_ad()
    while sandbox.pending() or not drain_receipts():
        pass
    # The question is decided and waits to be sent.
    switch(False)
    try:
        drain("interactive")
        settle()
        assert phone.received() == []
        phone.say("алло")
        settle()
        assert phone.received() == []
    finally:
        switch(True)
    phone.say("вы тут?")
    settle()
    (question,) = phone.received()
    assert question["type"] == "list"
    phone.choose(0)
    settle()
    assert len(phone.received()) == 2


def test_an_imported_customer_is_greeted_and_never_asked(demo: Any, phone: Phone, settle: Any) -> None:
    schema = demo.organization.schema_name
    with in_organization(schema):
        load = customers.customers_upload(
            workspace=demo.workspace, body=f"{phone.number}\n".encode(), file_name="c.csv", actor=ME
        )
        customers.customers_import(load=load, columns=Columns(0, -1), country="KZ", actor=ME)
    phone.tap_ad()
    settle()
    (greeting,) = phone.received()
    assert "Рады видеть вас снова" in str(greeting)
    phone.order()
    settle()
    assert phone.last()["type"] == "cta_url"
    person = subscriber_of(schema, phone.number)
    with in_organization(schema):
        kinds = set(JourneyEvent.objects.filter(subscriber=person).values_list("kind", flat=True))
    assert "OptIn" in kinds and "AddToCart" in kinds
    assert not [kind for kind in kinds if kind.startswith("QUALIFY")]
