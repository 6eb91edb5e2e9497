"""Locks on files that the kernel gives back when their holder dies, even by kill -9."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from arriwa.ops.errors import OpsError

POLL_SECONDS = 0.05


class FileLock:
    """One flock(2) on one file: many readers, or one writer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, *, shared: bool = False, timeout: float = 0.0) -> bool:
        """Take the lock, or change its kind, within `timeout` seconds; False when another holder keeps it.

        A failed change of kind loses the lock that was held: the kernel releases it first.
        """
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    self.release()
                    return False
                time.sleep(POLL_SECONDS)
            else:
                return True

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> FileLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def held(path: Path) -> bool:
    """Tell whether some process holds the lock of `path` as its one writer; a missing file is not held."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who ask at once do not take each other for the holder.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def exclusive(path: Path, timeout: float, busy: str) -> Iterator[None]:
    """Hold the lock of `path` inside a `with`; raises OpsError(`busy`) after `timeout` seconds."""
    with FileLock(path) as lock:
        if not lock.acquire(timeout=timeout):
            raise OpsError(busy)
        yield
