"""Dead letters are sent once more, one by one or by a filter, when their cause is gone (design 3, 6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from arriwa.common.errors import ArriwaError
from arriwa.outbox.registry import effect_for
from integrations.models import Delivery


class NotReplayable(ArriwaError):
    """Only a dead delivery is sent again; one whose outcome is unknown only on a person's explicit word."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which deliveries. Empty fields do not restrict; `day` is when they ended, in UTC."""

    delivery: UUID | None = None
    platform: str = ""
    code: str = ""
    day: date | None = None
    #: Also those of which nobody knows whether they were done: they may then be done twice.
    unknown: bool = False


def dead_deliveries(chosen: Filter) -> QuerySet[Delivery]:
    """The organization's deliveries that a replay with this filter would send again, oldest first."""
    states = [Delivery.State.DEAD, *([Delivery.State.UNKNOWN] if chosen.unknown else [])]
    rows = Delivery.objects.filter(state__in=states).order_by("created_at")
    if chosen.delivery is not None:
        rows = rows.filter(id=chosen.delivery)
    if chosen.platform:
        rows = rows.filter(platform=chosen.platform)
    if chosen.code:
        rows = rows.filter(error_code=chosen.code)
    if chosen.day is not None:
        rows = rows.filter(finished_at__date=chosen.day)
    return rows


@transaction.atomic
def delivery_replay(delivery_id: UUID, *, unknown: bool = False) -> Delivery:
    """Sends a dead delivery once more; consent, window and age are checked again as before any attempt.

    `unknown`: one in doubt is allowed too. Raises NotReplayable, Delivery.DoesNotExist, UnknownKind.
    """
    delivery = (
        Delivery.objects.select_for_update(of=("self",)).select_related("connection").get(id=delivery_id)
    )
    allowed = {Delivery.State.DEAD, *({Delivery.State.UNKNOWN} if unknown else set())}
    if delivery.state not in allowed:
        raise NotReplayable()
    effect = effect_for(delivery.kind)
    replay = getattr(effect, "replay", None)
    if replay is None:
        raise NotReplayable(f"Deliveries of kind {delivery.kind} cannot be sent again.")
    replay(delivery)
    return delivery
