"""Several reports at a time, in threads: what takes long (the notebooks) runs in processes of their own."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

__all__ = ["at_a_time", "cores", "in_turn"]

_LAST_WISHES = 30.0  # seconds that running tasks have to end themselves when they are asked to

T = TypeVar("T")
R = TypeVar("R")


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def at_a_time(wanted: int, tasks: int) -> tuple[int, int | None]:
    """How many tasks to run at a time, and how many threads each may use: together no more than cores.

    None threads where one task runs alone: it may use what it likes.

    >>> at_a_time(1, 10)
    (1, None)
    """
    workers = max(1, min(wanted, tasks, cores()))
    return workers, None if workers == 1 else max(1, cores() // workers)


def in_turn(
    tasks: Sequence[T],
    work: Callable[[int, T, threading.Event], R],
    *,
    workers: int = 1,
    after: Mapping[int, int] | None = None,
    order: Sequence[int] | None = None,
) -> list[R]:
    """``work(number, task, stop)`` for every task, ``workers`` at a time; results in the order of the tasks.

    Tasks start in this ``order`` (of their numbers; their own without), except that task ``i`` waits for task
    ``after[i]``. When this thread is
    interrupted (Ctrl-C), or a task raises, ``stop`` is set, no further task starts, the running ones are
    waited for, and the exception is raised here.
    """
    return _Pool(tasks, work, after or {}, order).run(workers)


class _Pool:
    def __init__(
        self,
        tasks: Sequence[T],
        work: Callable[[int, T, threading.Event], R],
        after: Mapping[int, int],
        order: Sequence[int] | None,
    ) -> None:
        self.tasks, self.work, self.after = tasks, work, after
        self.waiting = list(range(len(tasks)) if order is None else order)
        self.running: set[int] = set()
        self.results: dict[int, R] = {}
        self.error: BaseException | None = None
        self.stop = threading.Event()
        self.changed = threading.Condition()

    def run(self, workers: int) -> list[R]:
        threads = [
            threading.Thread(target=self._worker, name=f"report-{number}", daemon=True)
            for number in range(min(workers, len(self.tasks)))
        ]
        try:
            for thread in threads:
                thread.start()
            self._wait(lambda: any(thread.is_alive() for thread in threads))
        except BaseException:
            self.stop.set()
            end = time.monotonic() + _LAST_WISHES
            self._wait(lambda: any(thread.is_alive() for thread in threads) and time.monotonic() < end)
            raise
        if self.error is not None:
            raise self.error
        return [self.results[number] for number in range(len(self.tasks))]

    @staticmethod
    def _wait(going: Callable[[], bool]) -> None:
        # short sleeps rather than a join: a signal is answered between them on every system
        while going():
            time.sleep(0.02)

    def _worker(self) -> None:
        while (number := self._next()) is not None:
            try:
                self.results[number] = self.work(number, self.tasks[number], self.stop)
            except BaseException as error:
                with self.changed:
                    if self.error is None and not self.stop.is_set():
                        self.error = error
                    self.stop.set()
            finally:
                with self.changed:
                    self.running.discard(number)
                    self.changed.notify_all()

    def _next(self) -> int | None:
        """The first task that waits for nothing; None when there is nothing left to do."""
        with self.changed:
            while self.waiting and not self.stop.is_set():
                pending = self.running.union(self.waiting)
                ready = [n for n in self.waiting if self.after.get(n, n) == n or self.after[n] not in pending]
                if not ready and not self.running:
                    ready = self.waiting  # they wait for each other: better the wrong order than none
                if ready:
                    number = ready[0]
                    self.waiting.remove(number)
                    self.running.add(number)
                    return number
                self.changed.wait(0.2)
            return None
