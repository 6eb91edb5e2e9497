"""What platforms tell us becomes facts and decisions (design 3). Each runs in its caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from psycopg.types.json import Jsonb

from arriwa.common import clock, sealing
from arriwa.common.errors import ArriwaError
from arriwa.common.statements import Statement, row_insert, row_read, row_width, selection
from subscribers import signals
from subscribers.click_id import ClickId
from subscribers.conversation import types as t
from subscribers.conversation.serialise import snapshot_to_json
from subscribers.inbound import MessageReceived, MessageStatusChanged, PaymentReceived
from subscribers.models import Conversation, Message, Order, Subscriber, Touchpoint
from subscribers.services.conversation import (
    conversation_advance,
    conversation_lock,
    conversations_locked,
)
from subscribers.services.identity import subscriber_names, subscriber_resolve
from subscribers.services.playbook import playbook_current
from tenants.context import current_organization_id
from tenants.workspaces.models import Workspace

#: WhatsApp's codes for "the 24 h window is closed" (reference gupshup 2.4).
WINDOW_CLOSED = {"131047", "470"}


class ForeignPayment(ArriwaError):
    """The payment names another organization or an order that is not ours; nothing was booked."""


def message_receive(
    *, workspace: UUID, channel: UUID, event: MessageReceived, click_id: ClickId
) -> Conversation:
    """A person wrote (L5, L6, L7, L12): identity, message, touchpoint, and the bot's decision."""
    known = _conversation_known(workspace, channel, event)
    conversation, is_first = (known, False) if known else _conversation_for(workspace, channel, event)
    if conversation.state == t.State.NEW and not is_first:
        _playbook_renew(conversation)
    _message_record(conversation, event)
    changed = event.at > conversation.last_inbound_at
    if changed:
        conversation.last_inbound_at = event.at
    if is_first or event.referral:
        _touchpoint_record(conversation, event, click_id)
    conversation_advance(conversation, _signal(event), changed=changed)
    return conversation


def _playbook_renew(conversation: Conversation) -> None:
    """As long as the bot has said nothing, the conversation goes by the newest version (design 5)."""
    current = playbook_current(conversation.workspace)
    if conversation.playbook_id != current.id:
        conversation.playbook = current
        conversation.save(update_fields=["playbook"])


def _message_record(conversation: Conversation, event: MessageReceived) -> None:
    message = Message(
        conversation=conversation,
        direction=Message.Direction.IN,
        kind=event.kind,
        content={"text": event.text, "choice_id": event.choice_id},
        external_id=event.external_id,
        created_at=event.at,
    )
    message.raw_sealed = sealing.seal_json(
        event.raw, organization=current_organization_id(), row=message.seal_row
    )
    row_insert(message)


def _signal(event: MessageReceived) -> t.Signal:
    if event.kind == "choice":
        return t.Chose(option_id=event.choice_id, title=event.text)
    if event.kind == "order":
        return t.Ordered(products=tuple(item.product for item in event.cart))
    return t.Said(text=event.text, kind="text" if event.kind == "request_welcome" else event.kind)


_KNOWN = Statement(
    f"SELECT a.kind, a.key, {selection(Conversation, 'c')}, {selection(Subscriber, 's')},"
    f" {selection(Workspace, 'w')} FROM {{schema}}.subscribers_subscriberalias a"
    " JOIN {schema}.subscribers_subscriber s ON s.id = a.subscriber_id"
    " JOIN {schema}.subscribers_conversation c ON c.subscriber_id = s.id AND c.channel = %s"
    " JOIN {schema}.workspaces_workspace w ON w.id = c.workspace_id"
    " WHERE a.workspace_id = %s AND a.kind = ANY(%s::text[]) AND a.key = ANY(%s::text[]) FOR UPDATE OF c"
)


