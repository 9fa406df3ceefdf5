"""A run is a transaction: what was published stays byte-identical until a better page is complete.

For every report: lock → private staging → execute → completion sentinel → convert both editions → scan →
publish by rename → record; after all of them the index is made from the records. A report that fails
leaves its notebook in ``<out>/.failed/`` and does not stop the others.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import importlib
import io
import itertools
import os
import platform
import shutil
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from cxstats import __version__
from cxstats.digests import SHARED
from cxstats.display.slide import SLIDES_VARIABLE
from cxstats.reporting import compare, paper, pool, publish, record, scan
from cxstats.reporting.downloads import Download, downloads, hashed_name
from cxstats.reporting.errors import Busy, RenderError
from cxstats.reporting.execute import Executed, Limits, execute, quick_imports
from cxstats.reporting.fingerprint import Hashes, changed, inputs
from cxstats.reporting.forked import ForkServer, available
from cxstats.reporting.kernel import environment
from cxstats.reporting.lock import held
from cxstats.reporting.own import WHAT_IS_MISSING
from cxstats.reporting.plan import Job
from cxstats.reporting.progress import Progress, Turn

__all__ = ["Limits", "Outcome", "rebuild_index", "render", "withdraw"]

_INDEX_WAIT = 30.0  # seconds to wait for another run that is writing the index


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one report.

    Attributes
    ----------
    job : the report.
    status : "ok"; "unchanged": the page that lies there would come out the same; "failed"; "busy": another
        run held it.
    page : the published page when ok or unchanged.
    cause : one paragraph in the user's words when not.
    kept : where the failed notebook lies.
    last_good : the page of the last good run, still there after a failure.
    """

    job: Job
    status: Literal["ok", "unchanged", "failed", "busy"]
    page: Path | None = None
    cause: str = ""
    kept: Path | None = None
    last_good: Path | None = None


def render(
    jobs: Sequence[Job],
    out: Path,
    *,
    limits: Limits | None = None,
    progress: Progress | None = None,
    workers: int = 1,
    engine: Literal["fork", "kernel"] = "fork",
    force: bool = False,
    executor: Executor | None = None,
    index: bool = True,
    threads: int | None = None,
) -> list[Outcome]:
    """Render every job below ``out`` (made and checked by :func:`.publish.open_out`), then the index.

    ``workers`` reports are made at a time. ``engine`` says where notebooks run: in processes forked from one
    that has every library loaded, or (``"kernel"``, and where a system cannot fork) each in a Python of its
    own. ``force`` renders what has not changed as well. ``executor`` takes reports to other machines
    (``workers`` at a time), which have this package and see the same files under the same paths. Without
    ``index`` the index is left as it is. ``threads`` is the most that one library may use for a report; None
    for its share of the cores.

    Raises KeyboardInterrupt as it comes, with the record written, no process left and nothing half
    published; RenderError when the index cannot be written.
    """
    progress, limits = progress or Progress(), limits or Limits()
    workers, share = (workers, None) if executor else _at_a_time(workers, len(jobs), progress)
    threads = threads or share
    place = {(job.survey.name, job.report): number for number, job in enumerate(jobs)}
    # a report that is compared with another of this run comes after it
    after = {
        number: place[job.earlier.survey, job.earlier.report]
        for number, job in enumerate(jobs)
        if job.earlier and (job.earlier.survey, job.earlier.report) in place
    }
    try:
        begun = itertools.count(1)
        with _shared_counts(), _forking(engine) as server:

            def one(number: int, job: Job, stop: threading.Event) -> Outcome:
                turn = progress.begin(job.name, next(begun), len(jobs))
                if executor is not None:
                    task = executor.submit(elsewhere, job, out, limits, engine, force)
                    return _fetched(job, out, task, turn, stop)
                return _one(job, out, turn, Means(limits, server, threads, stop, force))

            order = _longest_first(jobs, out) if workers > 1 else None
            outcomes = pool.in_turn(jobs, one, workers=workers, after=after, order=order)
    except KeyboardInterrupt:
        with contextlib.suppress(RenderError):  # what was published before belongs in the index
            if index:
                rebuild_index(out)
        raise
    if index:
        rebuild_index(out)
    return outcomes


def elsewhere(job: Job, out: Path, limits: Limits, engine: Literal["fork", "kernel"], force: bool) -> Outcome:
    """One report on the machine that this is called on, told to nobody; the index is left to who asked.

    A cluster hands out as many reports at a time as it has threads, so each has one, unless the machine's
    ``CXSTATS_THREADS`` says otherwise.
    """
    said = os.environ.get("CXSTATS_THREADS", "")
    (outcome,) = render(
        [job],
        out,
        limits=limits,
        progress=Progress(io.StringIO(), live=False),
        engine=engine,
        force=force,
        index=False,
        threads=int(said) if said.isdigit() and int(said) else 1,
    )
    return outcome


