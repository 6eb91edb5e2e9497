"""Free TCP ports on the loopback address."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

from arriwa.ops.errors import OpsError
from arriwa.ops.leases import FileLock

LOOPBACK = "127.0.0.1"
#: How many ports after the preferred one are tried before the system is asked for any.
NEIGHBOURS = 20


def free_port(preferred: int | None = None, avoid: frozenset[int] = frozenset()) -> int:
    """Return a TCP port of 127.0.0.1 on which nothing listens now.

    `preferred` comes first, then the 20 ports after it, then whatever the system gives. Ports in `avoid`
    are never returned. The port is not reserved: bind it soon. Raises OpsError when the system has none.
    """
    if preferred is not None:
        for port in range(preferred, min(preferred + NEIGHBOURS + 1, 65536)):
            if port not in avoid and _bindable(port):
                return port
    for _ in range(NEIGHBOURS):
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1])
        if port not in avoid:
            return port
    raise OpsError("No free TCP port was found on 127.0.0.1; close some programs and try again.")


_reserved: dict[int, FileLock] = {}


def reserve_port(preferred: int) -> int:
    """`free_port`, kept from every other run of ours for as long as this process lives.

    Two servers that set SO_REUSEPORT, as granian does, would both get the port, and the kernel would
    deal one's requests out to the other. Raises OpsError when there is none.
    """
    taken: set[int] = set(_reserved)
    while True:
        port = free_port(preferred, avoid=frozenset(taken))
        lock = FileLock(Path(tempfile.gettempdir()) / f"arriwa-port-{port}.lock")
        try:
            if lock.acquire():
                _reserved[port] = lock
                return port
        except OSError:
            # Another account's lock file: its run may be alive.
            pass
        taken.add(port)


def _bindable(port: int) -> bool:
    with socket.socket() as probe:
        # A port whose last connections are in TIME_WAIT is free for a server that sets the same option.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
