"""Working off receipts: one transaction per item of a hook (design 3).

A receipt's row is locked while one of its items is served, so a process that dies gives it back at
once. What cannot be served becomes a dead receipt in the tenant's schema, never a lost one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import DataError, transaction
from django.db import connection as db
from django_tenants.utils import schema_context

from arriwa.common import sealing
from arriwa.common.errors import ArriwaError
from arriwa.common.schema import current_schema
from arriwa.outbox.enqueue import real_now
from arriwa.outbox.finish import backoff
from integrations.base.hooks import BrokenItem, UnparsableHook
from integrations.models import DeadReceipt
from integrations.receipts.models import Receipt
from integrations.receipts.receiver import hook_handler
from subscribers.inbound import HookIgnored, Inbound
from tenants.context import organization_id_of

logger = logging.getLogger(__name__)

#: Tries before a failing item becomes a dead receipt.
MAX_ATTEMPTS = 8
OUR_FAULT = "Our own code failed; the log tells where. Correct it and replay this receipt."


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a hook came in."""

    platform: str
    organization: UUID
    workspace: UUID
    connection: UUID
    received_at: datetime


Intake = Callable[[Origin, Inbound], None]
_intakes: dict[str, Intake] = {}


class NoIntake(ArriwaError):
    """No code takes in this platform's hooks; replay the receipt once a release does."""


def register_intake(platform: str, function: Intake) -> None:
    """`function` turns a platform's normalized events into facts, inside a transaction."""
    _intakes[platform] = function


def drain_receipts(*, limit: int = 1000) -> int:
    """Works off due receipts, oldest first. Returns how many items were served."""
    served = 0
    while served < limit and _serve_one():
        served += 1
    return served


_NEXT = """
SELECT id, uid, platform, schema_name, workspace_uuid, connection_uuid, received_at, attempts, done,
       body_sealed
FROM public.receipts_receipt WHERE available_at <= %s ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1
"""


def _serve_one() -> bool:
    """Serves the next item of the oldest due receipt; False when there is none."""
    with transaction.atomic():
        with db.cursor() as cursor:
            cursor.execute(_NEXT, (real_now(),))
            row = cursor.fetchone()
        if row is None:
            return False
        names = ("id", "uid", "platform", "schema_name", "workspace_uuid", "connection_uuid")
        more = ("received_at", "attempts", "done", "body_sealed")
        receipt = Receipt(**dict(zip(names + more, row, strict=True)))
        try:
            with transaction.atomic(), schema_context(receipt.schema_name):
                _serve_item(receipt)
        except Exception:
            # Nothing may stand at the head for ever: not even what cannot be opened.
            logger.exception("a receipt of %s could not be worked off; it is tried again", receipt.platform)
            _put_off(receipt)
    return True


def _serve_item(receipt: Receipt) -> None:
    organization = organization_id_of(receipt.schema_name)
    origin = Origin(
        receipt.platform,
        organization,
        receipt.workspace_uuid,
        receipt.connection_uuid,
        receipt.received_at,
    )
    raw = sealing.unseal(receipt.body_sealed, organization=organization, row=receipt.seal_row)
    try:
        items = _items(receipt, raw)
    except ArriwaError as error:
        _bury(origin, raw, error.code, error.message)
        _leave(receipt)
        return
    except Exception as error:
        logger.exception("a hook of %s could not be parsed", receipt.platform)
        _bury(origin, raw, type(error).__name__, OUR_FAULT)
        _leave(receipt)
        return
    if receipt.done < len(items):
        item = items[receipt.done]
        try:
            with transaction.atomic():
                _take_in(origin, item)
        except ArriwaError as error:
            logger.warning("a hook of %s was refused: %s", receipt.platform, error.code)
            _bury(origin, raw, error.code, error.message)
        except Exception as error:
            logger.exception("a hook of %s could not be served", receipt.platform)
            # The database takes such values never, whatever the attempt.
            if receipt.attempts + 1 < MAX_ATTEMPTS and not isinstance(error, DataError):
                _put_off(receipt)
                return
            _bury(origin, raw, type(error).__name__, OUR_FAULT)
    if receipt.done + 1 >= len(items):
        _leave(receipt)
    else:
        with db.cursor() as cursor:
            cursor.execute(
                "UPDATE public.receipts_receipt SET done = done + 1, attempts = 0 WHERE id = %s",
                (receipt.id,),
            )


def _items(receipt: Receipt, raw: bytes) -> list[Inbound | BrokenItem]:
    """The hook's items. Raises UnparsableHook, NoIntake."""
    handler = hook_handler(receipt.platform)
    if handler is None or receipt.platform not in _intakes:
        raise NoIntake()
    return handler.parse(raw)


def _take_in(origin: Origin, item: Inbound | BrokenItem) -> None:
    if isinstance(item, BrokenItem):
        raise UnparsableHook(f"One item of the hook cannot be read: {item.reason}")
    if isinstance(item, HookIgnored) and not item.key:
        return
    if event_is_new(item.key, origin.received_at):
        _intakes[origin.platform](origin, item)


def event_is_new(key: str, at: datetime) -> bool:
    """Notes the event's key; False when it was taken in before (R1)."""
    with db.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {db.ops.quote_name(current_schema())}.integrations_inboundevent"
            " (key, received_at) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            (key[:240], at),
        )
        return bool(cursor.rowcount)


def _bury(origin: Origin, raw: bytes, code: str, text: str) -> None:
    """Keeps the whole hook: a part of it could not be replayed, and its siblings' keys keep them out."""
    dead = DeadReceipt(
        platform=origin.platform,
        connection_uuid=origin.connection,
        workspace_uuid=origin.workspace,
        received_at=origin.received_at,
        error_code=code[:64],
        error_text=text[:400],
    )
    dead.body_sealed = sealing.seal(raw, organization=origin.organization, row=dead.seal_row)
    dead.save(force_insert=True)


def _leave(receipt: Receipt) -> None:
    with db.cursor() as cursor:
        cursor.execute("DELETE FROM public.receipts_receipt WHERE id = %s", (receipt.id,))


def _put_off(receipt: Receipt) -> None:
    due = real_now() + timedelta(seconds=backoff(receipt.attempts + 1))
    with db.cursor() as cursor:
        cursor.execute(
            "UPDATE public.receipts_receipt SET attempts = attempts + 1, available_at = %s WHERE id = %s",
            (due, receipt.id),
        )
