"""`python -m sandbox.journey`: takes one lead from the ad to the payment and checks its ledger.

Exit status 0: every line is there once, with its proof, as the sandbox has it. 1: one line per problem on
standard output. 2: wrong arguments.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from typing import Any

import requests

from sandbox.journey import expected
from sandbox.journey.api import JourneyStopped, Phone, Product, Sandbox
from sandbox.journey.compare import problems_of_list
from sandbox.journey.drive import settle, travel
from sandbox.journey.record import Lead
from sandbox.journey.show import paint, problems_text, table
from sandbox.journey.verdict import Record, problems_of_record


def main(argv: list[str] | None = None) -> int:
    """The exit status, see above."""
    given = _arguments(argv)
    colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    digits = given.phone or f"7701{secrets.randbelow(10**7):07d}"
    try:
        rows, problems = _run(given, digits, quiet=given.quiet, colours=colours)
    except (JourneyStopped, requests.RequestException) as error:
        print(paint(f"✗ {error}", "31", colours), flush=True)
        return 1
    for line in problems_text(problems, colours=colours):
        print(line)
    said = [row for row in rows if row["kind"] != "decision"]
    verdict = f"{len(said)} lines and {len(rows) - len(said)} decisions"
    if problems:
        print(f"{verdict}; {len(problems)} problems.", flush=True)
        return 1
    verdict += ": every line once, with its proof, as the list and the sandbox's record have it."
    print(paint(f"✓ {verdict}", "32", colours), flush=True)
    return 0


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.journey", description=__doc__)
    parser.add_argument("--sandbox-url", required=True)
    parser.add_argument("--product-url", required=True)
    parser.add_argument("--product-token", required=True, help="an API token of the demo organization")
    parser.add_argument("--phone", type=_digits, help="a number that has not written yet (default: random)")
    parser.add_argument("--quiet", action="store_true", help="problems and the verdict only")
    return parser.parse_args(argv)


def _digits(text: str) -> str:
    if not text.isascii() or not text.isdigit() or not 6 <= len(text) <= 15:
        raise argparse.ArgumentTypeError("a phone is 6 to 15 digits with the country code, without +")
    return text


def _run(
    given: argparse.Namespace, digits: str, *, quiet: bool, colours: bool
) -> tuple[list[dict[str, Any]], list[str]]:
    """(the ledger, the problems). Raises JourneyStopped when the way cannot be gone to its end."""
    sandbox = Sandbox(given.sandbox_url)
    settings = sandbox.account(expected.ACCOUNT)
    phone = Phone(given.sandbox_url, expected.ACCOUNT, digits)
    product = Product(given.product_url, given.product_token, digits)
    if phone.received() or product.rows():
        raise JourneyStopped(f"{digits} has written before; give another --phone.")

    def tell(text: str) -> None:
        if not quiet:
            print(text, flush=True)

    journey = travel(phone, product, tell)
    rows = settle(product)
    tell("")
    for line in table(rows, colours=colours):
        tell(line)
    tell("")
    lead = Lead(digits, product.subscriber, expected.ACCOUNT, journey.referral, journey.payments)
    problems = problems_of_list(rows, expected.LINES, settings)
    kommo = settings["kommo"]
    stages = sandbox.stages(kommo["subdomain"], kommo["token"])
    record = Record(sandbox.states(), sandbox.events_received(), stages, settings)
    return rows, problems + problems_of_record(rows, record, lead)


if __name__ == "__main__":
    sys.exit(main())
