"""A TCP proxy that a test can cut, to see what follows when something behind it goes away."""

from __future__ import annotations

import contextlib
import socket
import threading


class Proxy:
    """Listens on loopback and passes bytes on to (host, port) until it is cut."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._pairs: list[socket.socket] = []
        self._cut = False
        #: While set, what the server says is swallowed.
        self.mute = False
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def cut(self) -> None:
        """Ends what is open and refuses what comes."""
        self._cut = True
        self.hang_up()

    def hang_up(self) -> None:
        """Ends what is open."""
        with self._lock:
            open_now, self._pairs = self._pairs, []
        for sock in open_now:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def restore(self) -> None:
        """Passes new connections on again."""
        self._cut = False

    def close(self) -> None:
        """Ends everything."""
        self.cut()
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if self._cut:
                client.close()
                continue
            upstream = socket.create_connection(self._target)
            with self._lock:
                self._pairs += [client, upstream]
            for source, sink in ((client, upstream), (upstream, client)):
                answers = source is upstream
                threading.Thread(target=self._pass_on, args=(source, sink, answers), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not (answers and self.mute):
                    sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
