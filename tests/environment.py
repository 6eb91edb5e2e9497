"""Chosen before settings load: where this test process's sandbox and hook receiver listen (design 7).

Loaded with `-p tests.environment`, once per xdist worker. Nothing is started here.
"""

from __future__ import annotations

import os
import socket
import time

PHONE_KEY = "only-for-tests"
# All processes of a run inherit it from the first.
os.environ.setdefault("TEST_RUN", f"{os.getpid()}-{time.time_ns()}")


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


SANDBOX_PORT = free_port()
HOOK_PORT = free_port()
SANDBOX_URL = f"http://127.0.0.1:{SANDBOX_PORT}"
HOOK_URL = f"http://127.0.0.1:{HOOK_PORT}"

os.environ.update(
    {
        "ARRIWA_ENV": "test",
        "ARRIWA_PUBLIC_URL": HOOK_URL,
        "ARRIWA_GUPSHUP_URL": f"{SANDBOX_URL}/gupshup",
        # The partner of sandbox/partner.json
        "ARRIWA_GUPSHUP_PARTNER_ID": "4010",
        "ARRIWA_GUPSHUP_PARTNER_EMAIL": "partner@arriwa.example",
        "ARRIWA_GUPSHUP_PARTNER_CLIENT_SECRET": "gupshup-sandbox-client-secret",
        "ARRIWA_SANDBOX_PAGE_URL": SANDBOX_URL,
        "ARRIWA_META_URL": f"{SANDBOX_URL}/graph",
        "ARRIWA_META_DIALOG_URL": f"{SANDBOX_URL}/dialog",
        "ARRIWA_META_BUSINESS_URL": f"{SANDBOX_URL}/dialog",
        # The app of sandbox/people.json
        "ARRIWA_META_APP_ID": "770000000001",
        "ARRIWA_META_APP_SECRET": "facebook-sandbox-app-secret",
        "ARRIWA_KOMMO_URL": f"{SANDBOX_URL}/kommo/{{subdomain}}",
        "ARRIWA_STRIPE_URL": f"{SANDBOX_URL}/stripe",
        "ARRIWA_FLOWISE_URL": f"{SANDBOX_URL}/flowise",
        "ARRIWA_KOMMO_AUTH_URL": f"{SANDBOX_URL}/kommo/oauth",
        "ARRIWA_KOMMO_CLIENT_ID": "7d0e0000-0000-4000-8000-000000000001",
        "ARRIWA_KOMMO_CLIENT_SECRET": "sandbox-kommo-client-secret",
        "ARRIWA_FLOWISE_KEY": "flowise-sandbox-admin-key",
        "SANDBOX_KOMMO_REDIRECT_URI": f"{HOOK_URL}/credentials/kommo/callback",
        "ARRIWA_KOMMO_LAG_SECONDS": "0.5",
        "ARRIWA_AGENT_DEADLINE_SECONDS": "2",
        "ARRIWA_LOG_LEVEL": "WARNING",
    }
)
