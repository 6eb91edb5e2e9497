"""What a person granted us at Facebook, and their wish to be forgotten (T1; reference meta 7)."""

from __future__ import annotations

import uuid

from django.db import models

from arriwa.common import clock
from tenants.models.organizations import User


class FacebookGrant(models.Model):
    """A user's token and what it opens. allauth keeps identity alone; tokens live here, sealed.

    Sealed under the user's id in an organization's place: it is older than any organization.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="facebook_grant")
    #: App-scoped id, as in `signed_request`.
    facebook_user_id = models.CharField(max_length=64, unique=True)
    #: {"token": …}, long-lived, sealed.
    token_sealed = models.BinaryField()
    granted = models.JSONField(default=list)
    declined = models.JSONField(default=list)
    #: scope -> ids that were ticked; a scope without an entry is granted for all.
    granular = models.JSONField(default=dict, blank=True)
    #: Real times; None is never.
    expires_at = models.DateTimeField(null=True, blank=True)
    data_access_expires_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField()
    #: When its owner was told by e-mail that it is about to end; real time.
    warned_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    #: Why it opens nothing any more, in words for its owner.
    revoked_reason = models.CharField(max_length=200, blank=True, default="")

    def __str__(self) -> str:
        return f"grant of {self.user_id}"

    @property
    def seal_row(self) -> str:
        """What the sealed token is bound to."""
        return f"facebook_grant:{self.id}"


class DeletionRequest(models.Model):
    """Meta's data-deletion callback: what was asked, and how far we are (reference meta 7.5)."""

    class State(models.TextChoices):
        WAITING = "waiting", "Taken in"
        DONE = "done", "Done"
        NOTHING = "nothing", "Nothing was stored"

    code = models.CharField(max_length=32, primary_key=True)
    #: Keyed hash of the app-scoped user id: the same person asks once.
    person = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    requested_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"deletion {self.code} ({self.state})"
