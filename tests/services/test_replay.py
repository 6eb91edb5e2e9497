"""Dead letters are sent once more (design 3, 6)."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from integrations.base.replay import NotReplayable, delivery_replay
from integrations.models import Delivery
from tenants.context import in_organization
from tests.support.ledger import canonical, subscriber_of
from tests.support.sandbox import Phone, Sandbox

REFUSED = {"status": 400, "body": {"error": {"message": "refused", "code": 100, "error_subcode": 2804050}}}


def replay(*words: str) -> str:
    out = StringIO()
    call_command("replay", *words, stdout=out, stderr=out)
    return out.getvalue()


def dead(schema: str, phone: Phone) -> list[Delivery]:
    """The lead's own dead deliveries, latest first."""
    person = subscriber_of(schema, phone.number)
    with in_organization(schema):
        rows = Delivery.objects.filter(state="dead", conversation__subscriber=person)
        return list(rows.order_by("-created_at"))


@pytest.mark.parametrize(
    ("platform", "path", "key"),
    [("meta", "/events", "good_pixel:OptIn"), ("meta", "/users", "join:A1_STARTED_NOT_FINISHED")],
)
def test_a_dead_effect_is_sent_once_more_and_once_only(
    demo: Any, phone: Phone, sandbox: Sandbox, settle: Any, platform: str, path: str, key: str
) -> None:
    schema = demo.organization.schema_name
    with sandbox.faults({"platform": platform, "path": path, **REFUSED}):
        phone.tap_ad()
        settle()
    [letter] = [row for row in dead(schema, phone) if row.business_key == key]
    assert "1 would be sent" in replay("--delivery", str(letter.id), "--dry-run")
    settle()
    assert canonical(schema, phone.number)["delivery", platform, key, None, "", "dead"] == 1
    assert "1 are sent" in replay("--delivery", str(letter.id))
    settle()
    assert canonical(schema, phone.number)["delivery", platform, key, None, "", "confirmed"] == 1
    assert "0 are sent" in replay("--delivery", str(letter.id))
    with in_organization(schema), pytest.raises(NotReplayable):
        delivery_replay(letter.id)


def test_a_parked_deal_runs_on_in_order_after_a_replay(
    demo: Any, phone: Phone, sandbox: Sandbox, settle: Any
) -> None:
    schema = demo.organization.schema_name
    refused = {"title": "Bad Request", "status": 400, "detail": "refused"}
    with sandbox.faults({"platform": "kommo", "path": "/leads/complex", "status": 400, "body": refused}):
        phone.tap_ad()
        settle()
        phone.choose(0)
        settle()
    letters = [row for row in dead(schema, phone) if row.platform == "kommo"]
    assert letters
    replay("--delivery", str(letters[0].id))
    settle()
    rows = canonical(schema, phone.number)
    assert rows["delivery", "kommo", "deal", None, "", "confirmed"] == 1
    assert rows["delivery", "kommo", "stage:new", None, "", "confirmed"] == 1
    assert rows["delivery", "kommo", "field:cf_niche=school", None, "", "confirmed"] == 1


def test_a_replay_of_everything_wants_a_filter(demo: Any) -> None:
    with pytest.raises(CommandError, match="Say what to replay"):
        replay()