def _fetched(job: Job, out: Path, task: Future[Outcome], turn: Turn, stop: threading.Event) -> Outcome:
    """What came of a report that another machine makes; a machine that is lost is a failure, not an end."""
    turn.step("handed over")
    while not task.done():
        if stop.wait(0.05):
            task.cancel()
            turn.end("interrupted")
            raise KeyboardInterrupt
    try:
        outcome = task.result()
    except Exception as error:
        cause = f"The machine that made it was lost, or could not begin ({type(error).__name__}: {str(error)[:300]})."
        outcome = Outcome(job, "failed", cause=scan.redact(cause), last_good=_existing(_goal(job, out)))
    said = {"ok": "published", "unchanged": "unchanged, not rendered again", "busy": f"busy: {outcome.cause}"}
    turn.end(said.get(outcome.status, f"failed: {outcome.cause}"))
    return outcome


def _goal(job: Job, out: Path) -> publish.Target:
    return publish.target(out, job.survey.name, job.report)


def _at_a_time(wanted: int, jobs: int, progress: Progress) -> tuple[int, int | None]:
    workers, threads = pool.at_a_time(wanted, jobs)
    if workers < min(wanted, jobs):
        progress.note(f"{workers} of {wanted} reports at a time: as many as there are processor cores")
    return workers, threads


_LONGEST = ("predictive_validity", "extreme_response_bias")
"""Notebooks that take longest, of which nothing else is known before their first run."""


def _longest_first(jobs: Sequence[Job], out: Path) -> list[int]:
    """Numbers of the jobs, those that took longest when they were last made first: none is left over at the end.

    A report that is new is taken to be as long as the longest of the same notebook.
    """
    own: dict[tuple[str, str], float] = {}
    alike: dict[str, float] = {}
    for key, records in record.load_all(out).items():
        for one in records:
            if one["status"] == "ok" and one.get("seconds"):
                own[key] = sum(one["seconds"].values())
                alike[one["notebook"]] = max(own[key], alike.get(one["notebook"], 0.0))

    def expected(number: int) -> tuple[float, int]:
        notebook = jobs[number].notebook.stem
        unknown = _LONGEST[::-1].index(notebook) + 1.0 if notebook in _LONGEST else 0.0
        known = own.get((jobs[number].survey.name, jobs[number].report), alike.get(notebook))
        return (unknown * 1000 if known is None else known), -number

    return sorted(range(len(jobs)), key=expected, reverse=True)


@contextlib.contextmanager
def _shared_counts() -> Iterator[None]:
    """A private folder in which reports of one run find what another of them has counted already."""
    if os.environ.get(SHARED):  # whoever called has one
        yield
        return
    with tempfile.TemporaryDirectory(prefix="cx-") as folder:
        os.environ[SHARED] = str(Path(folder) / "counts")
        try:
            yield
        finally:
            del os.environ[SHARED]


@contextlib.contextmanager
def _forking(engine: str) -> Iterator[ForkServer | None]:
    """A fork server where it is wanted and the system has it; it starts with the first notebook."""
    if engine == "kernel" or not available():
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="cx-") as folder, ForkServer(environment(Path(folder))) as server:
        yield server


@dataclass(frozen=True, slots=True)
class Means:
    """What a report is made with.

    Attributes
    ----------
    limits : seconds that things may take.
    server : forks notebooks' processes; None for ordinary kernels.
    threads : the most that one library may use; None for as many as it likes.
    stop : set when the run is to end.
    force : render what has not changed as well.
    """

    limits: Limits
    server: ForkServer | None = None
    threads: int | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    force: bool = False


def _one(job: Job, out: Path, turn: Turn, means: Means) -> Outcome:
    goal = _goal(job, out)
    try:
        with held(goal.lock):
            run = _Run(job, goal, turn, means)
            return run.unchanged(force=means.force) or run.go()
    except Busy:
        turn.end("busy: another run is rendering this report")
        return Outcome(job, "busy", cause="another run is rendering this report", last_good=_existing(goal))


def _existing(goal: publish.Target) -> Path | None:
    return goal.page if goal.page.is_file() else None


