"""An organization with two workspaces, each with accounts of its own at every platform."""

from __future__ import annotations

import copy
import json
import secrets
from dataclasses import dataclass
from typing import Any

from tests.support.sandbox import ROOT, Sandbox

NAMES = ("north", "south")


@dataclass(frozen=True)
class TwoWorkspaces:
    """What `provision` made for each workspace, and the accounts that it was given."""

    made: dict[str, Any]
    accounts: dict[str, dict[str, Any]]


def account_like_demo(name: str, number: int) -> dict[str, Any]:
    """Accounts as the demo has them, with ids and keys of their own; one ad id is the same everywhere."""
    demo = json.loads((ROOT / "sandbox" / "accounts.json").read_text())["demo"]
    made: dict[str, Any] = copy.deepcopy(demo)
    tag = f"{secrets.randbelow(900_000) + 100_000}{number}"
    made["gupshup"] |= {
        "app_id": f"app-{name}-{tag}",
        "app_name": f"arriwa{name}{tag}",
        "token": f"sk_{name}_{tag}",
        "number": f"3713{tag}",
        "number_id": f"91{tag}",
        "waba_id": f"1003{tag}",
    }
    made["meta"] |= {
        "token": f"EAA{name}{tag}",
        "business_id": f"71{tag}",
        "waba_id": f"1003{tag}",
        "ad_account_id": f"21{tag}",
        "dataset_id": f"9988{tag}",
        "good_pixel_id": f"5561{tag}",
        "noise_pixel_id": f"5562{tag}",
        "catalog_id": f"57{tag}",
    }
    made["kommo"] |= {"subdomain": f"{name}{tag}", "account_id": int(f"29{tag}"), "token": f"kommo-{tag}"}
    made["stripe"] |= {"key": f"rk_test_{name}{tag}", "account": f"acct_{name}{tag}"}
    made["flowise"] |= {"key": f"flowise-{tag}", "flow_id": f"5875e43a-0000-4000-8000-0000{tag:0>8}"}
    return made


def two_workspaces(sandbox: Sandbox) -> TwoWorkspaces:
    """Makes both, and lets the sandbox answer at once."""
    from arriwa.provision import provision

    accounts = {name: account_like_demo(name, place) for place, name in enumerate(NAMES)}
    sandbox.post("/_accounts", accounts)
    quick = {"silence_seconds": 0.05, "silence_limit_seconds": 0.2}
    made = {}
    for name, account in accounts.items():
        sandbox.post("/gupshup/_settings", {"app_id": account["gupshup"]["app_id"], "delay": 0.005})
        made[name] = provision(name="two", page_id="page-two", accounts=account, playbook=quick)
    return TwoWorkspaces(made, accounts)
