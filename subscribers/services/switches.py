"""The two switches that stop the bot: of a workspace, and of one number (design 5).

Both are facts of every decision, timers included, and are asked again before each attempt of a message.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from tenants.audit import Actor, audit_record
from tenants.workspaces.models import Workspace


@transaction.atomic
def workspace_switch(*, workspace: Workspace, on: bool, actor: Actor) -> bool:
    """Turns the workspace's bot on or off, at once. False when it stood so already."""
    locked = Workspace.objects.select_for_update().get(id=workspace.id)
    workspace.bot_on = on
    if locked.bot_on == on:
        return False
    locked.bot_on = on
    locked.save(update_fields=["bot_on"])
    audit_record(actor=actor, action=_verb("workspace", on), subject=locked.name, workspace=locked)
    return True


@transaction.atomic
def number_switch(*, workspace: Workspace, channel: UUID, label: str, on: bool, actor: Actor) -> bool:
    """Turns the bot of one number on or off, at once. False when it stood so already.

    `channel`: the number's connection; `label`: the number, for the audit log.
    """
    locked = Workspace.objects.select_for_update().get(id=workspace.id)
    silent = set(locked.silent_channels)
    workspace.silent_channels = locked.silent_channels
    if (channel not in silent) == on:
        return False
    locked.silent_channels = sorted(silent - {channel} if on else silent | {channel})
    locked.save(update_fields=["silent_channels"])
    workspace.silent_channels = locked.silent_channels
    audit_record(actor=actor, action=_verb("number", on), subject=label, workspace=locked)
    return True


def _verb(what: str, on: bool) -> str:
    return f"{what}.bot_on" if on else f"{what}.bot_off"