class _Run:
    """One run of one report, its lock held."""

    def __init__(self, job: Job, goal: publish.Target, turn: Turn, means: Means) -> None:
        self.job, self.goal, self.turn, self.means = job, goal, turn, means
        now = _now()
        self.record: record.Record = {
            "format": 1,
            "run": record.new_run_id(self._all(), now),
            "survey": job.survey.name,
            "survey_title": job.survey.title,
            "report": job.report,
            "position": job.position,
            "title": job.title,
            "audience": job.audience,
            "notebook": job.notebook.stem,
            "notebook_sha256": hashlib.sha256(job.notebook.read_bytes()).hexdigest(),
            "parameters": dict(job.shown),
            "period": job.period.iso if job.period else "",
            "versions": _versions(),
            "status": "running",
            "started": _iso(now),
            "finished": "",
            "seconds": {},
            "header": {},
            "answer": {},
            "points": [],
            "comparison": None,
            "page": None,
            "error": None,
        }
        self.step = "prepare"
        self.then = self._then()
        self.record["inputs"] = self._inputs()

    def _then(self) -> dict[str, Any] | None:
        """What the report that this one is compared with had found."""
        earlier = self.job.earlier
        before = compare.earlier_record(self.goal.out, earlier) if earlier is not None else None
        return compare.taken(self.job, before)

    def _inputs(self) -> dict[str, Any] | None:
        hashes = Hashes(self.goal.out)
        found = inputs(self.job, hashes=hashes, compared=self.then)
        hashes.save()
        return found

    def unchanged(self, *, force: bool) -> Outcome | None:
        """What came of it where the page that lies there was made of the same inputs; None where it must be made."""
        try:
            current = record.current(self.goal.out, self.goal.survey, self.goal.report, self._earlier())
            made_of, now = (current or {}).get("inputs"), self.record["inputs"]
            if force or current is None or now is None or made_of != now:
                if current is not None and not force:
                    why = (
                        ", ".join(changed(made_of, now))
                        if now and made_of
                        else "inputs that cannot be compared"
                    )
                    self.turn.step(f"changed: {why}")
                return None
            record.unchanged(
                self.goal.out, current, self.record["started"], self.record["run"], self.job.position
            )
        except OSError:
            return None  # the run says what is wrong with the folder
        self.turn.end("unchanged, not rendered again")
        return Outcome(self.job, "unchanged", page=self.goal.page)

    def go(self) -> Outcome:
        """The run from beginning to end, whatever happens."""
        try:
            record.settle(self.goal.out, self._earlier())
            self._save()
            work = publish.fresh_staging(self.goal)
            self._at("execute")
            executed = self._execute(work)
            pages = self._convert(executed)
            self._scan(pages)
            self._publish(pages, executed)
        except KeyboardInterrupt:
            self._failed(RenderError("interrupted", "The run was interrupted."), None)
            self.turn.end("interrupted")
            raise
        except RenderError as error:
            return self._failed(error, getattr(error, "notebook", None))
        except OSError as error:
            cause = f"The report could not be written: {publish.explain(error)}."
            return self._failed(RenderError(self.step, cause, traceback.format_exc()), None)
        except Exception as error:
            cause = f"Something is wrong inside cxstats ({type(error).__name__}: {str(error)[:300]})."
            return self._failed(RenderError(self.step, cause, traceback.format_exc()), None)
        finally:
            shutil.rmtree(self.goal.staging, ignore_errors=True)
        self.turn.end("published")
        return Outcome(self.job, "ok", page=self.goal.page)

    def _at(self, step: str) -> None:
        if self.means.stop.is_set():  # between steps nothing is half done
            raise KeyboardInterrupt
        self.step = step
        self.turn.step(step)

    def _execute(self, work: Path) -> Executed:
        executed = execute(
            self.job.notebook,
            self.job.parameters,
            work,
            limits=self.means.limits,
            shown=self.job.shown,
            on_cell=self.turn.cell,
            meanwhile=_load_converter,
            note=self.turn.step,
            server=self.means.server,
            threads=self.means.threads,
            stop=self.means.stop,
            variables={SLIDES_VARIABLE: "1" if "slides" in self.job.downloads else ""},
        )
        parts = record.parts_of(executed.notebook)
        self.record |= parts
        self.record["period"] = compare.days(self.job, parts["header"])
        level = self.job.shown.get("level")
        self.record["comparison"] = compare.said(self.job, self.then, parts, level)
        if self.record["inputs"] is not None and self._inputs() != self.record["inputs"]:
            self.record["inputs"] = (
                None  # something changed while it ran: which of the two it read is not known
            )
        self.record["seconds"] = dict(executed.seconds)
        self.turn.step(f"executed {executed.n_cells} cells in {executed.seconds['cells']:.1f} s")
        return executed

    def _convert(self, executed: Executed) -> dict[str, str | bytes]:
        self._at("convert")
        began = time.monotonic()
        convert = _load_converter()
        try:
            notebook = compare.with_comparison(
                executed.notebook, self.record, self.record["comparison"], self.then
            )
            common = {"title": self._title(), "index_href": "../../index.html"}
            analyst = convert.to_html(notebook, edition="analyst", reader_href="index.html", **common)
            name = publish.companion_name("analyst", analyst)
            files = self._downloads(notebook, lambda: convert.to_html(notebook, **common))
            reader = convert.to_html(notebook, edition="reader", analyst_href=name, downloads=files, **common)
        except Exception as error:
            cause = f"The notebook ran, but could not be made into a page: {str(error)[:600]}"
            raise _Unconverted(cause, traceback.format_exc(), executed.notebook) from error
        self.record["seconds"]["convert"] = round(time.monotonic() - began, 3)
        return {"index.html": reader, name: analyst, **{file.name: file.content for file in files}}

    def _downloads(self, notebook: Any, page: Callable[[], str]) -> list[Download]:
        """The files beside the page; a PDF that cannot be printed is left out, and the log says why."""
        kinds = self.job.downloads
        files = list(downloads(notebook, kinds=kinds))
        if "pdf" not in kinds:
            return files
        try:
            content = paper.pdf(page())
        except paper.NoPaper as error:
            self.turn.step(f"skipped the PDF: {error}")
            return files
        name = hashed_name("report", content, "pdf")
        saved_as = f"{files[0].saved_as.rpartition('.')[0] if files else self.job.report}.pdf"
        printed = Download("pdf", name, content, "This page on paper, as a PDF", saved_as)
        return [printed, *files]

    def _title(self) -> str:
        header = self.record["header"]
        words = (
            self.job.title,
            header.get("survey_title") or self.job.survey.title,
            header.get("period_text"),
        )
        return " · ".join(word for word in words if word)

    def _scan(self, pages: dict[str, str | bytes]) -> None:
        self._at("scan")
        found = [problem for name, content in pages.items() for problem in scan.problems_of(name, content)]
        if found:
            found = list(dict.fromkeys(found))
            raise RenderError("scan", f"The page was made but not published: {'; '.join(found)}.")

    def _publish(self, pages: dict[str, str | bytes], executed: Executed) -> None:
        self._at("publish")
        goal = self.goal
        (analyst,) = (name for name in pages if name.startswith("analyst-"))
        files = [name for name in pages if name not in ("index.html", analyst)]
        record_name = f"run-{self.record['run']}.json"
        html = str(pages["index.html"]).encode("utf-8")
        folder = goal.folder.relative_to(goal.out).as_posix()
        self.record["page"] = {
            "path": f"{folder}/index.html",
            "analyst": f"{folder}/{analyst}",
            "record": f"{folder}/{record_name}",
            "downloads": [f"{folder}/{name}" for name in files],
            "bytes": len(html),
            "sha256": hashlib.sha256(html).hexdigest(),
        }
        self.record["finished"] = _iso(_now())
        before = {path.name for path in self._companions_of_last_good()}
        self.record["status"] = "publishing"
        self._save()
        publish.publish(goal, pages, record_name, record.as_text(self.record | {"status": "ok"}))
        self.record["status"] = "ok"
        self._save()
        publish.tidy(goal, {analyst, record_name, *files} | before)

    def _companions_of_last_good(self) -> list[Path]:
        lies_there = record.page_hash(self.goal.page)
        for earlier in reversed(self._earlier()):
            page = earlier.get("page") or {}
            if lies_there and earlier["status"] == "ok" and page.get("sha256") == lies_there:
                named = [page[key] for key in ("analyst", "record") if page.get(key)]
                return [self.goal.out / path for path in [*named, *page.get("downloads", ())]]
        return []

    def _all(self) -> list[record.Record]:
        key = (self.goal.survey, self.goal.report)
        return record.load_all(self.goal.out, *key).get(key, [])

    def _earlier(self) -> list[record.Record]:
        return [earlier for earlier in self._all() if earlier["run"] != self.record["run"]]

    def _failed(self, error: RenderError, notebook: Any) -> Outcome:
        """Tell the record, keep the notebook; neither may fail on a full disk."""
        if self._is_published():
            # interrupted, or out of disk, after the page was in place: only the bookkeeping is missing
            self.record["status"] = "ok"
            with contextlib.suppress(OSError):
                self._save()
            return Outcome(self.job, "ok", page=self.goal.page)
        cause = scan.redact(error.cause)
        text = None
        if notebook is not None:
            import nbformat

            text = nbformat.writes(scan.redacted(notebook))
        shutil.rmtree(
            self.goal.staging, ignore_errors=True
        )  # on a full disk it holds the room for what follows
        detail = scan.redact(f"{cause}\n\n{error.detail}\n")
        kept = publish.keep_failed(self.goal, self.record["run"], text, detail, self.job.keep.failed)
        self.record |= {
            "status": "failed",
            "finished": _iso(_now()),
            "page": None,
            "error": {
                "step": error.step,
                # the index prints it: it need not tell every reader how this machine's folders are called
                "cause": scan.without_folders(" ".join(cause.split())),
                "kept": kept.relative_to(self.goal.out).as_posix() if kept else None,
            },
        }
        try:
            self._save()
        except OSError as second:
            cause += f" (The run could not be recorded either: {publish.explain(second)}.)"
        if error.step != "interrupted":
            self.turn.end(f"failed: {cause}")
        return Outcome(self.job, "failed", cause=cause, kept=kept, last_good=_existing(self.goal))

    def _is_published(self) -> bool:
        page = self.record["page"] or {}
        written = self.record["status"] in ("publishing", "ok")
        return written and page.get("sha256") == record.page_hash(self.goal.page)

    def _save(self) -> None:
        record.save(self.goal.out, self.record, keep=self.job.keep.records)


