"""Dead receipts are replayed by people once the cause is gone (design 3)."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.db import transaction

from arriwa.common import clock, sealing
from arriwa.common.errors import ArriwaError
from arriwa.common.schema import current_schema
from arriwa.outbox import wakeup
from arriwa.outbox.enqueue import real_now
from integrations.models import DeadReceipt
from integrations.receipts.models import Receipt
from tenants.context import current_organization_id


class NoDeadReceipt(ArriwaError):
    """This organization has no such dead receipt; look at its list for the right id."""


@transaction.atomic
def dead_receipt_replay(dead_receipt_id: UUID) -> Receipt:
    """Stores the hook once more, as when it came in; the current organization must be its own.

    Nothing is taken in twice: the key of an item that failed was rolled back with it, those of its
    siblings are still known. The dead receipt stays, with the time of the replay; a hook that fails
    again becomes another one. Raises NoDeadReceipt.
    """
    organization = current_organization_id()
    dead = DeadReceipt.objects.select_for_update().filter(id=dead_receipt_id).first()
    if dead is None:
        raise NoDeadReceipt()
    raw = sealing.unseal(dead.body_sealed, organization=organization, row=dead.seal_row)
    receipt = Receipt(
        platform=dead.platform,
        schema_name=current_schema(),
        workspace_uuid=dead.workspace_uuid,
        connection_uuid=dead.connection_uuid,
        received_at=dead.received_at,
        available_at=real_now(),
    )
    receipt.body_sealed = sealing.seal(raw, organization=organization, row=receipt.seal_row)
    receipt.save(force_insert=True)
    dead.replayed_at = clock.now()
    dead.save(update_fields=["replayed_at"])
    transaction.on_commit(partial(wakeup.poke, wakeup.RECEIPTS))
    return receipt
