"""The command line: ``cxstats`` demo, init, check, list, render.

Exit codes
----------
0    everything asked for was done (reports that have not changed, or that a survey cannot have, are left
     out, and said)
1    a report failed, or the survey that was checked has problems
2    refused before anything ran: unknown report or parameter, value that does not fit, no permission
3    nothing failed, but another run was rendering a report, which was left to it
4    every report was made, but a hook (--on-success, --on-failure) did not do its work
130  interrupted with Ctrl-C
143  ended by SIGTERM
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxstats import __version__

if TYPE_CHECKING:
    from cxstats.reporting.catalog import Entry
    from cxstats.reporting.plan import SurveyRef
    from cxstats.reporting.run import Outcome

__all__ = ["app", "main"]

DEFAULT_OUT = Path("reports") / "published"
DEMO_SCORES = frozenset(("nps", "csat", "ces"))  # known without simulating a company
DEMO_OUTCOMES = frozenset({"churned", "repurchased"})
DEMO_PERIOD = date(2024, 10, 1), date(2025, 3, 31)
OK, FAILED, REFUSED, BUSY, HOOK_FAILED, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 4, 130, 143


class _Engine(StrEnum):
    fork = "fork"
    kernel = "kernel"


app = typer.Typer(
    name="cxstats",
    help="Can the customer-experience numbers you steer by (NPS, CSAT, CES) be trusted?",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)
_state: dict[str, bool] = {"debug": False}

_FIRST_STEPS = f"""cxstats {__version__}: can the customer-experience numbers you steer by be trusted?

What to do first:
  cxstats demo                          render the reports of an invented company and look at them
  cxstats init export.csv               look at an export, and propose a survey.yml for it
  cxstats check path/to/survey.yml      read and check a survey of your own
  cxstats render --survey path/to/survey.yml
                                        render every report on it

  cxstats list                          the reports there are, and how each last ran
  cxstats list sample-size-nps          a report's parameters
  cxstats render --help                 choosing reports, parameters and the output folder