class _Unconverted(RenderError):
    """The notebook ran but no page came of it; the notebook is kept."""

    def __init__(self, cause: str, detail: str, notebook: Any) -> None:
        super().__init__("convert", cause, detail)
        self.notebook = notebook


def rebuild_index(out: Path) -> Path:
    """Make ``<out>/index.html`` from the records, and settle runs that were cut off.

    Raises RenderError when it cannot be written; the index that lies there then stays.
    """
    try:
        with held(out / publish.LOCKS / "index.lock", wait=_INDEX_WAIT):
            for (survey, report), records in record.load_all(out).items():
                if any(one["status"] in ("running", "publishing") for one in records):
                    _settle_unless_running(out, survey, report)
            html = importlib.import_module("cxstats.reporting.index").render_index(record.cards(out))
            if found := scan.problems(html):
                raise RenderError("index", f"The index was not replaced: {'; '.join(found)}.")
            page = out / "index.html"
            if not page.is_file() or page.read_text(encoding="utf-8") != html:
                record.write_atomic(page, html)
    except OSError as error:
        raise RenderError("index", f"The index could not be written: {publish.explain(error)}.") from error
    except Busy as error:
        raise RenderError("index", "The index could not be written: another run is writing it.") from error
    return page


def withdraw(out: Path, survey: str, *, keep: Collection[str]) -> list[str]:
    """Take away pages of ``survey`` that say what a study would need, where the study has come under another name.

    Only pages that hold no finding go: reports of ``keep``, and whatever a study was made for, stay. What a study was
    made for and is not among ``keep`` is of an earlier description, and is marked so on the index. Returns the names
    of those withdrawn; one that another run holds is left to the next.
    """
    gone, marked = [], False
    for (_, report), records in record.load_all(out, survey).items():
        if report in keep:
            continue
        if any(one.get("notebook") != WHAT_IS_MISSING.stem for one in records):
            marked |= _mark_left_out(out, survey, report)
            continue
        goal = publish.target(out, survey, report)
        try:
            with held(goal.lock):
                publish.remove(goal)
                shutil.rmtree(record.folder(out, survey, report), ignore_errors=True)
        except (Busy, OSError):
            continue
        gone.append(report)
    if gone or marked:
        rebuild_index(out)
    return gone


def _mark_left_out(out: Path, survey: str, report: str) -> bool:
    """Whether the record of a page with findings was marked as one that its survey no longer has."""
    try:
        with held(publish.Target(out, survey, report).lock):
            records = record.load_all(out, survey, report).get((survey, report), [])
            well = record.good(out, survey, report, records)
            if not well or well[-1].get("left_out"):
                return False
            record.left_out(out, well[-1], _iso(_now()))
    except (Busy, OSError):
        return False
    return True


def _settle_unless_running(out: Path, survey: str, report: str) -> None:
    """A run that holds its lock is under way; one that does not was cut off."""
    try:
        with held(publish.Target(out, survey, report).lock):
            record.settle(out, record.load_all(out, survey, report).get((survey, report), []))
    except Busy:
        pass


def _load_converter() -> Any:
    with quick_imports():
        return importlib.import_module("cxstats.reporting.convert")


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _iso(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _versions() -> dict[str, str]:
    names = ("numpy", "pandas", "scipy", "statsmodels", "duckdb", "papermill", "nbconvert")
    found = {"cxstats": __version__, "python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
