"""Tokens of Arriwa itself at a platform: one partner account serves all organizations."""

from __future__ import annotations

import uuid
from typing import Final

from django.db import models

#: In an organization's place when a partner token is sealed: it belongs to none.
PARTNER: Final = uuid.UUID(int=0)


class PartnerToken(models.Model):
    """The current token of our account at a platform; a new one takes its place."""

    platform = models.CharField(max_length=16, primary_key=True)
    #: The platform's name of it; ours, so that what is left over can be told apart and revoked.
    name = models.CharField(max_length=120, blank=True, default="")
    #: {"token": …}, sealed under PARTNER; None before the first.
    token_sealed = models.BinaryField(null=True)
    #: Real times.
    expires_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)
    #: Why the last attempt to get one failed, "" when it did not.
    error_text = models.CharField(max_length=300, blank=True, default="")

    def __str__(self) -> str:
        return f"partner token of {self.platform}"

    @property
    def seal_row(self) -> str:
        """What the sealed token is bound to."""
        return f"partner_token:{self.platform}"
