"""A lean HTTP load generator: keep-alive sockets under one epoll loop, about 20 µs a request.

It shares the machine with what it measures; its own share is told beside the figure.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

_OK = b"HTTP/1.1 200"


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a run."""

    answered: int
    refused: int
    seconds: float
    #: Share of one processor that the generator itself took.
    own_share: float

    @property
    def per_second(self) -> float:
        """Requests answered 200 per second."""
        return self.answered / self.seconds


def request_bytes(host: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """One POST as it goes over the wire, keep-alive."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def run_load(address: tuple[str, int], requests: Sequence[bytes], *, clients: int, seconds: float) -> Load:
    """Each client sends one request after the other, the next when the answer has come.

    Answers must have an empty body. Raises ConnectionError when the server closes a connection.
    """
    selector = selectors.DefaultSelector()
    sockets = []
    for number in range(clients):
        client = socket.create_connection(address)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(client, selectors.EVENT_READ)
        client.sendall(requests[number % len(requests)])
        sockets.append(client)
    answered = refused = 0
    begin, used = time.perf_counter(), time.process_time()
    end = begin + seconds
    while time.perf_counter() < end:
        for key, _ in selector.select(1.0):
            assert isinstance(key.fileobj, socket.socket)
            client = key.fileobj
            answer = client.recv(4096)
            if not answer:
                raise ConnectionError("The server closed a connection under load.")
            if not answer.endswith(b"\r\n\r\n"):
                raise ConnectionError("The server sent a body or half an answer.")
            if answer.startswith(_OK):
                answered += 1
            else:
                refused += 1
            client.sendall(requests[(answered + refused) % len(requests)])
    took, used = time.perf_counter() - begin, time.process_time() - used
    for client in sockets:
        client.close()
    selector.close()
    return Load(answered, refused, took, used / took)
