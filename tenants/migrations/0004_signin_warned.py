"""When a grant's owner was told that it is about to end."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0003_birth_template")]

    operations = [
        migrations.AddField(
            model_name="facebookgrant",
            name="warned_at",
            field=models.DateTimeField(blank=True, null=True),
        )
    ]
