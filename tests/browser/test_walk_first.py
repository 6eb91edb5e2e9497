from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser


def test_walk(owner_of: Any) -> None:
    owner = owner_of(name="Ana Ozola")
    owner.sign_in()
    owner.set_up()
