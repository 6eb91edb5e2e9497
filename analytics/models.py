"""What analysis needs beside the domain's facts."""

from __future__ import annotations

from django.db import models


class AdMetadata(models.Model):
    """An ad with the names above it, as the Graph showed them when a lead came through it (L8)."""

    ad_id = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=400)
    account_id = models.CharField(max_length=64)
    campaign_id = models.CharField(max_length=64)
    campaign_name = models.CharField(max_length=400)
    objective = models.CharField(max_length=64, blank=True, default="")
    adset_id = models.CharField(max_length=64)
    adset_name = models.CharField(max_length=400)
    creative_id = models.CharField(max_length=64)
    creative_name = models.CharField(max_length=400, blank=True, default="")
    url_tags = models.TextField(blank=True, default="")
    fetched_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.campaign_name} / {self.name}"