"""


def _folder(text: str | Path) -> Path:
    """``--out`` as given; an empty variable (``--out "$OUT"``) must not mean the folder one happens to be in."""
    if not str(text).strip():
        raise typer.BadParameter("is empty: name a folder, or leave --out away")
    return Path(text)


_Out = Annotated[
    Path, typer.Option("--out", metavar="DIR", parser=_folder, help="Folder of the published pages.")
]
_CatalogFile = Annotated[
    Path | None,
    typer.Option("--catalog", metavar="FILE", help="Catalogue; reports/catalog.yml here unless named."),
]


_Period = Annotated[
    str | None,
    typer.Option("--period", metavar="PERIOD", help="Period of the reports, such as 2025-Q1 or 2025-03."),
]


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show Python's traceback on an error.")] = False,
) -> None:
    _state["debug"] = debug
    if show_version:
        typer.echo(f"cxstats {__version__}")
        raise typer.Exit(OK)
    if context.invoked_subcommand is None:
        typer.echo(_FIRST_STEPS, nl=False)


@app.command()
def demo(out: _Out = DEFAULT_OUT, catalog: _CatalogFile = None) -> None:
    """Render the reports of the demo company: invented customers, known truth."""
    raise typer.Exit(_render(_Asked(out=out, catalog=catalog, survey="demo")))


@app.command()
def init(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Answers; and a customer list, and outcomes.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The description to write.")] = Path(
        "survey.yml"
    ),
    sheet: Annotated[
        str | None, typer.Option("--sheet", metavar="NAME", help="Sheet of the workbook.")
    ] = None,
    no_input: Annotated[
        bool, typer.Option("--no-input", help="Ask nothing: leave open what is not known.")
    ] = False,
) -> None:
    """Look at exported files, and write a proposed survey.yml. Nothing is ever written over."""
    from cxstats.survey import SurveyError
    from cxstats.survey.init import init as write_proposal

    ask = _ask if not no_input and sys.stdin.isatty() else None
    try:
        written = write_proposal(files, out, ask=ask, sheet=sheet)
    except SurveyError as error:
        _complain(str(error))
        raise typer.Exit(REFUSED) from error
    typer.echo(f"Wrote {written.path}. Every guess in it is marked; look at them.")
    if written.open:
        typer.echo(f"Open, and for you to fill in ({len(written.open)}):")
        for question in written.open:
            typer.echo(f"  {question.where}: {question.text}")
    typer.echo(f"Then: cxstats check {written.path}")


def _ask(question: Any) -> str | None:
    """Ask in the terminal; an empty answer leaves the question open."""
    from cxstats.survey.init import complaint

    known = question.known if len(question.known) <= 6 else ()
    shown = f" ({', '.join(known)})" if known else ""
    while True:
        answer = typer.prompt(
            f"{question.text}{shown}\n  {question.where}", default="", show_default=False
        ).strip()
        wrong = complaint(question, answer) if answer else ""
        if not wrong:
            return answer or None
        typer.echo(f"  {wrong} Leave it empty to decide later.")


@app.command()
def check(
    survey: Annotated[str, typer.Argument(metavar="SURVEY.YML", help="The survey's description.")],
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the same as a page.")
    ] = None,
) -> None:
    """Read a survey: every row's fate, every score's answers, every problem, and what the studies can say."""
    from cxstats.studies.requirements import Readiness, readiness, told
    from cxstats.survey import Survey, SurveyError
    from cxstats.survey import check as check_survey
    from cxstats.survey.description import printable

    if html is not None and html.suffix.lower() not in (".html", ".htm"):
        # a slip must not write over the description itself
        _complain(f"--html {html}: name a file that ends in .html")
        raise typer.Exit(REFUSED)
    studies: list[Readiness] = []

    def ask_studies(opened: Survey) -> str:
        studies.extend(readiness(opened))
        return told(studies)

    try:
        report = check_survey(survey if survey == "demo" else Path(survey), studies=ask_studies)
        if html is not None:
            from cxstats.check_page import check_page

            html.write_text(check_page(report, printable(survey), studies), encoding="utf-8")
    except OSError as error:
        _complain(f"{html}: the page cannot be written ({error.strerror})")
        raise typer.Exit(REFUSED) from error
    except SurveyError as error:
        _complain(str(error))
        raise typer.Exit(FAILED) from error
    typer.echo(str(report))
    raise typer.Exit(OK if report.ok else FAILED)


@app.command(name="list")
def list_reports(
    reports: Annotated[
        list[str] | None, typer.Argument(metavar="REPORT", help="Reports to show with their parameters.")
    ] = None,
    out: _Out = DEFAULT_OUT,
    catalog: _CatalogFile = None,
    period: _Period = None,
    names: Annotated[bool, typer.Option("--names", help="Their names alone, one a line.")] = False,
) -> None:
    """The reports of the catalogue and how each last ran; those named, with their parameters."""
    from cxstats.reporting import catalog as catalogs
    from cxstats.reporting import record
    from cxstats.reporting.errors import UsageError

    found = catalogs.load(catalog or catalogs.find(), period=period)
    if unknown := found.unknown(reports or []):
        raise UsageError(unknown)
    if names:
        typer.echo("\n".join(found.select(reports or [])))
        return
    if not reports:
        typer.echo(f"{found.path}: {len(found.reports)} report{'s' if len(found.reports) != 1 else ''}\n")
    cards = record.cards(out) if out.is_dir() else []
    for name, entry in found.select(reports or []).items():
        typer.echo(f"{name}\n  {entry.title} · notebook {entry.notebook} · survey {entry.survey}")
        if entry.audience:
            typer.echo(f"  for: {entry.audience}")
        if entry.period or entry.compare_with:
            typer.echo(f"  {_period_words(entry)}")
        runs = [card for card in cards if card["report"] == name]
        for card in runs:
            typer.echo(f"  {card['survey']}: {_state_words(card, out)}")
        if not runs:
            typer.echo("  never rendered")
        if reports:
            _list_parameters(found.path, entry)


def _period_words(entry: Entry) -> str:
    before = entry.compare_with
    against = [] if before is None else [before.period, before.report, before.survey]
    words = [f"period {entry.period}"] if entry.period else []
    if before is not None:
        words.append(f"compared with {', '.join(name for name in against if name)}")
    return " · ".join(words)


def _list_parameters(catalog: Path, entry: Entry) -> None:
    from cxstats.reporting.catalog import notebook_path
    from cxstats.reporting.parameters import declared

    typer.echo("  parameters (-p name=value):")
    for name, parameter in declared(notebook_path(catalog, entry.notebook)).items():
        if name == "survey":
            continue  # --survey
        value = entry.parameters.get(name, parameter.default)
        typer.echo(f"    {name}: {parameter.annotation.replace('cx.', '')} = {value}")
        if parameter.help:
            typer.echo(f"        {parameter.help}")


@app.command()
def render(
    reports: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="REPORT", help="Reports of the catalogue ('nps-*' names several); all unless named."
        ),
    ] = None,
    survey: Annotated[
        str | None,
        typer.Option("--survey", metavar="FILE", help="Render the studies on this survey.yml (or demo)."),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", metavar="NAME=VALUE", help="A parameter's value; repeat for more."),
    ] = None,
    out: _Out = DEFAULT_OUT,
    catalog: _CatalogFile = None,
    period: _Period = None,
    compare_with: Annotated[
        str | None,
        typer.Option("--compare-with", metavar="PERIOD", help="Period to compare the reports with."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Render what has not changed as well.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Reports made at a time (1).")] = 1,
    engine: Annotated[
        _Engine, typer.Option("--engine", help="fork: imports are paid for once; kernel: a Python each.")
    ] = _Engine.fork,
    executor: Annotated[
        str | None,
        typer.Option("--executor", metavar="ADDRESS", help="Dask scheduler (tcp://host:8786) to make them."),
    ] = None,
    on_success: Annotated[
        str | None, typer.Option("--on-success", metavar="CMD", help="Run for every report published.")
    ] = None,
    on_failure: Annotated[
        str | None, typer.Option("--on-failure", metavar="CMD", help="Run for every report that failed.")
    ] = None,
    cell_timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=1, help="Longest time for one cell (600).")
    ] = None,
    run_timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=1, help="Longest time for one report (3600).")
    ] = None,
) -> None:
    """Render reports: every report of the catalogue, or those named. What has not changed is left as it is.

    Exit code 0: done. 1: a report failed (its last good page stays). 2: refused, nothing ran.
    3: another run was rendering a report. 4: a hook failed. 130, 143: interrupted.
    """
    asked = _Asked(
        reports=reports or [],
        survey=survey,
        parameter=parameter or [],
        out=out,
        catalog=catalog,
        period=period,
        compare_with=compare_with,
        force=force,
        jobs=jobs,
        engine=engine,
        executor=executor,
        on_success=on_success,
        on_failure=on_failure,
        cell_timeout=cell_timeout,
        run_timeout=run_timeout,
    )
    raise typer.Exit(_render(asked))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """What a render command asks for."""

    out: Path
    catalog: Path | None = None
    reports: Sequence[str] = ()
    survey: str | None = None
    parameter: Sequence[str] = ()
    period: str | None = None
    compare_with: str | None = None
    force: bool = False
    jobs: int = 1
    engine: _Engine = _Engine.fork
    executor: str | None = None
    on_success: str | None = None
    on_failure: str | None = None
    cell_timeout: float | None = None
    run_timeout: float | None = None


def _render(asked: _Asked) -> int:
    from cxstats.reporting import catalog as catalogs
    from cxstats.reporting import hooks
    from cxstats.reporting.errors import RenderError, UsageError
    from cxstats.reporting.plan import plan
    from cxstats.reporting.progress import Progress
    from cxstats.reporting.publish import open_out, target

    problems: list[str] = []
    given = _given(asked.parameter, problems)
    jobs: list[Any] = []
    skipped: list[Any] = []
    commands: dict[str, list[str] | None] = {}
    try:
        for status, option, text in (
            ("ok", "--on-success", asked.on_success),
            ("failed", "--on-failure", asked.on_failure),
        ):
            commands[status] = hooks.command(option, text)
    except UsageError as error:
        problems += error.problems
    try:
        found = catalogs.load(
            asked.catalog or catalogs.find(), period=asked.period, compare_with=asked.compare_with
        )
        jobs, skipped = plan(
            found, reports=asked.reports, survey=asked.survey, given=given, describe=describe
        )
    except UsageError as error:
        problems += error.problems
    if problems:
        raise UsageError(problems)
    out = open_out(asked.out)
    for job in jobs:
        target(out, job.survey.name, job.report)

    from cxstats.reporting.run import Limits, render, withdraw

    progress = Progress()
    for skip in skipped:
        progress.note(f"{skip.survey.name}/{skip.report} not rendered: {skip.reason}")
    for job in jobs:
        if job.lacks:
            progress.note(f"{job.name}: this data cannot say, because {job.lacks}")
    if not jobs:
        _complain("nothing was rendered")
        return REFUSED
    defaults = Limits()
    limits = Limits(cell=asked.cell_timeout or defaults.cell, run=asked.run_timeout or defaults.run)
    with _terminable():
        try:
            with _machines(asked.executor, asked.jobs) as (executor, workers):
                outcomes = render(
                    jobs,
                    out,
                    limits=limits,
                    progress=progress,
                    workers=workers,
                    engine=asked.engine.value,
                    force=asked.force,
                    executor=executor,
                )
            if asked.survey not in (None, "demo") and not asked.reports and not given and jobs:
                # all that the survey can have is there now: what only said what was missing may be out of date
                withdraw(out, jobs[0].survey.name, keep={job.report for job in jobs})
        except RenderError as error:
            _complain(str(error))
            return FAILED
        except KeyboardInterrupt as ended:
            _complain("Interrupted. What was published before stays as it is.")
            return TERMINATED if isinstance(ended, _Terminated) else INTERRUPTED
        return _hooked(_report(outcomes, out), outcomes, out, commands)


def _given(texts: Sequence[str], problems: list[str]) -> dict[str, str]:
    """The values of -p by name; what is wrong with them goes to ``problems``."""
    from cxstats.reporting.errors import UsageError

    given: dict[str, str] = {}
    for text in texts:
        try:
            name, value = _assignment(text)
            if name in given:
                raise UsageError(f"parameter {name} is given twice")
            given[name] = value
        except UsageError as error:
            problems += error.problems
    return given


@contextlib.contextmanager
def _machines(address: str | None, jobs: int) -> Iterator[tuple[Any, int]]:
    """An executor on the cluster at ``address`` and how many reports it makes at a time; None for this machine."""
    if address is None:
        yield None, jobs
        return
    from cxstats.reporting.errors import UsageError
    from cxstats.simulation.execution import client

    try:
        cluster = client(address)
    except ImportError as error:
        raise UsageError(f"--executor: {error}") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"--executor {address}: no Dask scheduler answers there ({error})") from error
    with cluster, cluster.get_executor() as executor:
        n = sum(cluster.ncores().values())
        if not n:
            raise UsageError(f"--executor {address}: the cluster has no workers")
        yield executor, n if jobs == 1 else min(jobs, n)


def _assignment(text: str) -> tuple[str, str]:
    from cxstats.reporting.parameters import parse_assignment

    return parse_assignment(text)


def describe(survey: str) -> SurveyRef:
    """What rendering needs of a survey: its description is read and checked, its data is not.

    Raises UsageError with every problem of the description.
    """
    from cxstats.reporting.errors import UsageError
    from cxstats.reporting.plan import SurveyRef

    if survey == "demo":
        known = {"scores": DEMO_SCORES, "outcomes": DEMO_OUTCOMES, "period": DEMO_PERIOD}
        return SurveyRef(name="demo", value="demo", shown="demo", **known)
    from cxstats.survey.description import read_description
    from cxstats.survey.errors import SurveyError

    path = Path(survey).expanduser()
    try:
        description = read_description(path)
    except SurveyError as error:
        raise UsageError(str(error)) from error
    outcomes = description.outcomes if description.units is None else description.units.outcomes
    return SurveyRef(
        name=description.slug,
        value=str(path.resolve()),
        shown=path.name if path.is_absolute() else path.as_posix(),
        title=description.title,
        scores=frozenset(description.metrics()),
        groups=frozenset(description.groups),
        outcomes=frozenset(outcomes),
        names=_names(description, outcomes),
        lacks=_lacks(description, outcomes),
        has_waves=description.wave is not None,
        period=(description.period.start, description.period.end),
        files=_files(path, description),
    )


def _names(description: Any, outcomes: Any) -> dict[str, str]:
    """How readers know scores and outcomes; a score of no known kind by the name that survey.yml gives it."""
    names = {}
    for key, metric in description.metrics().items():
        score = description.scores.get(key)
        told = score is None or score.label or score.short or score.kind_for(key) in ("nps", "csat", "ces")
        names[key] = metric.short if told else key.replace("_", " ")
    return names | {name: entry.label or name.replace("_", " ") for name, entry in outcomes.items()}


def _lacks(description: Any, outcomes: Any) -> dict[tuple[str, str | None], str]:
    """What each study lacks, by its name and the score or outcome it would be about."""
    from cxstats.studies.requirements import STUDIES, missing

    found = {}
    for study in STUDIES:
        measures = outcomes if study == "predictive_validity" else description.metrics()
        for measure in (None, *measures):
            if lack := missing(description, study, measure):
                found[study, measure] = lack.why
    return found


def _files(path: Path, description: Any) -> tuple[Path, ...] | None:
    """Every file a survey is read from; None where a database is among its sources, or a file is not there."""
    from cxstats.survey.errors import SurveyError
    from cxstats.survey.files import find_files

    found = [path.resolve()]
    for source in _sources(description):
        if source.url_env is not None:
            return None
        try:
            found += find_files(source, path.resolve().parent, "")
        except SurveyError:
            return None  # the report says what is wrong with it
    return tuple(dict.fromkeys(file.resolve() for file in found))


def _sources(part: Any) -> Iterator[Any]:
    """Every file or table that a description names, wherever it stands."""
    from pydantic import BaseModel

    from cxstats.survey.model import Source

    if isinstance(part, Source):
        yield part
    if isinstance(part, BaseModel):
        parts = [getattr(part, name) for name in type(part).model_fields]
    else:
        parts = list(part.values()) if isinstance(part, dict) else part if isinstance(part, tuple) else []
    for inner in parts:
        yield from _sources(inner)


def _report(outcomes: list[Outcome], out: Path) -> int:
    """The last words of a run, and its exit code."""
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    busy = [outcome for outcome in outcomes if outcome.status == "busy"]
    for outcome in failed:
        _complain(f"{outcome.job.name} failed.\n{outcome.cause}")
        if outcome.kept:
            _complain(f"What there is of the run: {outcome.kept}")
        if outcome.last_good:
            _complain(f"The last good report stays: {outcome.last_good}")
    for outcome in busy:
        _complain(f"{outcome.job.name} was left alone: {outcome.cause}")
    unchanged = sum(outcome.status == "unchanged" for outcome in outcomes)
    done = len(outcomes) - len(failed) - len(busy) - unchanged
    noun = "report" if len(outcomes) == 1 else "reports"
    same = f", {unchanged} unchanged" if unchanged else ""
    lacking = sum(bool(outcome.job.lacks) for outcome in outcomes)
    less = f" ({lacking} of them {'says' if lacking == 1 else 'say'} what this data cannot answer, and why)"
    typer.echo(
        f"{done} of {len(outcomes)} {noun} rendered{same}{less if lacking else ''}. Open {out / 'index.html'}"
    )
    return FAILED if failed else BUSY if busy else OK


def _hooked(code: int, outcomes: list[Outcome], out: Path, commands: dict[str, list[str] | None]) -> int:
    """The hooks of reports that were published or failed; a hook's own failure is told, and undoes nothing."""
    from cxstats.reporting.hooks import run_hook

    for outcome in outcomes:
        parts = commands.get(outcome.status)
        if parts is None:
            continue
        if wrong := run_hook(parts, out, outcome.job.survey.name, outcome.job.report):
            _complain(f"{outcome.job.name}: the hook did not do its work: {wrong}")
            code = code or HOOK_FAILED
    return code


