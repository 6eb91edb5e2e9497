"""The domain's facts; every table lives in the organization's schema (design 2)."""

from subscribers.models.journey import (
    AliasKind,
    Answer,
    Conversation,
    DecisionLog,
    JourneyEvent,
    Judgement,
    Message,
    Order,
    Subscriber,
    SubscriberAlias,
    Touchpoint,
)
from subscribers.models.owners import CustomerImport, PlaybookVersion, TrialChat

__all__ = [
    "AliasKind",
    "Answer",
    "Conversation",
    "CustomerImport",
    "DecisionLog",
    "JourneyEvent",
    "Judgement",
    "Message",
    "Order",
    "PlaybookVersion",
    "Subscriber",
    "SubscriberAlias",
    "Touchpoint",
    "TrialChat",
]
