"""WSGI: the hook receiver stands before Django (design 3)."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arriwa.settings")
os.environ.setdefault("ARRIWA_PROCESS", "web")
_django = get_wsgi_application()

from integrations.receipts.receiver import Receiver  # noqa: E402  (needs the app registry)

application = Receiver(_django)
