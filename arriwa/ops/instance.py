"""One running Arriwa of this machine: its folder, its secrets, the environment of its processes."""

from __future__ import annotations

import base64
import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from arriwa.ops.errors import OpsError
from arriwa.ops.folders import REPOSITORY, short_hash
from arriwa.ops.leases import FileLock

INSTANCES_TRIED = 50
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


@dataclass(frozen=True)
class Instance:
    """A folder that this process has to itself until it ends."""

    name: str
    folder: Path
    lock: FileLock
    #: The name asked for, when it was taken by a running one.
    taken: str | None = None


def claim_instance(data: Path, wanted: str | None = None) -> Instance:
    """Take the instance `wanted` (default: ARRIWA_INSTANCE, else "demo"), or the next free `-2`, `-3` …

    Raises OpsError when the name is malformed or none is free.
    """
    name = wanted or os.environ.get("ARRIWA_INSTANCE") or "demo"
    if not NAME.fullmatch(name):
        raise OpsError(f"ARRIWA_INSTANCE={name} must be lower-case letters, digits and dashes, at most 31.")
    for number in range(1, INSTANCES_TRIED + 1):
        candidate = name if number == 1 else f"{name}-{number}"
        folder = data / candidate
        folder.mkdir(mode=0o755, exist_ok=True)
        lock = FileLock(folder / "lock")
        if lock.acquire():
            return Instance(candidate, folder, lock, None if number == 1 else name)
    raise OpsError(f"{INSTANCES_TRIED} instances of {name} run already; stop one.")


@dataclass(frozen=True)
class Secrets:
    """What an instance must keep: losing the master key makes sealed values unreadable."""

    secret_key: str
    master_key: str
    api_token: str
    #: Of the demo's staff account.
    staff_password: str = ""


def load_secrets(data: Path, instance: Instance, database_url: str | None) -> Secrets:
    """Return the kept secrets, made at the first call (files of mode 0600); the environment's come first.

    They belong to the database: for a foreign `database_url` they lie beside the instances, so that two
    share them.
    """
    folder = data / f"external-{short_hash(database_url)}" if database_url else instance.folder
    folder.mkdir(mode=0o755, exist_ok=True)

    def kept(name: str, variable: str, make: Callable[[], str]) -> str:
        return os.environ.get(variable) or _kept(folder / name, make)

    return Secrets(
        secret_key=kept("secret_key", "ARRIWA_SECRET_KEY", lambda: secrets.token_urlsafe(48)),
        master_key=kept(
            "master_key", "ARRIWA_MASTER_KEY", lambda: base64.b64encode(secrets.token_bytes(32)).decode()
        ),
        api_token=kept("api_token", "ARRIWA_DEMO_API_TOKEN", lambda: secrets.token_urlsafe(32)),
        staff_password=kept(
            "staff_password", "ARRIWA_DEMO_STAFF_PASSWORD", lambda: secrets.token_urlsafe(12)
        ),
    )


def _kept(path: Path, make: Callable[[], str]) -> str:
    """The file's text, written first if there is none. Two that start at once get the same."""
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link fails where a rename would replace what the other one uses already.
            path.hardlink_to(draft)
        except FileExistsError:
            return path.read_text()
        finally:
            draft.unlink()
    return path.read_text()


def base_environment() -> dict[str, str]:
    """The caller's environment, with the repository's code and its interpreter's programs found first."""
    environment = dict(os.environ)
    environment["PYTHONPATH"] = str(REPOSITORY)
    environment["DJANGO_SETTINGS_MODULE"] = "arriwa.settings"
    environment.pop("PYTHONHOME", None)
    if environment.pop("PYTHONDONTWRITEBYTECODE", None):
        # Without compiled files each process would compile Django anew; the sources' folders stay clean.
        environment.setdefault("PYTHONPYCACHEPREFIX", str(Path(sys.prefix) / "pycache"))
    return environment


def product_environment(
    kept: Secrets,
    *,
    database_url: str,
    web_url: str,
    sandbox_url: str,
    overrides: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The environment of the product's processes in a demo: every platform is the sandbox.

    A platform's URL set by the caller wins, so that a proxy can be put between.
    """
    environment = base_environment()
    environment |= {
        "DATABASE_URL": database_url,
        "ARRIWA_SECRET_KEY": kept.secret_key,
        "ARRIWA_MASTER_KEY": kept.master_key,
        "ARRIWA_DEMO_API_TOKEN": kept.api_token,
        "ARRIWA_DEMO_STAFF_PASSWORD": kept.staff_password,
        "ARRIWA_DEBUG": "0",
        "ARRIWA_ENV": "demo",
        "ARRIWA_PUBLIC_URL": web_url,
    }
    platforms = {
        "ARRIWA_GUPSHUP_URL": f"{sandbox_url}/gupshup",
        # The partner of sandbox/partner.json
        "ARRIWA_GUPSHUP_PARTNER_ID": "4010",
        "ARRIWA_GUPSHUP_PARTNER_EMAIL": "partner@arriwa.example",
        "ARRIWA_GUPSHUP_PARTNER_CLIENT_SECRET": "gupshup-sandbox-client-secret",
        "ARRIWA_SANDBOX_PAGE_URL": sandbox_url,
        "ARRIWA_META_URL": f"{sandbox_url}/graph",
        "ARRIWA_META_DIALOG_URL": f"{sandbox_url}/dialog",
        "ARRIWA_META_BUSINESS_URL": f"{sandbox_url}/dialog",
        # The app of sandbox/people.json
        "ARRIWA_META_APP_ID": "770000000001",
        "ARRIWA_META_APP_SECRET": "facebook-sandbox-app-secret",
        "ARRIWA_KOMMO_URL": f"{sandbox_url}/kommo/{{subdomain}}",
        "ARRIWA_STRIPE_URL": f"{sandbox_url}/stripe",
        "ARRIWA_FLOWISE_URL": f"{sandbox_url}/flowise",
        # The integration that the sandbox's Kommo knows, and the key of its Flowise.
        "ARRIWA_KOMMO_AUTH_URL": f"{sandbox_url}/kommo/oauth",
        "ARRIWA_KOMMO_CLIENT_ID": "7d0e0000-0000-4000-8000-000000000001",
        "ARRIWA_KOMMO_CLIENT_SECRET": "sandbox-kommo-client-secret",
        "ARRIWA_FLOWISE_KEY": "flowise-sandbox-admin-key",
    }
    for name, url in platforms.items():
        if not environment.get(name):
            environment[name] = url
    return environment | dict(overrides or {})
