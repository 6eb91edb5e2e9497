"""Trial chats: an owner tries the draft; no fact of the journey is written and no platform is called."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from arriwa.common import clock
from arriwa.common.errors import ArriwaError
from subscribers.conversation import types as t
from subscribers.conversation.serialise import snapshot_from_json, snapshot_to_json
from subscribers.models import TrialChat
from subscribers.playbook.load import parse
from subscribers.trial.chat import Judge, judge_locally, pay, trial_take
from tenants.workspaces.models import Workspace

#: Longest message WhatsApp takes.
LONGEST = 4096
#: Beyond so many entries a chat is begun anew.
MOST_ENTRIES = 400


class TrialOver(ArriwaError):
    """This trial chat has grown too long. Begin it anew."""


def trial_current(workspace: Workspace, user: UUID) -> TrialChat | None:
    """The user's chat, the one begun last."""
    return TrialChat.objects.filter(workspace=workspace, user=user).order_by("-updated_at").first()


@transaction.atomic
def trial_begin(
    *, workspace: Workspace, user: UUID, document: dict[str, Any], known_customer: bool = False
) -> TrialChat:
    """A fresh chat with this document; an unfinished one of the user goes. Raises PlaybookInvalid.

    `known_customer`: the owner plays somebody who bought before.
    """
    parse(document)
    TrialChat.objects.filter(workspace=workspace, user=user, finished_at=None).delete()
    begun: dict[str, Any] = {"direction": "begin", "content": {"known_customer": known_customer}}
    return TrialChat.objects.create(
        workspace=workspace,
        user=user,
        document=document,
        snapshot=snapshot_to_json(t.Snapshot()),
        messages=[begun | {"reason": "", "effects": []}],
        updated_at=clock.now(),
    )


def trial_say(
    *, trial: TrialChat, seen: int, signal: t.Said | t.Chose | t.Paid, judge: Judge = judge_locally
) -> TrialChat:
    """Takes one message of the owner and stores what the bot says to it.

    `seen`: how many entries the owner saw; when there are more by now (a double click, another tab) the
    message changes nothing. No transaction is open while `judge` works. Raises what it raises, TrialOver.
    """
    if seen != len(trial.messages):
        return trial
    if len(trial.messages) > MOST_ENTRIES:
        raise TrialOver()
    if isinstance(signal, t.Said):
        signal = t.Said(signal.text[:LONGEST])
    playbook = parse(trial.document)
    step = trial_take(
        signal,
        snapshot=snapshot_from_json(trial.snapshot),
        playbook=playbook,
        language=playbook.language_for(trial.workspace.language),
        now=clock.now(),
        known_customer=_plays_known(trial),
        judge=judge,
    )
    with transaction.atomic():
        locked = TrialChat.objects.select_for_update().filter(id=trial.id).first()
        if locked is None or len(locked.messages) != seen:
            return locked or trial
        locked.messages = [*locked.messages, *step.entries]
        locked.snapshot = snapshot_to_json(step.snapshot)
        locked.updated_at = clock.now()
        if step.offered and locked.finished_at is None and not _plays_known(locked):
            locked.finished_at = locked.updated_at
        locked.save()
    return locked


def trial_pay(*, trial: TrialChat, seen: int) -> TrialChat:
    """The order in checkout counts as paid; without one nothing changes."""
    paid = pay(snapshot_from_json(trial.snapshot), parse(trial.document))
    return trial if paid is None else trial_say(trial=trial, seen=seen, signal=paid)


def trial_finished(workspace: Workspace, document: dict[str, Any] | None = None) -> bool:
    """Whether someone has come to the offer, with this very document or with any."""
    finished = TrialChat.objects.filter(workspace=workspace, finished_at__isnull=False)
    return (finished if document is None else finished.filter(document=document)).exists()


def _plays_known(trial: TrialChat) -> bool:
    return bool(trial.messages[0]["content"].get("known_customer"))
