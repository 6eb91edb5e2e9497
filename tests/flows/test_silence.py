"""Texts that come at the very moment at which the silence timer rings (design 3, decision 5)."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest

from subscribers.models import Answer, Judgement
from tenants.context import in_organization
from tests.support.hooks import Door
from tests.support.ledger import subscriber_of, unfinished
from tests.support.workers import Workers


def test_texts_on_the_beat_of_the_timer_are_all_judged_and_nobody_waits_for_a_deadlock(
    schema: str, phones: Any, door: Door, settle: Any, caplog: pytest.LogCaptureFixture
) -> None:
    leads = phones(4)
    for lead in leads:
        lead.tap_ad()
    settle()
    for lead in leads:
        lead.choose(0)
    settle()
    with caplog.at_level(logging.ERROR), Workers():
        for number in range(12):
            for lead in leads:
                door.text(lead, f"слово{number}")
            time.sleep(0.05)
    settle()
    assert [record.getMessage() for record in caplog.records] == []
    for lead in leads:
        assert [row for row in unfinished(schema, lead.number) if row[0] != "flowise"] == []
        with in_organization(schema):
            chat = subscriber_of(schema, lead.number).conversations.get()
            taken = Answer.objects.filter(conversation=chat).exclude(method="choice")
            said = [word for answer in taken for word in answer.text.split()]
            assert not Judgement.objects.filter(conversation=chat, judged_at=None).exists()
        assert sorted(said) == sorted(f"слово{number}" for number in range(12))
