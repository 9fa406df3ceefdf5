"""What a command asks for, checked as a whole before anything runs."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cxstats.reporting.catalog import Catalog, Entry, Keep, notebook_path
from cxstats.reporting.downloads import Kind
from cxstats.reporting.errors import UsageError, did_you_mean
from cxstats.reporting.own import WHAT_IS_MISSING, OwnReports, own_reports
from cxstats.reporting.parameters import declared, effective
from cxstats.reporting.periods import Period, parse_period

__all__ = ["Earlier", "Job", "Skipped", "SurveyRef", "plan"]


@dataclass(frozen=True, slots=True)
class SurveyRef:
    """What rendering needs to know of a survey before it runs.

    Attributes
    ----------
    name : its slug, the name of its folder.
    value : what the notebook is given: "demo", or an absolute path.
    shown : what the page prints in its place; no path of this machine.
    title : the survey's title, for the index until a page has told it.
    scores : keys of the scores it declares; None when that is not known before it is read.
    outcomes : names of the outcomes it declares, likewise.
    names : how readers know its scores and outcomes, in the order of its description.
    lacks : (study, score or outcome) -> why its description does not allow the study; (study, None) where none
        of its scores or outcomes does.
    groups : names of its groups, likewise.
    has_waves : whether its customers are asked in waves, likewise.
    period : first and last day that its answers come from; None where it does not say.
    files : every file it is read from, its description among them, patterns resolved; None where not
        everything it is read from is a file (a database), so that a change cannot be seen.
    """

    name: str
    value: str
    shown: str
    title: str = ""
    scores: frozenset[str] | None = None
    groups: frozenset[str] | None = None
    outcomes: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)
    lacks: Mapping[tuple[str, str | None], str] = field(default_factory=dict)
    has_waves: bool | None = None
    period: tuple[dt.date | None, dt.date | None] = (None, None)
    files: tuple[Path, ...] | None = ()

    @property
    def measures(self) -> frozenset[str]:
        """Names of its scores and outcomes."""
        return (self.scores or frozenset()) | self.outcomes


@dataclass(frozen=True, slots=True)
class Earlier:
    """The report that a report is compared with.

    Attributes
    ----------
    survey, report : the names of its folders.
    period : the period its page must be of; None takes the page that lies there.
    customers : whether it asked "different" customers, the "same" ones, or that is "unknown".
    """

    survey: str
    report: str
    period: Period | None = None
    customers: str = "unknown"


@dataclass(frozen=True, slots=True)
class Job:
    """One report to render, with everything checked.

    Attributes
    ----------
    report, position, title, audience : its name, its place in the catalogue, and what the catalogue says of it.
    survey, notebook : what it reads and what it runs.
    parameters, shown : what goes to the notebook, and what the page and the record print of that.
    period, period_stated : the period it is of, None where neither the catalogue nor the survey's description
        says; whether the catalogue or the command line says, so that the page's own words need not agree.
    earlier : the report it is compared with; None for none.
    keep : how many records and failed notebooks are kept.
    downloads : which files lie beside the page.
    reads : files besides the survey's that the notebook reads; None where that is not known.
    lacks : why its page only says what is missing; "" for a study.
    """

    report: str
    position: int
    survey: SurveyRef
    notebook: Path
    title: str
    audience: str
    parameters: Mapping[str, Any]
    shown: Mapping[str, Any]
    period: Period | None = None
    period_stated: bool = False
    earlier: Earlier | None = None
    keep: Keep = field(default_factory=Keep)
    downloads: tuple[Kind, ...] = ("tables", "findings")
    reads: tuple[Path, ...] | None = ()
    lacks: str = ""

    @property
    def name(self) -> str:
        """How the log calls it."""
        return f"{self.survey.name}/{self.report}"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A report that this survey cannot have, and why; no failure."""

    report: str
    survey: SurveyRef
    reason: str


