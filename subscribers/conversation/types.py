"""The vocabulary of the conversation machine (design, decision 5): pure data, no Django, no clock."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from subscribers.content import Content
from subscribers.playbook.document import Playbook


class State(enum.StrEnum):
    """Where a conversation stands."""

    NEW = "new"  # nothing said yet
    ASKING = "asking"  # a question is open
    CLASSIFYING = "classifying"  # a free text answer is being judged
    PARKED = "parked"  # attempts used up; a later real answer brings the lead back
    OFFERING = "offering"  # qualified; product cards sent, a choice is awaited
    CHECKOUT = "checkout"  # a product is chosen; link being made or sent, payment awaited
    PAID = "paid"  # the sale is done


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that the machine remembers of a conversation; stored as JSON on the conversation row."""

    state: State = State.NEW
    #: Grows with each question, re-prompt or classification; names what an answer belongs to.
    turn: int = 0
    #: Index of the open question, 0-based; equals len(questions) when all are answered.
    question: int = 0
    #: Noise or ambiguous answers given to the open question.
    attempt: int = 0
    #: question key -> accepted value
    answers: dict[str, str] = field(default_factory=dict)
    #: The CRM tag now set for noise: "", "trash" or "ambiguous".
    mark: str = ""
    #: Free texts waiting for silence, and when the first of them came (ISO 8601, "" for none).
    pending: tuple[str, ...] = ()
    pending_since: str = ""
    #: Key of the chosen product, "" for none.
    product: str = ""
    #: Uuid of the order in checkout, "" for none.
    order: str = ""
    #: OptIn is recorded; False only before the first message.
    opted_in: bool = False
    #: The texts that are being classified: a newer text joins them instead of replacing them.
    judged: tuple[str, ...] = ()
    #: The lead has not been sent what the state calls for (question, cards, link, receipt), since the
    #: bot was silent then; the next message to a bot that speaks brings it.
    owed: bool = False
    #: Turn in which a short hint was last sent, -1 for never: one hint per turn.
    hinted: int = -1
    #: Payment link of `order`, "" until it exists.
    link: str = ""
    #: order uuid -> product key, of every order opened: a paid link may be an older one.
    orders: dict[str, str] = field(default_factory=dict)
    #: order uuid -> amount paid, in minor units.
    paid: dict[str, int] = field(default_factory=dict)


# --- signals: what happened ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Said:
    """A message without a choice: free text, an image, anything that is not a tap or a cart."""

    text: str
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Chose:
    """A button or list row was tapped. `option_id` is ours: see `machine.option_id`."""

    option_id: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Ordered:
    """A cart was sent, or a product chosen: retailer ids in order."""

    products: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FellSilent:
    """The silence timer of `turn` rang."""

    turn: int


@dataclass(frozen=True, slots=True)
class Classified:
    """A free text answer was judged (L16). `method`: flowise | local (Flowise was unavailable)."""

    turn: int
    verdict: str  # valid | noise | ambiguous
    confidence: float
    value: str
    method: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CardsDelivered:
    """The product cards reached the phone."""

    products: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LinkReady:
    """The payment link of `order` exists."""

    order: str
    url: str


@dataclass(frozen=True, slots=True)
class LinkSent:
    """WhatsApp took the message with the payment link of `order`."""

    order: str


@dataclass(frozen=True, slots=True)
class Paid:
    """The order was paid. Amount in minor units, currency ISO 4217 upper case."""

    order: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A message of the bot did not go out: the bot fell silent after it was queued."""

    purpose: str


Signal: TypeAlias = (
    Said | Chose | Ordered | FellSilent | Classified | CardsDelivered | LinkReady | LinkSent | Paid | HeldBack
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the machine may know but does not own: never states."""

    now: datetime
    playbook: Playbook
    #: Language of the lead's texts, one of playbook.languages.
    language: str
    #: The subscriber opted out of messages.
    opted_out: bool = False
    #: A human holds the conversation: the bot is silent.
    human_holds: bool = False
    #: The owner has published the playbook.
    published: bool = True
    #: The switches of workspace and number are on.
    bot_on: bool = True
    #: Bought before, as an import says: is never asked to qualify.
    known_customer: bool = False
    #: uuid4 text to use should this decision open an order (randomness is given, not made).
    new_order: str = ""


# --- decision: what to record and what to do ----------------------------------------------------


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """A JourneyEvent, once per conversation and `key`. `kind` is one of the brief's names."""

    kind: str
    key: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordAnswer:
    """An Answer row, whatever the verdict (L17, L18)."""

    question: str
    attempt: int
    text: str
    value: str
    verdict: str
    confidence: float
    method: str  # choice | flowise | local


@dataclass(frozen=True, slots=True)
class Send:
    """A message to the lead. `purpose` finds the template when the window is closed."""

    purpose: str  # question:<key> | reprompt:<key> | parked | cards | payment_link | receipt | text
    content: Content
    #: Values for the mapped template's placeholders, in order.
    params: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StartAgent:
    """Start the Agentflow with the session's context (L14)."""

    text: str


@dataclass(frozen=True, slots=True)
class Classify:
    """Judge `text` as the answer to `question` (L16); the judgement names `turn`."""

    turn: int
    question: str
    text: str


@dataclass(frozen=True, slots=True)
class Segment:
    """The lead joins (member) or leaves an audience, by the brief's name or a segment's."""

    audience: str
    member: bool


@dataclass(frozen=True, slots=True)
class UpdateDeal:
    """What the CRM should show. Only what is named changes. `stage`: new | qualified | paid."""

    stage: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    tags_add: tuple[str, ...] = ()
    tags_remove: tuple[str, ...] = ()
    price_minor: int | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """Open an order for a product and have its payment link made (L20)."""

    order: str
    product: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Ring after `seconds`. A timer of the same kind and conversation replaces the earlier one."""

    kind: str  # silence
    seconds: float
    turn: int


Record: TypeAlias = RecordEvent | RecordAnswer
Command: TypeAlias = Send | StartAgent | Classify | Segment | UpdateDeal | OpenOrder


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows a signal. `reason` is a sentence that a person reads in the ledger."""

    snapshot: Snapshot
    reason: str
    records: tuple[Record, ...] = ()
    commands: tuple[Command, ...] = ()
    timers: tuple[StartTimer, ...] = ()
