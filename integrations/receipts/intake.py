"""Working off receipts: one transaction per item of a hook (design 3).

A receipt's row is locked while one of its items is served, so a process that dies gives it back at
once. What cannot be served becomes a dead receipt in the tenant's schema, never a lost one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from django.db import DataError, OperationalError, transaction
from django_tenants.utils import schema_context

from arriwa.common import sealing
from arriwa.common.errors import ArriwaError
from arriwa.common.statements import row_insert
from arriwa.outbox.enqueue import real_now
from integrations.base.hooks import BrokenItem, UnparsableHook
from integrations.models import DeadReceipt
from integrations.receipts.models import Receipt
from integrations.receipts.queue import (
    receipt_advance,
    receipt_again,
    receipt_put_off,
    receipts_due,
    receipts_leave,
)
from integrations.receipts.receiver import hook_handler
from integrations.receipts.registry import (
    NoIntake,
    Origin,
    TakesTogether,
    event_is_new,
    intakes,
    together_ways,
)
from subscribers.inbound import HookIgnored, Inbound
from tenants.context import organization_id_of

logger = logging.getLogger(__name__)

#: Tries before a failing item becomes a dead receipt.
MAX_ATTEMPTS = 8
OUR_FAULT = "Our own code failed; the log tells where. Correct it and replay this receipt."


#: Receipts looked at in one go.
WINDOW = 32
#: A message has four statuses; enough to see that there is more.
GLANCE = 6


def drain_receipts(*, limit: int = 1000, patience: float = 0.0) -> int:
    """Works off due receipts, people's words first. Returns how many items were served.

    Small facts may wait `patience` seconds for others of their kind.
    """
    served, more = 0, True
    while more and served < limit:
        count, more = _serve_some(patience)
        served += count
    return served


class _Waiting(threading.local):
    """Small facts that this thread has seen and lets wait for others: they are not read at each look."""

    ids: tuple[int, ...] = ()
    since = datetime.min.replace(tzinfo=UTC)


_waiting = _Waiting()


def _serve_some(patience: float) -> tuple[int, bool]:
    """Serves the oldest receipt that is no small fact, or small facts of one organization together.

    Returns how many items were served, and whether another look may find more.
    """
    head, alone = None, False
    try:
        with transaction.atomic():
            receipts = _look(patience)
            if not receipts:
                return 0, False
            items = [_small_fact(receipt) for receipt in receipts]
            alone = None in items
            head = receipts[items.index(None) if alone else 0]
            if not alone:
                served = _serve_together(list(zip(receipts, items, strict=True)))
                if served:
                    return served, len(receipts) > served
                alone = True
            return 1, _serve(head) or len(receipts) > 1
    except OperationalError:
        raise
    except Exception as error:
        # Any fault: what was begun is undone, and the queue goes on.
        if head is None:
            raise
        if alone:
            return _after_failure(head, error)
        logger.exception("receipts could not be served together; the oldest goes alone")
    return _serve_alone(head)


def _look(patience: float) -> list[Receipt]:
    """What is to be served now, locked; [] when there is nothing, or only facts that may still wait."""
    now = real_now()
    but = _waiting.ids if (now - _waiting.since).total_seconds() < patience else ()
    # Almost always somebody's words come first; then nothing behind them need be read.
    receipts = receipts_due(GLANCE, but=but)
    if not receipts or _small_fact(receipts[0]) is None:
        return receipts
    if len(receipts) == GLANCE:
        receipts = receipts_due(WINDOW, but=but)
    small = all(_small_fact(receipt) is not None for receipt in receipts)
    if not small or not patience:
        return receipts
    if not but:
        _waiting.since = receipts[0].available_at if receipts else now
    _waiting.ids = (*but, *(receipt.id for receipt in receipts))
    if len(_waiting.ids) < WINDOW and 0 <= (now - _waiting.since).total_seconds() < patience:
        return []
    _waiting.ids = ()
    return receipts_due(WINDOW) if but else receipts


def _serve_alone(receipt: Receipt) -> tuple[int, bool]:
    try:
        with transaction.atomic():
            mine = receipt_again(receipt)
            if mine is not None:
                _serve(mine)
    except OperationalError:
        raise
    except Exception as error:
        # Any fault: see `_after_failure`.
        return _after_failure(receipt, error)
    return 1, True


def _serve_together(pairs: Sequence[tuple[Receipt, Inbound | None]]) -> int:
    head = pairs[0][0]
    group = [
        (receipt, item)
        for receipt, item in pairs
        if item is not None and (receipt.schema_name, receipt.platform) == (head.schema_name, head.platform)
    ]
    with schema_context(head.schema_name):
        taken = together_ways[head.platform].take_in([(_origin(receipt), item) for receipt, item in group])
    done = [receipt.id for (receipt, _), yes in zip(group, taken, strict=True) if yes]
    if done:
        receipts_leave(done)
    return len(done)


#: What a waiting receipt was found to be; it is looked at more than once.
_small: dict[UUID, Inbound | None] = {}
_SMALL_LIMIT = 4096


def _small_fact(receipt: Receipt) -> Inbound | None:
    """The only item of a receipt that may be taken in together with others, None for any other."""
    way = together_ways.get(receipt.platform)
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


def _serve(receipt: Receipt) -> bool:
    """Serves the receipt's next item; tells whether more of its items wait."""
    with schema_context(receipt.schema_name):
        origin = _origin(receipt)
        items = _items(receipt, _opened(receipt, origin))
        if receipt.done < len(items):
            _take_in(origin, items[receipt.done])
        return _pass_on(receipt, len(items))


