"""Reports made on other machines: through any executor, and on a Dask cluster of two local workers."""

from __future__ import annotations

import io
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest

from cxstats.reporting import publish, record, run
from cxstats.reporting.progress import Progress

from .conftest import ANSWER, HEADER, Workshop, part_cell


class _Lost(Executor):
    """A cluster whose machine dies with the work."""

    def submit(self, *_, **__) -> Future:
        task: Future = Future()
        task.set_exception(RuntimeError("worker tcp://10.0.0.5:4711 is gone"))
        return task


def _render(workshop: Workshop, executor: Executor, **options) -> tuple[list[run.Outcome], str]:
    stream = io.StringIO()
    out = publish.open_out(workshop.out)
    found = run.render(
        workshop.plan(), out, executor=executor, workers=2, progress=Progress(stream, live=False), **options
    )
    return found, stream.getvalue()


def test_reports_go_to_the_executor_and_the_index_is_made_here(workshop: Workshop, monkeypatch) -> None:
    workshop.add("a", "1")
    workshop.add("b", "1")
    asked = []

    def elsewhere(job, out, limits, engine, force) -> run.Outcome:
        asked.append((job.report, engine, force))
        return run.Outcome(job, "ok" if job.report == "a" else "failed", cause="no such column")

    monkeypatch.setattr(run, "elsewhere", elsewhere)
    with ThreadPoolExecutor(2) as pool:
        outcomes, log = _render(workshop, pool, force=True, engine="kernel")
    assert [outcome.status for outcome in outcomes] == ["ok", "failed"]
    assert sorted(asked) == [("a", "kernel", True), ("b", "kernel", True)]
    assert "report=demo/a step=published" in log
    assert 'step=failed detail="no such column"' in log
    assert (workshop.out / "index.html").is_file()


@pytest.mark.parametrize(("said", "threads"), [("", 1), ("3", 3), ("0", 1)])
def test_a_report_on_another_machine_uses_one_thread_unless_told(
    workshop: Workshop, monkeypatch, said, threads
) -> None:
    workshop.add("a", "1")
    monkeypatch.setenv("CXSTATS_THREADS", said)
    seen = []
    monkeypatch.setattr(run, "execute", lambda *_, threads, **__: seen.append(threads) or 1 / 0)
    with ThreadPoolExecutor(1) as pool:
        _render(workshop, pool)
    assert seen == [threads]


def test_a_machine_that_is_lost_is_a_failed_report_and_not_the_end(workshop: Workshop) -> None:
    workshop.add("a", "1")
    (outcome,), _ = _render(workshop, _Lost())
    assert outcome.status == "failed"
    assert "The machine that made it was lost" in outcome.cause


def test_two_workers_of_a_dask_cluster_make_reports(workshop: Workshop) -> None:
    distributed = pytest.importorskip(
        "distributed", reason="NOT TRIED: needs the extra, pip install 'cxstats[distributed]'"
    )
    from cxstats.simulation.execution import client

    for name in ("a", "b", "c"):
        workshop.add(name, part_cell(HEADER, ANSWER))
    workshop.add("bad", "raise ValueError('no such column')")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        client(cluster.scheduler_address) as connected,
        connected.get_executor() as pool,
    ):
        outcomes, log = _render(workshop, pool)
    assert [outcome.status for outcome in outcomes] == ["ok", "ok", "ok", "failed"]
    assert "no such column" in outcomes[-1].cause
    cards = {card["report"]: card for card in record.cards(workshop.out)}
    assert cards["a"]["href"] == "demo/a/index.html"
    assert "no such column" in cards["bad"]["failed"]["cause"]
    assert log.count("step=published") == 3


def test_a_cluster_that_is_not_there_is_refused_before_anything_runs(monkeypatch) -> None:
    from cxstats import cli
    from cxstats.reporting.errors import UsageError
    from cxstats.simulation import execution

    def nobody(address: str) -> None:
        raise OSError("Timed out")

    monkeypatch.setattr(execution, "client", nobody)
    with (
        pytest.raises(UsageError, match=r"--executor tcp://x:1: no Dask scheduler answers there"),
        cli._machines("tcp://x:1", 1),
    ):
        pass
    with cli._machines(None, 3) as (executor, workers):
        assert (executor, workers) == (None, 3)
