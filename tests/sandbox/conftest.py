"""One sandbox process for the session, and a listener that takes its hooks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# helpers beside the tests are imported by their bare name
sys.path.insert(0, str(Path(__file__).parent))

from sandbox_client import ROOT, Client, Listener


@pytest.fixture(scope="session")
def sandbox_url() -> Iterator[str]:
    """The address of a sandbox process that lives as long as the session."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "ready on" in line, "the sandbox did not start"
        yield line.split()[-1]
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def sandbox(sandbox_url: str) -> Client:
    """The sandbox, emptied, with statuses 10 ms apart."""
    client = Client(sandbox_url)
    client.post("/_reset")
    client.post("/gupshup/_settings", {"app_id": client.demo["gupshup"]["app_id"], "delay": 0.01})
    return client


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A fresh hook listener."""
    one = Listener()
    yield one
    one.server.shutdown()
