"""Several tasks at a time: order, dependence, and an end when one is asked for."""

from __future__ import annotations

import io
import itertools
import threading
import time

import pytest

from cxstats.reporting import pool
from cxstats.reporting.kernel import THREADS, environment
from cxstats.reporting.progress import Progress
from cxstats.survey.engine import Engine


def test_results_come_in_the_order_of_the_tasks() -> None:
    def work(number: int, task: float, stop: threading.Event) -> float:
        time.sleep(task)
        return task * 2

    assert pool.in_turn([0.05, 0.0, 0.02], work, workers=3) == [0.1, 0.0, 0.04]
    assert pool.in_turn([], work, workers=3) == []


def test_no_more_tasks_run_at_a_time_than_were_asked_for() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def work(number: int, task: int, stop: threading.Event) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= 1

    pool.in_turn(range(30), work, workers=4)
    assert 1 < most <= 4


def test_a_task_waits_for_the_one_it_comes_after() -> None:
    ended: list[int] = []

    def work(number: int, task: int, stop: threading.Event) -> None:
        time.sleep(0.03 if number == 3 else 0)
        ended.append(number)

    pool.in_turn(range(5), work, workers=3, after={0: 3, 1: 0, 2: 2})
    assert ended.index(3) < ended.index(0) < ended.index(1)


def test_tasks_start_in_the_order_asked_for() -> None:
    started: list[int] = []
    found = pool.in_turn(
        "abcd", lambda n, task, stop: started.append(n) or task, order=[2, 0, 3, 1], after={0: 3}
    )
    assert started == [2, 3, 0, 1]
    assert found == ["a", "b", "c", "d"]


def test_tasks_that_wait_for_each_other_still_run() -> None:
    assert pool.in_turn("ab", lambda number, task, stop: task, workers=2, after={0: 1, 1: 0}) == ["a", "b"]


@pytest.mark.parametrize("cores", [1, 2, 3, 4, 7, 64])
def test_threads_times_jobs_are_no_more_than_the_cores(monkeypatch, tmp_path, cores) -> None:
    monkeypatch.setattr(pool, "cores", lambda: cores)
    for wanted, tasks in itertools.product((1, 2, 3, 5, 64, 100), (1, 2, 3, 9, 500)):
        workers, threads = pool.at_a_time(wanted, tasks)
        assert 1 <= workers <= min(wanted, tasks)
        if workers > 1:
            assert threads is not None
            assert workers * threads <= cores < workers * (threads + 1)
            assert {environment(tmp_path, threads)[name] for name in THREADS} <= {
                str(n) for n in (1, threads)
            }


def test_a_surveys_engine_keeps_to_the_threads_it_is_given(monkeypatch, tmp_path) -> None:
    def threads(given: int | None) -> int:
        for name, value in environment(tmp_path, given).items():
            monkeypatch.setenv(name, value)
        return Engine().run("select current_setting('threads')")[0][0]

    monkeypatch.delenv("CXSTATS_THREADS", raising=False)
    assert threads(None) == pool.cores()
    monkeypatch.delenv("CXSTATS_THREADS", raising=False)
    assert threads(1) == 1
    monkeypatch.setenv("CXSTATS_THREADS", "2")  # the user's own wish, where there is room for it
    assert threads(3) == 2
    assert threads(1) == 1


def test_what_a_task_raises_ends_the_others_and_is_raised() -> None:
    asked: list[int] = []
    began: list[int] = []

    def work(number: int, task: int, stop: threading.Event) -> None:
        began.append(number)
        if number == 1:
            time.sleep(0.02)
            raise ZeroDivisionError("number 1")
        assert stop.wait(10)
        asked.append(number)

    with pytest.raises(ZeroDivisionError, match="number 1"):
        pool.in_turn(range(9), work, workers=2)
    assert asked == [0]
    assert sorted(began) == [0, 1]


def test_an_interruption_asks_every_task_to_end_and_waits_for_them(monkeypatch) -> None:
    ended: list[int] = []

    def work(number: int, task: int, stop: threading.Event) -> None:
        assert stop.wait(10)
        time.sleep(0.05)
        ended.append(number)
        raise KeyboardInterrupt

    naps = iter([None, None, KeyboardInterrupt()])
    real = time.sleep

    def interrupted(seconds: float) -> None:
        if threading.current_thread() is threading.main_thread() and (nap := next(naps, None)):
            raise nap
        real(seconds)

    monkeypatch.setattr("cxstats.reporting.pool.time.sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pool.in_turn(range(9), work, workers=2)
    assert sorted(ended) == [0, 1]


@pytest.mark.parametrize(
    ("wanted", "tasks", "cores", "expected"),
    [
        (1, 9, 8, (1, None)),
        (2, 9, 8, (2, 4)),
        (3, 9, 8, (3, 2)),
        (99, 9, 4, (4, 1)),
        (4, 2, 4, (2, 2)),
        (4, 0, 4, (1, None)),
    ],
)
def test_threads_times_jobs_are_at_most_the_cores(monkeypatch, wanted, tasks, cores, expected) -> None:
    monkeypatch.setattr(pool, "cores", lambda: cores)
    assert pool.at_a_time(wanted, tasks) == expected
    workers, threads = expected
    assert threads is None or workers * threads <= cores


def test_progress_of_several_reports_stays_one_line_on_a_terminal_and_named_lines_in_a_log() -> None:
    terminal, log = io.StringIO(), io.StringIO()
    for stream, live in ((terminal, True), (log, False)):
        progress = Progress(stream, live=live)
        one, two = progress.begin("demo/one", 1, 2), progress.begin("demo/two", 2, 2)
        one.step("execute")
        two.step("execute")
        one.cell(3, 9)
        two.end("published")
        one.end("failed: why")
    moving = terminal.getvalue().split("\r")
    assert any("one: cell 3 of 9" in line and "two: execute" in line for line in moving)
    assert all(len(line.rstrip("\n")) <= 110 for line in moving)
    assert [line.split("(")[0] for line in terminal.getvalue().split("\r") if line.endswith("\n")] == [
        "[2/2] demo/two: published ",
        "[1/2] demo/one: failed: why ",
    ]
    lines = [line.split(" ", 1)[1] for line in log.getvalue().splitlines()]
    assert lines[:2] == ["report=demo/one step=execute", "report=demo/two step=execute"]
    assert lines[2].startswith("report=demo/two step=published")
    assert lines[3].startswith("report=demo/one step=failed detail=why")
