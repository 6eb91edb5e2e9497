"""Draft, publication, rollback and switches: what is stored, what is refused, what a repetition changes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from subscribers.conversation.types import Chose, Said
from subscribers.models import PlaybookVersion, TrialChat
from subscribers.playbook.load import PlaybookInvalid, default_document, fingerprint
from subscribers.playbook.presets import preset_document
from subscribers.selectors import playbook_draft, playbook_latest, playbook_versions
from subscribers.services import trial as trials
from subscribers.services.playbook import (
    DraftStale,
    NoSuchVersion,
    NothingToPublish,
    draft_discard,
    draft_publish,
    draft_save,
    playbook_current,
    playbook_publish,
    playbook_rollback,
)
from subscribers.services.switches import number_switch, workspace_switch
from tenants.audit import Actor
from tenants.context import in_organization
from tenants.services import workspace_create
from tenants.workspaces.models import AuditEntry, Workspace

ME = Actor(uuid.uuid4(), "Ана", AuditEntry.Via.PAGE)


@pytest.fixture
def workspace(demo: Any) -> Iterator[Workspace]:
    """A fresh workspace of the first organization, whose schema is entered."""
    made = workspace_create(organization=demo.organization, name="fresh", business_id=f"bm-{uuid.uuid4()}")
    with in_organization(demo.organization.schema_name):
        yield made


def changed(**values: Any) -> dict[str, Any]:
    return {**default_document(), **values}


def actions(workspace: Workspace) -> list[str]:
    found = AuditEntry.objects.filter(workspace=workspace).order_by("at")
    return list(found.values_list("action", flat=True))


def test_a_workspace_without_a_publication_has_a_silent_version_once(workspace: Workspace) -> None:
    first, second = playbook_current(workspace), playbook_current(workspace)
    assert first.id == second.id
    assert first.number == 0
    assert playbook_latest(workspace) is None
    assert playbook_versions(workspace) == []


def test_a_draft_becomes_the_live_version_with_author_note_and_audit(workspace: Workspace) -> None:
    draft = draft_save(workspace=workspace, document=changed(max_attempts=2), base="", actor=ME)
    assert (draft.number, draft.published_at) == (1, None)
    base = fingerprint(draft.document)
    live = draft_publish(workspace=workspace, base=base, actor=ME, note="first")
    assert (live.number, live.note, live.created_by) == (1, "first", ME.id)
    assert playbook_draft(workspace) is None
    assert playbook_current(workspace).id == live.id
    again = draft_publish(workspace=workspace, base=base, actor=ME)
    assert again.id == live.id, "a double click publishes once"
    assert actions(workspace) == ["playbook.draft_saved", "playbook.published"]


def test_the_second_save_of_a_stale_draft_is_refused_with_the_differences(workspace: Workspace) -> None:
    base = fingerprint(draft_save(workspace=workspace, document=changed(), base="", actor=ME).document)
    draft_save(workspace=workspace, document=changed(max_attempts=2), base=base, actor=ME)
    with pytest.raises(DraftStale) as raised:
        draft_save(workspace=workspace, document=changed(max_attempts=1), base=base, actor=ME)
    (change,) = raised.value.changes
    assert (change.path, change.before, change.after) == (("max_attempts",), 2, 1)
    assert playbook_draft(workspace).document["max_attempts"] == 2
    with pytest.raises(DraftStale):
        draft_publish(workspace=workspace, base=base, actor=ME)


def test_the_same_save_twice_is_one_change(workspace: Workspace) -> None:
    for _ in range(2):
        draft_save(workspace=workspace, document=changed(max_attempts=2), base="", actor=ME)
    assert actions(workspace) == ["playbook.draft_saved"]


def test_a_draft_with_problems_is_kept_and_not_published(workspace: Workspace) -> None:
    draft = draft_save(workspace=workspace, document=changed(default_language="de"), base="", actor=ME)
    with pytest.raises(PlaybookInvalid):
        draft_publish(workspace=workspace, base=fingerprint(draft.document), actor=ME)
    assert playbook_draft(workspace) is not None
    assert playbook_latest(workspace) is None
    with pytest.raises(PlaybookInvalid):
        draft_save(workspace=workspace, document={}, base=fingerprint(draft.document), actor=ME)


def test_a_rollback_publishes_a_copy_and_leaves_the_draft(workspace: Workspace) -> None:
    one = playbook_publish(workspace=workspace, document=changed(max_attempts=1))
    playbook_publish(workspace=workspace, document=changed(max_attempts=2))
    draft = draft_save(workspace=workspace, document=changed(max_attempts=5), base="", actor=ME)
    back = playbook_rollback(workspace=workspace, number=1, actor=ME)
    assert (back.number, back.document) == (3, one.document)
    assert playbook_rollback(workspace=workspace, number=1, actor=ME).id == back.id
    draft.refresh_from_db()
    assert draft.number == 4
    assert [version.number for version in playbook_versions(workspace)] == [3, 2, 1]
    for number in (4, 9):
        with pytest.raises(NoSuchVersion):
            playbook_rollback(workspace=workspace, number=number, actor=ME)


def test_a_discarded_draft_is_gone_and_nothing_is_left_to_publish(workspace: Workspace) -> None:
    draft = draft_save(workspace=workspace, document=changed(), base="", actor=ME)
    assert draft_discard(workspace=workspace, actor=ME)
    assert not draft_discard(workspace=workspace, actor=ME)
    with pytest.raises(NothingToPublish):
        draft_publish(workspace=workspace, base=fingerprint(draft.document), actor=ME)
    assert not PlaybookVersion.objects.filter(workspace=workspace).exists()


def test_each_switch_turns_once_and_is_written_down(workspace: Workspace) -> None:
    number, other = uuid.uuid4(), uuid.uuid4()
    for _ in range(2):
        number_switch(workspace=workspace, channel=number, label="7701", on=False, actor=ME)
    fresh = Workspace.objects.get(id=workspace.id)
    assert (fresh.speaks_on(number), fresh.speaks_on(other)) == (False, True)
    number_switch(workspace=workspace, channel=number, label="7701", on=True, actor=ME)
    for _ in range(2):
        workspace_switch(workspace=workspace, on=False, actor=ME)
    fresh = Workspace.objects.get(id=workspace.id)
    assert not fresh.speaks_on(number)
    assert actions(workspace) == ["number.bot_off", "number.bot_on", "workspace.bot_off"]


def test_a_trial_that_comes_to_the_offer_is_finished_and_a_double_click_says_nothing_twice(
    workspace: Workspace,
) -> None:
    document = preset_document("school")
    chat = trials.trial_begin(workspace=workspace, user=ME.id, document=document)
    for index in range(5):
        seen = len(chat.messages)
        out = [m for m in chat.messages if m["direction"] == "out"]
        option = out[-1]["content"]["options"][0] if out else None
        signal = Chose(option["id"], option["title"]) if option else Said("привет")
        assert trials.trial_finished(workspace) is False, index
        after = trials.trial_say(trial=chat, seen=seen, signal=signal)
        again = trials.trial_say(trial=chat, seen=seen, signal=signal)
        assert len(again.messages) == len(after.messages)
        chat = after
    assert chat.finished_at is not None
    assert trials.trial_finished(workspace, document)
    assert not trials.trial_finished(workspace, default_document())


def test_a_new_trial_replaces_an_unfinished_one_and_a_known_customers_proves_nothing(
    workspace: Workspace,
) -> None:
    trials.trial_begin(workspace=workspace, user=ME.id, document=default_document())
    chat = trials.trial_begin(
        workspace=workspace, user=ME.id, document=default_document(), known_customer=True
    )
    assert TrialChat.objects.filter(workspace=workspace).count() == 1
    chat = trials.trial_say(trial=chat, seen=1, signal=Said("привет"))
    assert chat.snapshot["state"] == "offering"
    assert not trials.trial_finished(workspace)