def plan(
    catalog: Catalog,
    *,
    reports: Sequence[str] = (),
    survey: str | None = None,
    given: Mapping[str, str] | None = None,
    describe: Callable[[str], SurveyRef],
) -> tuple[list[Job], list[Skipped]]:
    """Jobs for the named reports of the catalogue (all without names), in its order.

    Parameters
    ----------
    survey : a survey in place of each entry's own: every study of the catalogue once for each of its scores and
        outcomes, or a page that says what the study would need (:func:`.own.own_reports`).
    given : ``-p`` values, over the catalogue's.
    describe : reads a survey's description ("demo", or a path) without its data; raises UsageError.

    Raises
    ------
    UsageError : every problem at once: unknown reports and parameters, values that do not fit,
        missing notebooks, surveys that cannot be described.
    """
    given = given or {}
    described: dict[str, SurveyRef | None] = {}
    own = _own(catalog, survey, describe, described)
    problems = _unknown(catalog, own.catalog, reports)
    jobs: list[Job] = []
    skipped: list[Skipped] = []
    seen: set[str] = set()
    # a report that is asked for by name, and that the survey cannot have, is skipped and said below
    asked = catalog.select(reports) if reports else {}
    absent = {name: entry for name, entry in asked.items() if name not in own.instead}
    # of a study that is missing something, the page that says so is what was asked for
    absent |= {
        name: own.catalog.reports[name] for name in {own.instead[n] for n in asked if n in own.instead}
    }
    catalog = own.catalog
    for report, entry in (absent | catalog.select(reports)).items():
        if survey is not None and not reports:
            # one study for two surveys is one study here
            key = f"{entry.notebook} {sorted(entry.parameters.items())}"
            if key in seen:
                continue
            seen.add(key)
        named = survey or _from(catalog, entry.survey)
        reference = None
        try:
            reference = _described(named, describe, described)
        except UsageError as error:
            problems += error.problems
        try:
            # parameters are looked at even where the survey cannot be described: all problems at once
            job = _job(catalog, report, entry, given, reference or SurveyRef("", named, named))
            job = replace(job, lacks=own.lacks.get(report, ""))
            if reference is not None and entry.compare_with is not None:
                job = replace(job, earlier=_earlier(catalog, job, entry, survey, describe, described))
        except UsageError as error:
            problems += error.problems
            continue
        if reference is None:
            continue
        missing = _missing(entry, given, reference)
        if missing:
            skipped.append(Skipped(report, reference, f"this survey has no {' and no '.join(missing)} score"))
        else:
            jobs.append(job)
    if problems:
        raise UsageError(list(dict.fromkeys(problems)))
    _no_circle(jobs)
    return jobs, skipped


def _own(
    catalog: Catalog,
    survey: str | None,
    describe: Callable[[str], SurveyRef],
    described: dict[str, SurveyRef | None],
) -> OwnReports:
    """The catalogue as a survey of one's own can have it; as it is where there is none, or none that can be read."""
    if survey is None or survey == "demo":
        return OwnReports(catalog)
    try:
        reference = _described(survey, describe, described)
        if reference is None or reference.scores is None:
            return OwnReports(catalog)
        return own_reports(catalog, reference)
    except UsageError:
        described.pop(survey, None)  # told below, with everything else that is wrong
        return OwnReports(catalog)


def _unknown(catalog: Catalog, own: Catalog, names: Sequence[str]) -> list[str]:
    """A problem for every name that neither the catalogue nor the survey's own reports have."""
    everything = catalog.model_copy(update={"reports": {**catalog.reports, **own.reports}})
    return everything.unknown(names)


def _from(catalog: Catalog, survey: str) -> str:
    """A survey's path in a catalogue counts from the catalogue's folder."""
    return survey if survey == "demo" else str(catalog.path.parent / survey)


def _described(
    survey: str, describe: Callable[[str], SurveyRef], known: dict[str, SurveyRef | None]
) -> SurveyRef | None:
    if survey not in known:
        known[survey] = None
        known[survey] = describe(survey)
    return known[survey]


def _earlier(
    catalog: Catalog,
    job: Job,
    entry: Entry,
    survey: str | None,
    describe: Callable[[str], SurveyRef],
    described: dict[str, SurveyRef | None],
) -> Earlier:
    """The report that ``job`` is compared with, its survey described."""
    before = entry.compare_with
    assert before is not None
    report = before.report or job.report
    if before.survey is not None:
        named = _from(catalog, before.survey)
    elif survey is not None or before.report is None:
        named = ""  # the same survey
    else:
        named = _from(catalog, catalog.reports[report].survey)
    slug = job.survey.name
    if named:
        reference = _described(named, describe, described)
        if reference is None:
            raise UsageError(f"report {job.report}: compare_with: its survey cannot be read")
        slug = reference.name
    period = parse_period(before.period) if before.period is not None else None
    if (slug, report) == (job.survey.name, job.report):
        if period is None:
            raise UsageError(
                f"report {job.report}: compare_with: the survey has the name of the report's own ({slug}), so it is the "
                "report itself. Name the period before, such as 2024-Q4, or give one of the surveys another name:"
            )
        if job.period is not None and period.start >= job.period.start:
            raise UsageError(
                f"report {job.report}: compare_with: {period.text} does not come before the report's period, "
                f"{job.period.text}"
            )
    return Earlier(slug, report, period, before.customers)