def _state_words(card: dict[str, Any], out: Path) -> str:
    words = []
    if card["failed"]:
        words.append(f"last attempt failed on {card['failed']['date']}: {card['failed']['cause']}")
    elif card["state"] == "unchanged":
        words.append(f"last looked at on {card['checked']}")
    if card["href"]:
        words.append(f"last good run {card['published']}, {out / card['href']}")
    if not words:
        return "never rendered"
    return f"{'failed' if card['failed'] else card['state']} · {'; '.join(words)}"


# Errors, signals ----------------------------------------------------------------------------------


def _complain(text: str) -> None:
    typer.echo(text, err=True)


class _Terminated(KeyboardInterrupt):
    """SIGTERM, taken like Ctrl-C."""


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends a run as Ctrl-C does: kernel stopped, record written, nothing half published."""

    def end(*_: object) -> None:
        raise _Terminated

    try:
        before = signal.signal(signal.SIGTERM, end)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main() -> None:
    """The ``cxstats`` command: problems in words, never a traceback unless --debug asks for it."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # a console that lacks a letter must not end the run
    try:
        app(prog_name="cxstats")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except Exception as error:
        if _state["debug"]:
            raise
        from cxstats.reporting.errors import RenderError, UsageError

        if isinstance(error, UsageError):
            for problem in error.problems:
                _complain(f"cxstats: {problem}")
            sys.exit(REFUSED)
        if isinstance(error, RenderError):
            _complain(f"cxstats: {error}")
            sys.exit(FAILED)
        _complain(
            f"cxstats: something went wrong ({type(error).__name__}: {error}).\n"
            "Run it again as cxstats --debug … for the details a maintainer needs."
        )
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
