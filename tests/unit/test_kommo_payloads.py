"""Kommo: settings, host check, request bodies and exact phone matches."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.base.errors import ConfigurationError, Rejected
from integrations.kommo.config import FieldRef, KommoSettings, host_allowed
from integrations.kommo.payloads import (
    Contact,
    complex_body,
    contact_patch_body,
    custom_field_body,
    exact_matches,
    lead_patch_body,
    parse_contact,
    parse_lead,
    phone_query,
)

CONFIG: dict[str, Any] = {
    "subdomain": "acme",
    "account_id": 2900111,
    "pipeline_id": "5501",
    "stages": {"new": 6601, "qualified": "6602"},
    "fields": {"cf_niche": {"entity": "leads", "field_id": "991"}},
}


def settings(**changes: Any) -> KommoSettings:
    return KommoSettings.from_connection({**CONFIG, **changes}, {"token": "long-lived-1"})


@pytest.mark.parametrize("host", ["acme.kommo.com", "a-1.amocrm.ru", "x.amocrm.com"])
def test_account_hosts_are_allowed(host: str) -> None:
    assert host_allowed(host)


@pytest.mark.parametrize(
    "host",
    [
        "acme.kommo.com\n",
        "acme.kommo.com.evil.org",
        "evil.org/acme.kommo.com",
        "a.b.kommo.com",
        "kommo.com",
        "acmekommo.com",
        "ACME.kommo.com",
        "acme.kommo.com:8443",
        "acme.kommoXcom",
        "",
    ],
)
def test_every_other_host_is_refused(host: str) -> None:
    assert not host_allowed(host)


def test_settings_read_maps_and_numbers() -> None:
    read = settings(subdomain=" Acme.kommo.com ")
    assert (read.subdomain, read.account_id, read.pipeline()) == ("acme", 2900111, 5501)
    assert (read.stage("qualified"), read.field("cf_niche")) == (6602, FieldRef("leads", 991))
    assert "long-lived-1" not in repr(read)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"subdomain": ""}, "subdomain"),
        ({"subdomain": "acme.evil.org"}, "subdomain"),
        ({"subdomain": "evil.org/"}, "subdomain"),
        ({"subdomain": "-acme"}, "subdomain"),
        ({"pipeline_id": "first"}, "pipeline_id"),
        ({"stages": {"new": "?"}}, "stages.new"),
        ({"stages": [1]}, "stages"),
        ({"fields": {"cf_niche": {"entity": "deals", "field_id": 1}}}, "fields.cf_niche"),
        ({"fields": {"cf_niche": 991}}, "fields.cf_niche"),
    ],
)
def test_bad_setting_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(**changes)
    assert caught.value.details["field"] == field


def test_missing_token_is_named() -> None:
    with pytest.raises(ConfigurationError, match="token"):
        KommoSettings.from_connection(CONFIG, {})


def test_what_is_not_chosen_yet_is_named_when_it_is_needed() -> None:
    bare = KommoSettings.from_connection({"subdomain": "acme"}, {"token": "t"})
    with pytest.raises(ConfigurationError, match="pipeline_id"):
        bare.pipeline()
    with pytest.raises(ConfigurationError, match="paid"):
        bare.stage("paid")
    with pytest.raises(ConfigurationError, match="cf_budget"):
        bare.field("cf_budget")


def test_complex_body_is_golden() -> None:
    assert complex_body(
        name="WA +7 701 000 00 01",
        pipeline_id=5501,
        status_id=6601,
        request_id="84f0",
        contact_name="Ana",
        phone="77010000001",
        price=0,
        lead_fields={992: 1500, 991: "dental"},
        tags=["ambiguous"],
    ) == [
        {
            "name": "WA +7 701 000 00 01",
            "pipeline_id": 5501,
            "status_id": 6601,
            "price": 0,
            "request_id": "84f0",
            "custom_fields_values": [
                {"field_id": 991, "values": [{"value": "dental"}]},
                {"field_id": 992, "values": [{"value": 1500}]},
            ],
            "_embedded": {
                "contacts": [
                    {
                        "first_name": "Ana",
                        "custom_fields_values": [
                            {
                                "field_code": "PHONE",
                                "values": [{"value": "+77010000001", "enum_code": "MOB"}],
                            }
                        ],
                    }
                ],
                "tags": [{"name": "ambiguous"}],
            },
        }
    ]


def test_complex_body_without_a_phone_or_with_a_known_contact() -> None:
    common: dict[str, Any] = {"name": "WA lead", "pipeline_id": 1, "status_id": 2, "request_id": "r"}
    base = {"name": "WA lead", "pipeline_id": 1, "status_id": 2, "request_id": "r"}
    assert complex_body(**common) == [{**base, "_embedded": {"contacts": [{"first_name": "WA lead"}]}}]
    assert complex_body(**common, contact_id=40021, phone="7701", contact_name="Ana") == [
        {**base, "_embedded": {"contacts": [{"id": 40021}]}}
    ]


def test_lead_patch_is_golden() -> None:
    assert lead_patch_body(
        status_id=6602,
        pipeline_id=5501,
        price=900,
        fields={991: None},
        tags_to_add=["trash"],
        tags_to_delete=["ambiguous"],
    ) == {
        "status_id": 6602,
        "pipeline_id": 5501,
        "price": 900,
        "custom_fields_values": [{"field_id": 991, "values": None}],
        "tags_to_add": [{"name": "trash"}],
        "tags_to_delete": [{"name": "ambiguous"}],
    }


@pytest.mark.parametrize(
    "change", [{}, {"status_id": 1}, {"tags_to_add": ["trash"], "tags_to_delete": ["trash"]}]
)
def test_contradictory_or_empty_patch_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Rejected):
        lead_patch_body(**change)


def test_contact_patch_is_golden() -> None:
    assert contact_patch_body(name="Ana", phone="+7 701", fields={7: "x"}, tags_to_add=["vip"]) == {
        "first_name": "Ana",
        "custom_fields_values": [
            {"field_code": "PHONE", "values": [{"value": "+7701", "enum_code": "MOB"}]},
            {"field_id": 7, "values": [{"value": "x"}]},
        ],
        "tags_to_add": [{"name": "vip"}],
    }
    with pytest.raises(Rejected):
        contact_patch_body()


def test_custom_field_body_orders_its_options() -> None:
    assert custom_field_body("Niche", "select", "cf_niche", ["school", "dental"]) == {
        "name": "Niche",
        "type": "select",
        "code": "CF_NICHE",
        "enums": [{"value": "school", "sort": 10}, {"value": "dental", "sort": 20}],
    }
    assert "enums" not in custom_field_body("Budget", "numeric", "CF_BUDGET_MONTH")


def contact(number: int, *phones: str, updated_at: int = 0) -> Contact:
    return Contact(number, "", phones, (), updated_at)


@pytest.mark.parametrize(
    ("phone", "matches"),
    [
        ("+77010000001", True),
        ("7 (701) 000-00-01", True),
        ("0077010000001", True),
        ("8 701 000 00 01", True),
        ("+8 701 000 00 01", False),
        ("7010000001", False),
        ("+177010000001", False),
        ("+770100000011", False),
        ("", False),
    ],
)
def test_phones_match_exactly_whatever_their_writing(phone: str, matches: bool) -> None:
    found = exact_matches([contact(1, "+1", phone)], "77010000001", trunk={"8": "7"})
    assert bool(found) is matches


def test_national_form_needs_a_named_country() -> None:
    assert exact_matches([contact(1, "8 701 000 00 01")], "77010000001") == []


def test_no_number_matches_nobody() -> None:
    assert exact_matches([contact(1, "")], "") == []


def test_newest_of_several_matches_comes_first() -> None:
    people = [
        contact(1, "+7701", updated_at=5),
        contact(2, "+7701", updated_at=9),
        contact(3, "+7701", updated_at=9),
    ]
    assert [person.id for person in exact_matches(people, "7701")] == [3, 2, 1]


def test_query_is_the_end_of_the_number() -> None:
    assert phone_query("+7 701 000 00 01") == "010000001"


def test_entities_are_read_with_what_is_optional_missing() -> None:
    assert parse_contact({"id": 4, "custom_fields_values": None}) == Contact(4, "", (), (), 0)
    full = {
        "id": 4,
        "name": "Ana",
        "updated_at": 9,
        "custom_fields_values": [
            {"field_code": "EMAIL", "values": [{"value": "a@example.org"}]},
            {"field_code": "PHONE", "values": [{"value": "+7701"}, {"value": "8702"}]},
        ],
        "_embedded": {"leads": [{"id": 30017}]},
    }
    assert parse_contact(full) == Contact(4, "Ana", ("+7701", "8702"), (30017,), 9)
    lead = parse_lead({"id": 1, "status_id": 142, "pipeline_id": 5, "price": None})
    assert (lead.price, lead.contact_ids, lead.tags) == (0, (), ())
