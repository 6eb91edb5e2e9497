"""Sealed values open only where they belong (design, decision 13)."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

import pytest

from arriwa.common.sealing import SealBroken, keyed_hash, seal, seal_json, unseal, unseal_json

A, B = UUID(int=1), UUID(int=2)
ROW = "subscriber:1:phone"
FIRST, SECOND = (hashlib.sha256(name).digest() for name in (b"first", b"second"))


@pytest.fixture(autouse=True)
def keys(settings: Any) -> Any:
    """One master key to begin with."""
    settings.MASTER_KEYS = {1: FIRST}
    return settings


@pytest.mark.parametrize("value", [b"", b"77015550001", b"\x00" * 70_000])
def test_what_is_sealed_opens_again(value: bytes) -> None:
    sealed = seal(value, organization=A, row=ROW)
    assert unseal(sealed, organization=A, row=ROW) == value
    assert unseal(memoryview(sealed), organization=A, row=ROW) == value


def test_json_keeps_its_letters() -> None:
    value = {"name": "Ана", "list": [1, None, True]}
    assert unseal_json(seal_json(value, organization=A, row=ROW), organization=A, row=ROW) == value


def test_a_sealed_value_shows_nothing_and_is_never_the_same() -> None:
    one, two = (seal(b"77015550001", organization=A, row=ROW) for _ in range(2))
    assert b"7701" not in one
    assert one != two


@pytest.mark.parametrize(
    "place", [{"organization": B, "row": ROW}, {"organization": A, "row": "subscriber:2:phone"}]
)
def test_a_value_moved_to_another_tenant_or_row_does_not_open(place: Any) -> None:
    sealed = seal(b"secret", organization=A, row=ROW)
    with pytest.raises(SealBroken):
        unseal(sealed, **place)


def test_no_changed_byte_goes_unseen() -> None:
    sealed = seal(b"secret", organization=A, row=ROW)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(SealBroken):
            unseal(bytes(changed), organization=A, row=ROW)


@pytest.mark.parametrize("length", [0, 1, 2, 13, 14, 29])
def test_a_truncated_value_does_not_open(length: int) -> None:
    sealed = seal(b"secret", organization=A, row=ROW)
    with pytest.raises(SealBroken):
        unseal(sealed[:length], organization=A, row=ROW)


def test_a_new_master_key_seals_and_the_old_one_still_opens(keys: Any) -> None:
    old = seal(b"secret", organization=A, row=ROW)
    keys.MASTER_KEYS = {1: FIRST, 2: SECOND}
    new = seal(b"secret", organization=A, row=ROW)
    assert (old[1], new[1]) == (1, 2)
    assert unseal(old, organization=A, row=ROW) == unseal(new, organization=A, row=ROW) == b"secret"
    keys.MASTER_KEYS = {2: SECOND}
    assert unseal(new, organization=A, row=ROW) == b"secret"
    with pytest.raises(SealBroken):
        unseal(old, organization=A, row=ROW)


def test_a_key_id_alone_opens_nothing(keys: Any) -> None:
    sealed = seal(b"secret", organization=A, row=ROW)
    keys.MASTER_KEYS = {1: SECOND}
    with pytest.raises(SealBroken):
        unseal(sealed, organization=A, row=ROW)


def test_without_a_master_key_nothing_is_sealed(keys: Any) -> None:
    keys.MASTER_KEYS = {}
    with pytest.raises(SealBroken, match="ARRIWA_MASTER_KEY"):
        seal(b"secret", organization=A, row=ROW)


def test_a_keyed_hash_outlives_rotation_and_tells_tenants_apart(keys: Any) -> None:
    before = keyed_hash("77015550001", organization=A, purpose="phone")
    keys.MASTER_KEYS = {1: FIRST, 2: SECOND}
    assert keyed_hash("77015550001", organization=A, purpose="phone") == before
    assert keyed_hash("77015550001", organization=B, purpose="phone") != before
    assert keyed_hash("77015550001", organization=A, purpose="other") != before
    assert before != hashlib.sha256(b"77015550001").hexdigest()
    assert len(before) == 64
