from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0004_signin_warned")]

    operations = [
        migrations.CreateModel(
            name="PartnerToken",
            fields=[
                ("platform", models.CharField(max_length=16, primary_key=True, serialize=False)),
                ("name", models.CharField(blank=True, default="", max_length=120)),
                ("token_sealed", models.BinaryField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
                ("tried_at", models.DateTimeField(null=True)),
                ("error_text", models.CharField(blank=True, default="", max_length=300)),
            ],
        ),
    ]
