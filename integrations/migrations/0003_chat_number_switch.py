from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0002_assets"),
        ("workspaces", "0003_chat_silent_channels"),
    ]

    operations = [
        migrations.RemoveField(model_name="numberroute", name="bot_on"),
    ]