def _conversation_known(workspace: UUID, channel: UUID, event: MessageReceived) -> Conversation | None:
    """The conversation, locked, of a person all of whose names are known to be theirs; else None.

    One statement for what almost every message needs; `_conversation_for` does the rest.
    """
    names = subscriber_names(event.phone, event.user_id)
    rows = _KNOWN.rows(channel, workspace, [kind for kind, _ in names], [key for _, key in names])
    if {(row[0], row[1]) for row in rows} != set(names) or len({row[2] for row in rows}) != 1:
        return None
    first, second = 2 + row_width(Conversation), 2 + row_width(Conversation) + row_width(Subscriber)
    conversation = row_read(Conversation, rows[0][2:first])
    conversation.subscriber = row_read(Subscriber, rows[0][first:second])
    conversation.workspace = row_read(Workspace, rows[0][second:])
    return conversation


def _conversation_for(workspace_id: UUID, channel: UUID, event: MessageReceived) -> tuple[Conversation, bool]:
    """The conversation, locked, and whether it is new; the person is made or gets a further name."""
    workspace, at = Workspace.objects.get(id=workspace_id), event.at
    subscriber, _ = subscriber_resolve(
        workspace=workspace, phone=event.phone, user_id=event.user_id, name=event.name, at=at
    )
    locked = conversations_locked().filter(subscriber=subscriber, channel=channel).first()
    if locked is not None:
        return locked, False
    found, created = Conversation.objects.get_or_create(
        subscriber=subscriber,
        channel=channel,
        defaults={
            "workspace": workspace,
            "playbook": playbook_current(workspace),
            "snapshot": snapshot_to_json(t.Snapshot()),
            "state": t.State.NEW,
            "started_at": at,
            "last_inbound_at": at,
        },
    )
    return conversation_lock(found.id), created


def _touchpoint_record(conversation: Conversation, event: MessageReceived, click_id: ClickId) -> None:
    referral = event.referral or {}
    source = str(referral.get("source_type", ""))
    kind = {"ad": Touchpoint.Kind.CTWA, "post": Touchpoint.Kind.POST}.get(source, Touchpoint.Kind.ORGANIC)
    touchpoint = Touchpoint(
        subscriber=conversation.subscriber,
        conversation=conversation,
        kind=kind,
        occurred_at=event.at,
        referral=referral,
        click_id=click_id.value,
        click_id_state=click_id.state,
        click_id_reason=click_id.reason[:200],
        ad_id=str(referral.get("source_id", "")) if kind == Touchpoint.Kind.CTWA else "",
        utm=utm_of(str(referral.get("source_url", ""))),
    )
    row_insert(touchpoint)
    signals.touchpoint_recorded.send(sender=Touchpoint, touchpoint=touchpoint, conversation=conversation)


def utm_of(url: str) -> dict[str, str]:
    """The utm_* parameters of a URL, or of a bare query string such as a creative's url_tags."""
    query = urlsplit(url).query or (url if "=" in url and "://" not in url else "")
    return {key: value for key, value in parse_qsl(query) if key.startswith("utm_")}


def status_apply(*, message: Message, event: MessageStatusChanged) -> None:
    """A message's status, in whatever order it comes: times are set once (design 3).

    The first proof that cards or a payment link arrived moves the conversation on; a refusal for a
    closed window sends the mapped template (R3).
    """
    field = _TIMES.get(event.status)
    reached_before = message.sent_at or message.delivered_at or message.read_at
    seen_before = message.delivered_at or message.read_at
    changed = _note(message, event)
    if changed:
        message.save(update_fields=changed)
    if field in ("sent_at", "delivered_at", "read_at") and field in changed:
        _message_arrived(message, reached_before is None, seen_before is None and field != "sent_at")
    if "failed_at" in changed and event.error_code in WINDOW_CLOSED and not reached_before:
        _window_refused(message)


_NOTED = Statement(
    """
UPDATE {schema}.subscribers_message m SET external_id = v.external_id, pricing = v.pricing,
    sent_at = v.sent_at, delivered_at = v.delivered_at, read_at = v.read_at
FROM unnest(%s::uuid[], %s::text[], %s::jsonb[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
    AS v (id, external_id, pricing, sent_at, delivered_at, read_at)
WHERE m.id = v.id
"""
)


