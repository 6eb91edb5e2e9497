"""The table of receipts as those who work it off see it: taking, leaving, putting off."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from arriwa.common.statements import Statement, row_read, selection
from arriwa.outbox.enqueue import real_now
from arriwa.outbox.finish import backoff
from integrations.receipts.models import Receipt

_ALL = selection(Receipt, "r")
_DUE = Statement(
    f"SELECT {_ALL} FROM public.receipts_receipt r WHERE r.available_at <= %s AND r.id <> ALL(%s::bigint[])"
    " ORDER BY r.id LIMIT %s FOR UPDATE SKIP LOCKED"
)
_AGAIN = Statement(
    f"SELECT {_ALL} FROM public.receipts_receipt r WHERE r.id = %s AND r.done = %s FOR UPDATE SKIP LOCKED"
)
_LEAVE = Statement("DELETE FROM public.receipts_receipt WHERE id = ANY(%s::bigint[])")
_ADVANCE = Statement("UPDATE public.receipts_receipt SET done = done + 1, attempts = 0 WHERE id = %s")
_PUT_OFF = Statement(
    "UPDATE public.receipts_receipt SET attempts = attempts + 1, available_at = %s WHERE id = %s"
)


def receipts_due(count: int, *, but: Sequence[int] = ()) -> list[Receipt]:
    """The oldest due receipts that nobody else serves, locked; those in `but` are passed over."""
    return [row_read(Receipt, row) for row in _DUE.rows(real_now(), list(but), count)]


def receipt_again(receipt: Receipt) -> Receipt | None:
    """The receipt, locked, while nobody else serves it and it stands where it stood."""
    row = _AGAIN.row(receipt.id, receipt.done)
    return None if row is None else row_read(Receipt, row)


def receipts_leave(ids: Sequence[int]) -> None:
    """Their last items are served."""
    _LEAVE.run(list(ids))


def receipt_advance(receipt: Receipt) -> None:
    """One more of its items is served, not the last."""
    _ADVANCE.run(receipt.id)


def receipt_put_off(receipt: Receipt) -> None:
    """It is tried again after a pause that grows with each attempt."""
    _PUT_OFF.run(real_now() + timedelta(seconds=backoff(receipt.attempts + 1)), receipt.id)
