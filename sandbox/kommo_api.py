"""The routes of Kommo's API v4. Source: reference/crm_pay_audiences.md A4 and A6."""

from __future__ import annotations

from collections.abc import Callable

from sandbox import kommo_read as read
from sandbox import kommo_webhooks as webhooks
from sandbox import kommo_write as write
from sandbox.kommo_call import Answer, Call, Problem


def route(call: Call) -> Answer:
    """(status, answer) of a request; None is an empty body. Raises Problem."""
    shape = tuple("#" if part.isdigit() else part for part in call.path)
    handlers = _ROUTES.get(shape)
    if handlers is None:
        raise Problem(404, "Not Found", "The page does not exist")
    if call.method not in handlers:
        raise Problem(405, "Method Not Allowed", f"Use {', '.join(handlers)}")
    return handlers[call.method](call)


def _routes_of(kind: str) -> dict[tuple[str, ...], dict[str, Callable[[Call], Answer]]]:
    return {
        (kind,): {"GET": read.listing(kind), "POST": write.add(kind), "PATCH": write.patch_many(kind)},
        (kind, "#"): {"GET": read.one(kind), "PATCH": write.patch_one(kind)},
        (kind, "custom_fields"): {
            "GET": read.fields(kind),
            "POST": write.add_fields(kind),
            "PATCH": write.patch_fields(kind),
        },
        (kind, "custom_fields", "#"): {"PATCH": write.patch_fields(kind)},
        (kind, "tags"): {"GET": read.tags(kind)},
        (kind, "notes"): {"GET": read.notes(kind), "POST": write.add_notes(kind)},
        (kind, "#", "notes"): {"GET": read.notes(kind), "POST": write.add_notes(kind)},
    }


_ROUTES: dict[tuple[str, ...], dict[str, Callable[[Call], Answer]]] = {
    ("account",): {"GET": read.account},
    ("users",): {"GET": read.users},
    ("leads", "complex"): {"POST": write.complex_add},
    ("leads", "pipelines"): {"GET": read.pipelines, "POST": write.add_pipelines},
    ("leads", "pipelines", "#"): {"GET": read.one_pipeline},
    ("leads", "pipelines", "#", "statuses"): {"GET": read.statuses, "POST": write.add_statuses},
    ("webhooks",): {"GET": webhooks.listing, "POST": webhooks.add, "DELETE": webhooks.delete},
    **_routes_of("leads"),
    **_routes_of("contacts"),
}
