"""Connections, what hangs on them, and the lasting proof of what was told to whom (design 3)."""

from integrations.models.connections import Asset, Connection, NumberRoute
from integrations.models.core import (
    Audience,
    AudienceMembership,
    DeadReceipt,
    DealMirror,
    Delivery,
    InboundEvent,
    OrphanStatus,
)
from integrations.models.flows import Agentflow
from integrations.models.onboarding import MessageTemplate, NumberOnboarding

__all__ = [
    "Agentflow",
    "Asset",
    "Audience",
    "AudienceMembership",
    "Connection",
    "DeadReceipt",
    "DealMirror",
    "Delivery",
    "InboundEvent",
    "MessageTemplate",
    "NumberOnboarding",
    "NumberRoute",
    "OrphanStatus",
]
