"""One workspace holds a number, a WhatsApp account or a dataset, across all organizations (T2)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django_tenants.utils import schema_context

from tenants.claims import ClaimedElsewhere, claim_release, claim_take
from tenants.models import AssetClaim
from tenants.services import workspace_create

NUMBER = AssetClaim.Kind.NUMBER


def _take(demo: Any, external_id: str, workspace: Any = None) -> None:
    claim_take(
        kind=NUMBER,
        external_id=external_id,
        organization=demo.organization,
        workspace=workspace or demo.workspace,
    )


def test_the_same_workspace_may_claim_again(demo: Any) -> None:
    number = uuid.uuid4().hex
    _take(demo, number)
    _take(demo, number)
    assert AssetClaim.objects.filter(external_id=number).count() == 1


def test_a_second_workspace_of_the_organization_is_refused(demo: Any) -> None:
    number = uuid.uuid4().hex
    second = workspace_create(
        organization=demo.organization, name="Second", business_id=uuid.uuid4().hex[:12]
    )
    _take(demo, number)
    with pytest.raises(ClaimedElsewhere, match=number):
        _take(demo, number, second)
    with schema_context(demo.organization.schema_name):
        second.delete()


def test_another_organization_is_refused_without_naming_the_holder(demo: Any, organizations: Any) -> None:
    number = uuid.uuid4().hex
    _take(demo, number)
    other = organizations.other
    with pytest.raises(ClaimedElsewhere) as refused:
        claim_take(
            kind=NUMBER, external_id=number, organization=other.organization, workspace=other.workspace
        )
    assert demo.organization.name not in refused.value.message


def test_only_the_holder_releases(demo: Any) -> None:
    number = uuid.uuid4().hex
    _take(demo, number)
    assert not claim_release(kind=NUMBER, external_id=number, workspace_uuid=uuid.uuid4())
    assert claim_release(kind=NUMBER, external_id=number, workspace_uuid=demo.workspace.id)
    assert not claim_release(kind=NUMBER, external_id=number, workspace_uuid=demo.workspace.id)
