"""What a command asks for, checked as a whole before anything runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxstats.reporting.catalog import Catalog, Entry, notebook_path
from cxstats.reporting.errors import UsageError, did_you_mean
from cxstats.reporting.parameters import declared, effective

__all__ = ["Job", "Skipped", "SurveyRef", "plan"]


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
    groups : names of its groups, likewise.
    has_waves : whether its customers are asked in waves, likewise.
    """

    name: str
    value: str
    shown: str
    title: str = ""
    scores: frozenset[str] | None = None
    groups: frozenset[str] | None = None
    outcomes: frozenset[str] = frozenset()
    has_waves: bool | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One report to render, with everything checked.

    ``position`` is its place in the catalogue. ``parameters`` go to the notebook, ``shown`` is what the page
    and the record print of them.
    """

    report: str
    position: int
    survey: SurveyRef
    notebook: Path
    title: str
    audience: str
    parameters: Mapping[str, Any]
    shown: Mapping[str, Any]

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
    survey : a survey in place of each entry's own: every study of the catalogue, once.
    given : ``-p`` values, over the catalogue's.
    describe : reads a survey's description ("demo", or a path) without its data; raises UsageError.

    Raises
    ------
    UsageError : every problem at once: unknown reports and parameters, values that do not fit,
        missing notebooks, surveys that cannot be described.
    """
    given = given or {}
    problems = catalog.unknown(reports)
    jobs: list[Job] = []
    skipped: list[Skipped] = []
    described: dict[str, SurveyRef | None] = {}
    seen: set[str] = set()
    for report, entry in catalog.select(reports).items():
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
    return jobs, skipped


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
    checked = effective(parameters, values, where=where)
    if strange := [f"{where}: {what}" for what in _strange({name: checked[name] for name in given}, survey)]:
        raise UsageError(strange)
    shown = checked | ({"survey": survey.shown} if "survey" in checked else {})
    return Job(
        report=report,
        position=list(catalog.reports).index(report),
        survey=survey,
        notebook=notebook,
        title=entry.title + _departures(entry, given),
        audience=entry.audience,
        parameters=checked,
        shown=shown,
    )


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
