"""Kommo's OAuth, pure: hosts, addresses, and what a token says of its end."""

from __future__ import annotations

import base64
import json

import pytest

from integrations.base.errors import ConfigurationError
from integrations.kommo.config import DEFAULT_URL, account_url, subdomain_of
from integrations.kommo.oauth import Integration, TokenClient, TokenPair, authorize_url, token_expiry


def jwt(claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"head.{body}.sign"


@pytest.mark.parametrize(
    ("given", "subdomain"),
    [
        ("acme", "acme"),
        ("ACME.kommo.com", "acme"),
        ("https://acme.amocrm.ru/leads/pipeline/1", "acme"),
        (" acme.amocrm.com ", "acme"),
    ],
)
def test_what_people_paste_is_read(given: str, subdomain: str) -> None:
    assert subdomain_of(given) == subdomain


@pytest.mark.parametrize("given", ["", "a.b", "evil.example", "acme.kommo.com.evil.example", "-a", "a b"])
def test_what_is_no_account_is_refused(given: str) -> None:
    with pytest.raises(ConfigurationError):
        subdomain_of(given)


def test_an_amocrm_account_is_called_at_its_own_host_unless_the_operator_says_else() -> None:
    assert account_url(DEFAULT_URL, subdomain="acme") == "https://acme.kommo.com"
    assert account_url(DEFAULT_URL, subdomain="acme", host="acme.amocrm.ru") == "https://acme.amocrm.ru"
    proxy = "http://proxy/kommo/{subdomain}"
    assert account_url(proxy, subdomain="acme", host="acme.amocrm.ru") == "http://proxy/kommo/acme"
    for host in ("evil.example", "acme.kommo.com\n", "acme.kommo.com@evil.example", "acme.kommo.com:8080"):
        with pytest.raises(ConfigurationError):
            account_url(DEFAULT_URL, subdomain="acme", host=host)


def test_a_tokens_end_is_read_where_it_says_one() -> None:
    found = token_expiry(jwt({"exp": 1_900_000_000}))
    assert found is not None and found.timestamp() == 1_900_000_000
    nothing = ("plain-token", "a.b", jwt({}), jwt([]), jwt({"exp": "soon"}), jwt({"exp": 1e300}), "a.%.c")
    for silent in nothing:
        assert token_expiry(silent) is None


def test_the_owner_is_sent_with_the_state_and_no_secret() -> None:
    url = authorize_url("https://www.kommo.com/oauth", client_id="c1", state="a b")
    assert url == "https://www.kommo.com/oauth?client_id=c1&state=a+b&mode=popup"


def test_secrets_show_in_no_repr() -> None:
    ours = Integration("c1", "very-secret", "https://x.example/cb")
    found = token_expiry(jwt({"exp": 1}))
    assert found is not None
    pair = TokenPair("access-secret", "refresh-secret", found)
    assert "secret" not in repr(ours) + repr(pair)
    with pytest.raises(ConfigurationError):
        TokenClient(base_url=DEFAULT_URL, subdomain="acme", host="evil.example", integration=ours)
