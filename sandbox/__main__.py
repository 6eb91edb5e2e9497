"""`python -m sandbox --host 127.0.0.1 --port 8100`: runs the sandbox until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from pathlib import Path

from aiohttp import web

from sandbox.app import ACCOUNTS, build, load_accounts


def main() -> None:
    """Reads the options, serves, prints one line when ready."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8100, help="0 takes a free one")
    parser.add_argument(
        "--accounts", type=Path, default=ACCOUNTS, help="JSON file, see sandbox/accounts.json"
    )
    parser.add_argument("--product-url", default=os.environ.get("SANDBOX_PRODUCT_URL", ""))
    parser.add_argument("--product-token", default=os.environ.get("SANDBOX_PRODUCT_TOKEN", ""))
    options = parser.parse_args()
    asyncio.run(_serve(options))


async def _serve(options: argparse.Namespace) -> None:
    app = build(load_accounts(options.accounts), options.product_url, options.product_token)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, options.host, options.port, backlog=1024)
    await site.start()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        # everything lives in memory: nothing is lost by leaving at once
        loop.add_signal_handler(name, os._exit, 0)
    port = runner.addresses[0][1]
    print(f"sandbox ready on http://{options.host}:{port}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    main()