def _pass_on(receipt: Receipt, items: int) -> bool:
    if receipt.done + 1 >= items:
        receipts_leave([receipt.id])
        return False
    receipt_advance(receipt)
    return True


def _after_failure(receipt: Receipt, error: Exception) -> tuple[int, bool]:
    """Nothing of the item was taken in: it is put off, or kept as a dead receipt. Never lost.

    Nothing may stand at the head for ever, not even what cannot be opened.
    """
    with transaction.atomic(), schema_context(receipt.schema_name):
        mine = receipt_again(receipt)
        if mine is not None:
            _settle(mine, error)
    return 1, True


def _settle(receipt: Receipt, error: Exception) -> None:
    origin = _origin(receipt)
    try:
        raw = _opened(receipt, origin)
    except Exception:
        # Moved, or its key is gone: a person may bring it back.
        logger.exception("a receipt of %s could not be worked off; it is tried again", receipt.platform)
        receipt_put_off(receipt)
        return
    try:
        items = len(_items(receipt, raw))
    except Exception as unreadable:
        # No attempt will read it; the parser's release does, by a replay.
        error, items = unreadable, 0
    if isinstance(error, ArriwaError):
        logger.warning("a hook of %s was refused: %s", receipt.platform, error.code)
        _bury(origin, raw, error.code, error.message)
    else:
        logger.error("a hook of %s could not be served", receipt.platform, exc_info=error)
        # The database takes some values never, whatever the attempt.
        hopeless = not items or isinstance(error, DataError)
        if not hopeless and receipt.attempts + 1 < MAX_ATTEMPTS:
            receipt_put_off(receipt)
            return
        _bury(origin, raw, type(error).__name__, OUR_FAULT)
    _pass_on(receipt, items)


def _origin(receipt: Receipt) -> Origin:
    return Origin(
        receipt.platform,
        organization_id_of(receipt.schema_name),
        receipt.workspace_uuid,
        receipt.connection_uuid,
        receipt.received_at,
    )


def _opened(receipt: Receipt, origin: Origin) -> bytes:
    return sealing.unseal(receipt.body_sealed, organization=origin.organization, row=receipt.seal_row)


def _items(receipt: Receipt, raw: bytes) -> list[Inbound | BrokenItem]:
    """The hook's items. Raises UnparsableHook, NoIntake."""
    handler = hook_handler(receipt.platform)
    if handler is None or receipt.platform not in intakes:
        raise NoIntake()
    return handler.parse(raw)


def _take_in(origin: Origin, item: Inbound | BrokenItem) -> None:
    if isinstance(item, BrokenItem):
        raise UnparsableHook(f"One item of the hook cannot be read: {item.reason}")
    if isinstance(item, HookIgnored) and not item.key:
        return
    # A notice without a key changes nothing by coming twice.
    if not item.key or event_is_new(item.key, origin.received_at):
        intakes[origin.platform](origin, item)


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
    row_insert(dead)
