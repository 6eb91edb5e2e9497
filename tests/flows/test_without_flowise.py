"""A workspace without an agentflow: free text is judged all the same (L16)."""

from __future__ import annotations

from typing import Any

import pytest
from django_tenants.utils import schema_context

from integrations.base.deliveries import connections_forget
from integrations.models import Connection
from tests.support.ledger import rows_of
from tests.support.sandbox import Phone


@pytest.fixture
def no_flowise(demo: Any) -> Any:
    """The demo workspace without its Flowise connection."""
    schema = demo.organization.schema_name
    with schema_context(schema):
        Connection.objects.filter(platform="flowise").update(platform="elsewhere")
    connections_forget()
    yield schema
    with schema_context(schema):
        Connection.objects.filter(platform="elsewhere").update(platform="flowise")
    connections_forget()


def test_the_local_classifier_answers_where_no_agentflow_is_connected(
    no_flowise: str, phone: Phone, settle: Any
) -> None:
    phone.tap_ad()
    settle()
    phone.choose(0)
    settle()
    phone.say("около 2000 долларов")
    settle()
    rows = rows_of(no_flowise, phone.number)
    answers = [row for row in rows if row.key == "answer:budget:1:valid:1000_3000"]
    assert [row.proof["method"] for row in answers] == ["local"]
    assert not [row for row in rows if row.platform == "flowise"]
