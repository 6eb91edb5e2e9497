"""`python -m arriwa.ops.run demo|test|bench`: what the scripts in bin/ call once the environment is there."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from arriwa.ops.checks import run_bench, run_checks
from arriwa.ops.demo import run_demo
from arriwa.ops.errors import OpsError
from arriwa.ops.supervisor import Interrupted

INTERRUPTED = 130


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status (130 when interrupted, 1 with one sentence on a failure)."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    signal.signal(signal.SIGHUP, _as_interrupt)
    try:
        return _dispatch(argv)
    except OpsError as error:
        print(f"arriwa: {error}", file=sys.stderr)
        return 1
    except (Interrupted, KeyboardInterrupt):
        return INTERRUPTED


def _dispatch(argv: Sequence[str]) -> int:
    command, rest = (argv[0], list(argv[1:])) if argv else ("", [])
    if command == "demo":
        options = _demo_options(rest)
        return run_demo(once=options.once, port=options.port, browser=not options.no_browser)
    if command == "test":
        # Everything but --long is pytest's.
        return run_checks([word for word in rest if word != "--long"], long="--long" in rest)
    if command == "bench":
        return run_bench(rest)
    print("usage: python -m arriwa.ops.run demo|test|bench [arguments]", file=sys.stderr)
    return 2


def _demo_options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bin/demo", description="Run all of Arriwa on this machine; every platform is the sandbox."
    )
    parser.add_argument(
        "--once", action="store_true", help="take one lead from the ad to the payment and exit"
    )
    parser.add_argument("--port", type=int, help="preferred port of the web server (default 8000)")
    parser.add_argument("--no-browser", action="store_true", help="open no browser")
    return parser.parse_args(argv)


def _as_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
