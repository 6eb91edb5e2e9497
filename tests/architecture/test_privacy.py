"""A whole journey leaves neither a phone nor a secret in clear text, in tables or in logs (decision 13)."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from arriwa.common import sealing
from arriwa.common.redaction import RedactingFilter
from subscribers.models import Message, Touchpoint
from tenants.context import in_organization
from tenants.models import HookRoute
from tenants.services import hook_route_secrets
from tests.support.hooks import ACCOUNTS
from tests.support.journey import walk
from tests.support.ledger import subscriber_of
from tests.support.sandbox import Phone

#: Meta's keys of a referral (reference meta 1.2); campaign and utm come from the Graph.
REFERRAL = {
    "source_url", "source_id", "source_type", "headline", "body", "media_type", "image_url", "video_url",
    "thumbnail_url", "ctwa_clid", "welcome_message",
}  # fmt: skip


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that the console would show at DEBUG."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    handler.addFilter(RedactingFilter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.setLevel(level)
    root.removeHandler(handler)


def secrets() -> set[str]:
    """Tokens and keys of all accounts, and the secrets of all routes."""
    connection.set_schema_to_public()
    found = {
        value
        for account in ACCOUNTS.values()
        for platform in account.values()
        for name, value in platform.items()
        if name in ("token", "key", "app_secret")
    }
    assert len(found) == 12
    return found | {secret for route in HookRoute.objects.all() for secret in hook_route_secrets(route)}


def columns(schema: str) -> Iterator[tuple[str, str, str]]:
    """(table, column, all its values as text) of a schema."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %s",
            (schema,),
        )
        for table, column in cursor.fetchall():
            cursor.execute(f'SELECT string_agg("{column}"::text, \' \') FROM "{schema}"."{table}"')
            yield table, column, cursor.fetchone()[0] or ""


def test_a_journey_leaves_no_phone_and_no_secret_in_clear_text(
    demo: Any, phone: Phone, settle: Callable[..., None], log: io.StringIO
) -> None:
    walk(phone, settle)
    hidden = {phone.number, phone.number[1:], *secrets()}
    schema = demo.organization.schema_name
    found = [
        (space, table, column)
        for space in (schema, "public")
        for table, column, text in columns(space)
        for word in hidden
        if word in text
    ]
    assert found == []
    logging.getLogger("tests").debug("the log is heard: +%s", phone.number)
    text = log.getvalue()
    assert "the log is heard: [phone]" in text
    assert [line for line in text.splitlines() if any(word in line for word in hidden)] == []


def test_the_raw_message_is_kept_sealed_and_the_referral_as_meta_gave_it(
    demo: Any, organizations: Any, phone: Phone, settle: Callable[..., None]
) -> None:
    phone.tap_ad()
    settle()
    schema = demo.organization.schema_name
    subscriber = subscriber_of(schema, phone.number)
    with in_organization(schema) as organization:
        message = Message.objects.get(conversation__subscriber=subscriber, direction="in")
        raw = sealing.unseal_json(message.raw_sealed, organization=organization, row=message.seal_row)
        touchpoint = Touchpoint.objects.get(subscriber=subscriber)
    assert raw["from"] == phone.number
    assert set(message.content) == {"text", "choice_id"}
    assert touchpoint.referral and set(touchpoint.referral) <= REFERRAL
    assert touchpoint.referral == raw["referral"]
    other = organizations.other.organization.id
    with pytest.raises(sealing.SealBroken):
        sealing.unseal_json(message.raw_sealed, organization=other, row=message.seal_row)