def _no_circle(jobs: Sequence[Job]) -> None:
    """Refuse reports that are compared with each other in a circle: none of them could be made first."""
    after = {
        (job.survey.name, job.report): (job.earlier.survey, job.earlier.report)
        for job in jobs
        if job.earlier is not None
    }
    for first, following in after.items():
        met = {first}
        while following in after and following not in met:
            met.add(following)
            following = after[following]
        if following == first and len(met) > 1:
            names = ", ".join(sorted(report for _, report in met))
            raise UsageError(f"these reports are compared with each other in a circle: {names}")


def _period(where: str, entry: Entry, survey: SurveyRef) -> Period | None:
    """The report's period: the catalogue's, or what the survey's description says its answers come from."""
    start, end = survey.period
    if entry.period is None:
        return parse_period(f"{start}/{end}") if start and end else None
    period = parse_period(entry.period)
    if not period.within(start, end):
        raise UsageError(
            f"{where}: is for {period.text}, but {survey.shown} holds answers {f'from {start} ' if start else ''}"
            f"{f'to {end}' if end else 'on'} (period: in its description)"
        )
    return period


def _job(catalog: Catalog, report: str, entry: Entry, given: Mapping[str, str], survey: SurveyRef) -> Job:
    notebook = notebook_path(catalog.path, entry.notebook)
    parameters = declared(notebook)
    values = dict(entry.parameters)
    if "survey" in values:
        raise UsageError(
            f"report {report}: name the survey as survey: of the report, not among its parameters"
        )
    if "survey" in given:
        raise UsageError("name the survey with --survey, not with -p")
    where = f"report {report}"
    effective(parameters, values, where=f"{catalog.path}: {where}")
    values |= given
    if "survey" in parameters:
        values["survey"] = survey.value
    elif survey.value != "demo":
        raise UsageError(
            f"{where}: notebook {notebook.name} has no parameter survey, so it cannot read another"
        )
    if notebook == WHAT_IS_MISSING:
        values = {name: value for name, value in values.items() if name in parameters}
    checked = effective(parameters, values, where=where)
    if strange := [f"{where}: {what}" for what in _strange({name: checked[name] for name in given}, survey)]:
        raise UsageError(strange)
    shown = checked | ({"survey": survey.shown} if "survey" in checked else {})
    return Job(
        report=report,
        position=list(catalog.reports).index(report)
        if report in catalog.reports
        else 0,  # else it is skipped
        survey=survey,
        notebook=notebook,
        title=entry.title + _departures(entry, given),
        audience=entry.audience,
        parameters=checked,
        shown=shown,
        period=_period(where, entry, survey),
        period_stated=entry.period is not None,
        keep=entry.keep,
        downloads=tuple(entry.downloads),
        reads=_reads(catalog, where, entry, reads_survey="survey" in parameters),
    )


def _reads(catalog: Catalog, where: str, entry: Entry, *, reads_survey: bool) -> tuple[Path, ...] | None:
    """Other files the notebook reads; None where it takes no survey and the catalogue names none: who knows."""
    if entry.reads is None:
        return () if reads_survey else None
    paths = [catalog.path.parent / name for name in entry.reads]
    if missing := [str(path) for path in paths if not path.is_file()]:
        raise UsageError(f"{where}: reads: there is no file {' and no '.join(missing)}")
    return tuple(path.resolve() for path in paths)


def _strange(given: Mapping[str, Any], survey: SurveyRef) -> list[str]:
    """Values of ``-p`` that name what the survey's description does not have."""
    found = []
    for name, noun, known in (("metric", "score", survey.scores), ("group", "group", survey.groups)):
        value = given.get(name)
        if value is not None and known is not None and value not in known:
            found.append(
                f"{name} is {value!r}, but this survey has no such {noun}.{did_you_mean(str(value), known)}"
            )
    if given.get("wave") is not None and survey.has_waves is False:
        found.append(f"wave is {given['wave']!r}, but this survey has no waves (wave: in its description)")
    return found


def _departures(entry: Entry, given: Mapping[str, str]) -> str:
    """What the command line changed, for the title: the page must not pass for the usual one."""
    changed = [
        f"{name} {re.sub(r'[^ -~]', ' ', value)[:30]}"
        for name, value in given.items()
        if str(entry.parameters.get(name)) != value
    ]
    return f" ({', '.join(changed)})" if changed else ""


def _missing(entry: Entry, given: Mapping[str, str], survey: SurveyRef) -> list[str]:
    if survey.scores is None or "metric" in given:
        return []  # a score named by hand has been looked at
    return [name for name in entry.needs if name not in survey.scores | survey.outcomes]
