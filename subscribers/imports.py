"""The task that takes a long list of known customers in, batch by batch (queue bulk)."""

from __future__ import annotations

from collections.abc import Sequence

from arriwa.outbox.enqueue import task_enqueue
from arriwa.outbox.registry import Attempt, Claimed, Outcome, Verdict, register_effect
from subscribers.services.customers import IMPORT, customers_import_step


class CustomersImport:
    """One batch per attempt; each leaves a task for the next, so that a crash loses nothing."""

    kind = IMPORT
    queue = "bulk"
    batch = 1
    exclusive = False
    parks = False

    def prepare(self, tasks: list[Claimed]) -> list[Attempt]:
        """Each import on its own."""
        return [Attempt([task]) for task in tasks]

    def call(self, attempt: Attempt) -> None:
        """No platform is asked."""

    def record(self, attempt: Attempt) -> Sequence[Verdict]:
        """Takes a batch in and enqueues the next one."""
        for task in attempt.tasks:
            if not customers_import_step(task.subject):
                task_enqueue(kind=IMPORT, subject=task.subject)
        return [Verdict(Outcome.DONE) for _ in attempt.tasks]


register_effect(CustomersImport())
