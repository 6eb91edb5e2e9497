"""Accounts of support."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.db import connection

from tenants.models import User
from tenants.staff import staff_create


@pytest.fixture(autouse=True)
def public(database: None) -> None:
    connection.set_schema_to_public()


def test_the_demos_account_is_made_once_and_takes_the_kept_password() -> None:
    first = staff_create(username="demo-staff", email="demo-staff@arriwa.example", password="one password")
    hashed = User.objects.get(id=first.id).password
    again = staff_create(username="demo-staff", email="", password="one password")
    assert again.id == first.id and User.objects.get(id=first.id).password == hashed
    staff_create(username="demo-staff", email="", password="another password")
    assert authenticate(None, username="demo-staff", password="another password") == first
    assert authenticate(None, username="demo-staff", password="one password") is None
    first.delete()


def test_createsuperuser_makes_an_account_that_can_sign_in(monkeypatch: Any) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a password of their own")
    call_command("createsuperuser", interactive=False, username="first", email="first@arriwa.example")
    user = authenticate(None, username="first", password="a password of their own")
    assert user is not None and user.is_staff
    user.delete()
