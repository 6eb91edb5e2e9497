"""What belongs to the second organization, in its schema and at the platforms."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.support.sandbox import ROOT, Sandbox


def fingerprint(cursor: Any, schema_name: str) -> str:
    """A hash over every row of every table of a schema."""
    cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", (schema_name,))
    row = "string_agg(md5(t::text), ',' ORDER BY md5(t::text))"
    parts = (f'SELECT \'{table}\', {row} FROM "{schema_name}"."{table}" t' for (table,) in cursor.fetchall())
    cursor.execute(" UNION ALL ".join(parts))
    return hashlib.sha256(str(sorted(cursor.fetchall())).encode()).hexdigest()


def holdings(sandbox: Sandbox, account: str) -> dict[str, Any]:
    """The parts of every platform's state that name one of the account's ids."""
    accounts = json.loads((ROOT / "sandbox" / "accounts.json").read_text())
    accounts_of = dict(accounts)
    mine, others = _ids(accounts.pop(account)), set[str]()
    for other in accounts.values():
        others |= _ids(other)
    held = sandbox.get("/_state")
    kommo = held.pop("kommo")[accounts_of[account]["kommo"]["subdomain"]]
    return {"kommo": kommo} | {name: _named(part, mine - others) for name, part in held.items()}


def _ids(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*(_ids(item) for item in value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*(_ids(item) for item in value)) if value else set()
    # Short values and plain words, such as "other", name nobody.
    text = str(value)
    return {text} if len(text) > 3 and any(c.isdigit() for c in text) else set()


def _named(value: Any, ids: set[str]) -> Any:
    """List items that mention one of `ids`, and what stands under them, whole."""
    if isinstance(value, list):
        return [item for item in value if _ids(item) & ids]
    if isinstance(value, dict):
        return {
            key: item if key in ids else _named(item, ids)
            for key, item in value.items()
            if key in ids or isinstance(item, dict | list)
        }
    return value
