"""One run of a report at a time.

The lock belongs to the process that holds it, not to the file: when that process ends, however it
ends, the operating system lets go, so a stale lock cannot block the next run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cxstats.reporting.errors import Busy

__all__ = ["held"]


@contextmanager
def held(path: Path, *, wait: float = 0) -> Iterator[None]:
    """Hold the lock file ``path``; raises Busy when another run still has it after ``wait`` seconds."""
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=wait, poll_interval=0.05)
    try:
        lock.acquire()
    except Timeout as error:
        raise Busy(f"another run holds {path.stem}") from error
    try:
        yield
    finally:
        lock.release()