def statuses_note(pairs: Sequence[tuple[Message, MessageStatusChanged]]) -> None:
    """Sent, delivered and read of locked messages, by one statement.

    For messages whose purpose is none of MOVING_PURPOSES; the others need `status_apply`.
    """
    changed = {message.id: message for message, event in pairs if _note(message, event)}
    if not changed:
        return
    rows = list(changed.values())
    columns: list[list[Any]] = [
        [row.id for row in rows],
        [row.external_id for row in rows],
        [Jsonb(row.pricing) for row in rows],
        *([getattr(row, name) for row in rows] for name in ("sent_at", "delivered_at", "read_at")),
    ]
    _NOTED.run(*columns)


_TIMES = {"sent": "sent_at", "delivered": "delivered_at", "read": "read_at", "failed": "failed_at"}


def _note(message: Message, event: MessageStatusChanged) -> list[str]:
    """Sets on the message what the status tells for the first time; the names of the fields."""
    field = _TIMES.get(event.status)
    changed = []
    if event.external_id and message.external_id is None:
        message.external_id = event.external_id
        changed.append("external_id")
    if event.pricing and not message.pricing:
        message.pricing = event.pricing
        changed.append("pricing")
    if field is not None and getattr(message, field) is None:
        setattr(message, field, event.at)
        changed.append(field)
    if event.status == "failed" and "failed_at" in changed:
        message.error_code = event.error_code[:32]
        message.error_text = event.error_text[:300]
        changed += ["error_code", "error_text"]
    return changed


#: The arrival of such a message moves the conversation on.
MOVING_PURPOSES = ("payment_link", "cards")


def _message_arrived(message: Message, first_reached: bool, first_seen: bool) -> None:
    if message.purpose == "payment_link" and first_reached:
        signal: t.Signal = t.LinkSent(order=message.about.get("order", ""))
    elif message.purpose == "cards" and first_seen:
        signal = t.CardsDelivered(products=tuple(message.about.get("products", ())))
    else:
        return
    conversation_advance(conversation_lock(message.conversation_id), signal)


def _window_refused(message: Message) -> None:
    """Our clock was wrong, WhatsApp's is right: the message goes out once more, as its template."""
    if message.window_refused or message.kind == "template":
        return
    message.window_refused = True
    message.save(update_fields=["window_refused"])
    conversation = conversation_lock(message.conversation_id)
    signals.message_queued.send(sender=Message, message=message, conversation=conversation)


def payment_apply(*, organization_id: UUID, event: PaymentReceived) -> None:
    """Money arrived (L21): one sale per order and PaymentIntent, however many events speak of it.

    Raises ForeignPayment when the metadata names another organization or an unknown order.
    """
    if event.organization_id and event.organization_id != str(organization_id):
        raise ForeignPayment()
    order = _order_named(event.order_id)
    if order is None:
        raise ForeignPayment()
    conversation = conversation_lock(order.conversation_id)
    order.refresh_from_db()
    if order.paid_at is not None:
        return
    order.paid_at = clock.now()
    order.payment_id = event.payment_id
    order.paid_amount_minor = event.amount_minor
    order.paid_currency = event.currency
    order.save(update_fields=["paid_at", "payment_id", "paid_amount_minor", "paid_currency"])
    signal = t.Paid(order=str(order.id), amount_minor=event.amount_minor, currency=event.currency)
    conversation_advance(conversation, signal)


def _order_named(text: str) -> Order | None:
    """The order behind the metadata's id; anyone may have written it."""
    try:
        return Order.objects.filter(id=UUID(text)).first()
    except ValueError:
        return None


def touchpoint_enrich(
    *, touchpoint_id: UUID, campaign_id: str, adset_id: str, creative_id: str, url_tags: str
) -> None:
    """What the Graph knows of the ad joins the touchpoint (L8); utm_* of the link itself win."""
    touchpoint = Touchpoint.objects.select_for_update().get(id=touchpoint_id)
    touchpoint.campaign_id = campaign_id
    touchpoint.adset_id = adset_id
    touchpoint.creative_id = creative_id
    touchpoint.utm = {**utm_of(url_tags), **touchpoint.utm}
    touchpoint.save(update_fields=["campaign_id", "adset_id", "creative_id", "utm"])
