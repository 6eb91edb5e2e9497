"""Working off receipts: one transaction per item of a hook (design 3).

A receipt's row is locked while one of its items is served, so a process that dies gives it back at
once. What cannot be served becomes a dead receipt in the tenant's schema, never a lost one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from django.db import DataError, OperationalError, transaction
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


class TakesTogether(Protocol):
    """How a platform takes in many small facts by few statements, in one transaction."""

    def fits(self, item: Inbound) -> bool:
        """Whether the item is such a small fact."""

    def take_in(self, offered: Sequence[tuple[Origin, Inbound]]) -> list[bool]:
        """In the organization's schema: takes in what is simple; tells for each item whether it was.

        Notes keys with `events_new`; locks no conversation, so that groups cannot block each other.
        """


_together: dict[str, TakesTogether] = {}
#: Receipts looked at in one go.
WINDOW = 16


def register_together(platform: str, way: TakesTogether) -> None:
    """Small facts of `platform`, such as statuses, need not come one by one."""
    _together[platform] = way


def drain_receipts(*, limit: int = 1000, patience: float = 0.0) -> int:
    """Works off due receipts, people's words first. Returns how many items were served.

    Small facts may wait `patience` seconds for others of their kind.
    """
    served = 0
    while served < limit:
        count = _serve_some(patience)
        if not count:
            break
        served += count
    return served


def _serve_some(patience: float) -> int:
    """Serves the oldest receipt that is no small fact, or small facts of one organization together."""
    try:
        with transaction.atomic():
            receipts = _due(WINDOW)
            if not receipts:
                return 0
            items = [_small_fact(receipt) for receipt in receipts]
            if None in items:
                _serve(receipts[items.index(None)])
                return 1
            waited = (real_now() - receipts[0].available_at).total_seconds()
            if len(receipts) < WINDOW and 0 <= waited < patience:
                return 0
            served = _serve_together(list(zip(receipts, items, strict=True)))
            if not served:
                _serve(receipts[0])
            return served or 1
    except OperationalError:
        raise
    except Exception:
        # Any fault of the group: alone, the one that has it is found and put off.
        logger.exception("receipts could not be served together; the oldest goes alone")
    with transaction.atomic():
        oldest = _due(1)
        for receipt in oldest:
            _serve(receipt)
        return len(oldest)


def _serve_together(pairs: Sequence[tuple[Receipt, Inbound | None]]) -> int:
    head = pairs[0][0]
    group = [
        (receipt, item)
        for receipt, item in pairs
        if item is not None and (receipt.schema_name, receipt.platform) == (head.schema_name, head.platform)
    ]
    with schema_context(head.schema_name):
        taken = _together[head.platform].take_in([(_origin(receipt), item) for receipt, item in group])
    done = [receipt.id for (receipt, _), yes in zip(group, taken, strict=True) if yes]
    if done:
        with db.cursor() as cursor:
            cursor.execute("DELETE FROM public.receipts_receipt WHERE id = ANY(%s)", (done,))
    return len(done)


#: What a waiting receipt was found to be; it is looked at more than once.
_small: dict[UUID, Inbound | None] = {}
_SMALL_LIMIT = 4096


def _small_fact(receipt: Receipt) -> Inbound | None:
    """The only item of a receipt that may be taken in together with others, None for any other."""
    way = _together.get(receipt.platform)
    if way is None or receipt.done or receipt.attempts:
        return None
    if receipt.uid not in _small:
        if len(_small) >= _SMALL_LIMIT:
            _small.clear()
        _small[receipt.uid] = _read_small(receipt, way)
    return _small.get(receipt.uid)


def _read_small(receipt: Receipt, way: TakesTogether) -> Inbound | None:
    organization = organization_id_of(receipt.schema_name)
    try:
        raw = sealing.unseal(receipt.body_sealed, organization=organization, row=receipt.seal_row)
        items = _items(receipt, raw)
    except Exception as error:
        # Served alone, it tells what is wrong with it.
        logger.debug("a receipt of %s cannot be read (%s)", receipt.platform, type(error).__name__)
        return None
    item = items[0] if len(items) == 1 else None
    return item if item is not None and not isinstance(item, BrokenItem) and way.fits(item) else None


_NEXT = """
SELECT id, uid, platform, schema_name, workspace_uuid, connection_uuid, received_at, attempts, done,
       body_sealed, available_at
FROM public.receipts_receipt WHERE available_at <= %s ORDER BY id FOR UPDATE SKIP LOCKED LIMIT %s
"""


_NAMES = (
    "id", "uid", "platform", "schema_name", "workspace_uuid", "connection_uuid", "received_at", "attempts",
    "done", "body_sealed", "available_at",
)  # fmt: skip


def _due(count: int) -> list[Receipt]:
    """The oldest due receipts that nobody else serves, locked."""
    with db.cursor() as cursor:
        cursor.execute(_NEXT, (real_now(), count))
        return [Receipt(**dict(zip(_NAMES, row, strict=True))) for row in cursor.fetchall()]


def _serve(receipt: Receipt) -> None:
    """Serves the next item of a receipt, or puts it off."""
    try:
        with transaction.atomic(), schema_context(receipt.schema_name):
            _serve_item(receipt)
    except Exception:
        # Nothing may stand at the head for ever: not even what cannot be opened.
        logger.exception("a receipt of %s could not be worked off; it is tried again", receipt.platform)
        _put_off(receipt)


def _origin(receipt: Receipt) -> Origin:
    return Origin(
        receipt.platform,
        organization_id_of(receipt.schema_name),
        receipt.workspace_uuid,
        receipt.connection_uuid,
        receipt.received_at,
    )


def _serve_item(receipt: Receipt) -> None:
    origin = _origin(receipt)
    raw = sealing.unseal(receipt.body_sealed, organization=origin.organization, row=receipt.seal_row)
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
    return bool(events_new([key], at))


def events_new(keys: Sequence[str], at: datetime) -> set[str]:
    """Notes the events' keys; those that were not taken in before (R1)."""
    by_cut = {key[:240]: key for key in keys}
    with db.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {db.ops.quote_name(current_schema())}.integrations_inboundevent"
            " (key, received_at) SELECT k, %s FROM unnest(%s::text[]) k ORDER BY k"
            " ON CONFLICT DO NOTHING RETURNING key",
            (at, list(by_cut)),
        )
        return {by_cut[row[0]] for row in cursor.fetchall()}


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
