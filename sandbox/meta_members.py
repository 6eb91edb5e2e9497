"""Members of custom audiences: adding, removing, erasing. Source: reference/meta.md 4.2 and 4.4."""

from __future__ import annotations

import secrets
from typing import Any

from sandbox.meta_events import SHA256_HEX
from sandbox.meta_graph import Audience, Call, GraphError

MULTI_KEYS = frozenset(
    [
        "EMAIL",
        "PHONE",
        "GEN",
        "DOBY",
        "DOBM",
        "DOBD",
        "FN",
        "LN",
        "FI",
        "CT",
        "ST",
        "ZIP",
        "COUNTRY",
        "MADID",
        "EXTERN_ID",
        "PAGEUID",
        "LOOKALIKE_VALUE",
    ]
)
SINGLE_KEYS = {"PHONE_SHA256": "PHONE", "EMAIL_SHA256": "EMAIL", "MOBILE_ADVERTISER_ID": "MADID"}
NOT_HASHED = frozenset({"EXTERN_ID", "MADID", "PAGEUID", "LOOKALIKE_VALUE"})
#: By one of these alone a person can be told; in the order in which one becomes the member's key.
IDENTITY = ("EXTERN_ID", "PHONE", "EMAIL", "MADID", "PAGEUID")
MAX_ROWS = 10_000


def require_terms(call: Call) -> None:
    """Raises GraphError 200/1870090 when the account's `custom_audience_tos` is set to false."""
    if not call.settings.get("custom_audience_tos", True):
        raise GraphError(
            "(#200) Permissions error: Custom Audience terms have not been accepted",
            200,
            1870090,
            status=403,
            title="Terms of service not accepted",
        )


def change_members(call: Call, audience: Audience) -> dict[str, Any]:
    """POST (add) or DELETE (remove) /{audience id}/users. Rows that name nobody are counted invalid."""
    require_terms(call)
    if audience.settings["subtype"] != "CUSTOM":
        raise GraphError("(#2650) Only customer-file audiences take members", 2650)
    operation = {"POST": "add", "DELETE": "remove"}[call.method]
    schema, rows = _payload(call)
    session = _session(call, schema)
    people, invalid = _people(schema, rows)
    keys = []
    for person in people:
        for key in _same_person(audience, person) if operation == "remove" else []:
            del audience.members[key]
        if operation == "add":
            audience.members[member_key(person)] = person
        keys.append(member_key(person))
    audience.updated = int(call.world.now())
    audience.history.append(
        {"op": operation, "at": call.world.now(), "keys": keys, "num_received": len(rows), **session}
        | {"num_invalid_entries": len(invalid)}
    )
    return {"audience_id": audience.id, **_counts(session, rows, invalid)}


def erase(call: Call) -> dict[str, Any]:
    """DELETE /act_{id}/usersofanyaudience: out of all customer-file audiences of the ad account."""
    require_terms(call)
    schema, rows = _payload(call)
    session = _session(call, schema)
    people, invalid = _people(schema, rows)
    touched = []
    for audience in call.held.audiences.values():
        if (audience.account, audience.ad_account_id) != (call.account, str(call.settings["ad_account_id"])):
            continue
        gone = {key for person in people for key in _same_person(audience, person)}
        for key in gone:
            del audience.members[key]
        if gone:
            audience.history.append(
                {"op": "remove", "at": call.world.now(), "keys": sorted(gone), "erasure": True, **session}
            )
            touched.append(audience.id)
    call.held.erasures.append(
        {
            "account": call.account,
            "at": call.world.now(),
            "keys": [member_key(person) for person in people],
            "audiences": touched,
            **session,
        }
    )
    return _counts(session, rows, invalid)


def _counts(session: dict[str, Any], rows: list[Any], invalid: dict[str, str]) -> dict[str, Any]:
    return {
        "session_id": session["session_id"],
        "num_received": len(rows),
        "num_invalid_entries": len(invalid),
        "invalid_entry_samples": dict(list(invalid.items())[:10]),
    }


def member_key(person: dict[str, str]) -> str:
    """What a member is kept under: its EXTERN_ID, else its phone hash, else the next identity."""
    return next(person[name] for name in IDENTITY if person.get(name))


def _same_person(audience: Audience, person: dict[str, str]) -> list[str]:
    return [
        key
        for key, member in audience.members.items()
        if any(person.get(name) and person.get(name) == member.get(name) for name in IDENTITY)
    ]


def _payload(call: Call) -> tuple[list[str], list[list[str]]]:
    payload = call.params.get("payload")
    if not isinstance(payload, dict):
        raise GraphError("(#100) The parameter payload is required and must be an object")
    schema, data = payload.get("schema"), payload.get("data")
    if isinstance(schema, str) and schema in SINGLE_KEYS:
        names = [SINGLE_KEYS[schema]]
    elif (
        isinstance(schema, list) and schema and set(schema) <= MULTI_KEYS and len(set(schema)) == len(schema)
    ):
        names = schema
    elif isinstance(schema, str) and schema in MULTI_KEYS:
        names = [schema]
    else:
        raise GraphError(f"(#100) Invalid schema: use {[*SINGLE_KEYS]} or a list of {sorted(MULTI_KEYS)}")
    if not isinstance(data, list) or not data:
        raise GraphError("(#100) param payload.data must be a non-empty array")
    if len(data) > MAX_ROWS:
        raise GraphError(f"(#100) param payload.data holds more than {MAX_ROWS} rows, split the batch")
    rows = [row if isinstance(row, list) else [row] for row in data]
    if any(len(row) != len(names) for row in rows):
        raise GraphError("(#100) Each row of payload.data must have as many cells as payload.schema")
    return names, rows


def _session(call: Call, schema: list[str]) -> dict[str, Any]:
    """Checks the session; Meta makes one up when none is given. Raises GraphError 100."""
    session = call.params.get("session")
    if session is None:
        return {"session_id": str(secrets.randbelow(2**62) + 1), "batch_seq": 1, "last_batch_flag": True}
    number, batch = session.get("session_id"), session.get("batch_seq")
    if not str(number).isdigit() or not 0 < int(number) < 2**63:
        raise GraphError("(#100) param session.session_id must be a positive 64-bit integer")
    if not isinstance(batch, int) or batch < 1:
        raise GraphError("(#100) param session.batch_seq must be an integer from 1")
    began = call.held.sessions.setdefault((str(call.settings["ad_account_id"]), str(number)), schema)
    if began != schema:
        raise GraphError("(#100) The schema must stay the same through a session")
    return {
        "session_id": str(number),
        "batch_seq": batch,
        "last_batch_flag": bool(session.get("last_batch_flag")),
    }


def _people(schema: list[str], rows: list[list[Any]]) -> tuple[list[dict[str, str]], dict[str, str]]:
    """(people, row number -> reason) of the rows; a cell of an unknown value is an empty text."""
    people, invalid = [], {}
    for number, row in enumerate(rows):
        person = {name: str(cell) for name, cell in zip(schema, row, strict=True) if cell not in (None, "")}
        unhashed = [n for n, v in person.items() if n not in NOT_HASHED and not SHA256_HEX.fullmatch(v)]
        if unhashed:
            invalid[str(number)] = f"{', '.join(unhashed)} must be SHA-256 in lower-case hex"
        elif not any(person.get(name) for name in IDENTITY):
            invalid[str(number)] = "the row names nobody"
        else:
            people.append(person)
    return people, invalid
