"""The reports on a survey of one's own: every study of the catalogue, for each score and outcome that the survey has.

The catalogue lists reports for scores and outcomes that it knows by name. Another survey's are called otherwise, and
it may lack what a study needs. So an entry whose only parameter is its notebook's ``metric`` or ``outcome`` stands for
its study: the study is rendered for every score or outcome of the survey, under the entry's name and title where it is
one that the catalogue names. A study that the survey cannot answer gets one page that says what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxstats.reporting.catalog import Catalog, Entry, notebook_path
from cxstats.reporting.parameters import declared

if TYPE_CHECKING:
    from cxstats.reporting.plan import SurveyRef

__all__ = ["WHAT_IS_MISSING", "OwnReports", "own_reports"]

WHAT_IS_MISSING = Path(__file__).resolve().parent / "template" / "what_is_missing.ipynb"
"""The notebook of the page that says what a study would need."""

_MEASURES = ("metric", "outcome")
_LONGEST = 80  # characters of a report's name


@dataclass(frozen=True, slots=True)
class OwnReports:
    """What a survey of one's own gets.

    Attributes
    ----------
    catalog : its reports, in the catalogue's order.
    lacks : report -> why its study cannot be answered, for those that only say what is missing.
    instead : report of the catalogue -> the page that stands for it and says what its study is missing.
    """

    catalog: Catalog
    lacks: Mapping[str, str] = field(default_factory=dict)
    instead: Mapping[str, str] = field(default_factory=dict)


def own_reports(catalog: Catalog, survey: SurveyRef) -> OwnReports:
    """The reports of ``catalog`` as ``survey`` can have them.

    Raises UsageError where a notebook of the catalogue is not there, or cannot be read.
    """
    given = {(entry.notebook, name) for entry in catalog.reports.values() for name in entry.parameters}
    families: dict[str, _Family] = {}
    order: list[_Family | tuple[str, Entry]] = []
    for report, entry in catalog.reports.items():
        parameters = declared(notebook_path(catalog.path, entry.notebook))
        # a notebook that takes none of them by default, and is never given one, is about the survey as a whole
        measured = next(
            (
                name
                for name in _MEASURES
                if name in parameters
                and ((entry.notebook, name) in given or parameters[name].default is not None)
            ),
            None,
        )
        if set(entry.parameters) - {measured}:
            order.append((report, entry))  # made for something more special than a score
            continue
        if entry.notebook not in families:
            default = None if measured is None else parameters[measured].default
            families[entry.notebook] = _Family(entry.notebook, measured, default)
            order.append(families[entry.notebook])
        families[entry.notebook].entries[report] = entry
    reports: dict[str, Entry] = {}
    lacks: dict[str, str] = {}
    instead: dict[str, str] = {}
    for one in order:
        if isinstance(one, tuple):
            if one[0] not in reports and set(one[1].needs) <= survey.measures:
                reports[one[0]] = one[1]
            continue
        for report, entry, why in one.on(survey, {*reports, *catalog.reports}):
            reports[report] = entry
            if why:
                lacks[report] = why
                instead |= {name: report for name in one.entries if (one.study, None) in survey.lacks}
    return OwnReports(catalog.model_copy(update={"reports": reports}), lacks, instead)


@dataclass(slots=True)
class _Family:
    """The entries of one study: the same notebook, for different scores or outcomes.

    Attributes
    ----------
    notebook : as the catalogue names it.
    measured : the parameter that tells them apart; None for a study that is about the survey as a whole.
    default : its value where an entry gives none.
    entries : report -> entry.
    """

    notebook: str
    measured: str | None
    default: Any
    entries: dict[str, Entry] = field(default_factory=dict)

    @property
    def study(self) -> str:
        return Path(self.notebook).stem

    @property
    def model(self) -> Entry:
        """The entry of which others are made."""
        return next(iter(self.entries.values()))

    @property
    def title(self) -> str:
        return self.model.title.partition(" · ")[0]

    def on(self, survey: SurveyRef, taken: set[str]) -> list[tuple[str, Entry, str]]:
        """Report, entry and, where it says what is missing, why: of every report of this study."""
        members = self._members(survey, taken)
        why = survey.lacks.get((self.study, None), "")
        if why:
            # under the study's own name: a page with findings, of when the survey could have it, is not written over
            report = next(iter(members), "") if self.measured is None else ""
            report = report or _slug(self.study)
            return [(report, self._missing(self.title, None), why)]
        out = []
        for report, (measure, entry) in members.items():
            lacking = survey.lacks.get((self.study, measure), "")
            out.append((report, self._missing(entry.title, measure) if lacking else entry, lacking))
        return out

    def _members(self, survey: SurveyRef, taken: set[str]) -> dict[str, tuple[str | None, Entry]]:
        """Report -> what it is about, and its entry."""
        if self.measured is None:
            fit = {
                report: entry for report, entry in self.entries.items() if set(entry.needs) <= survey.measures
            }
            return {report: (None, entry) for report, entry in fit.items()}
        known = survey.scores if self.measured == "metric" else survey.outcomes
        names = survey.names or {name: name for name in sorted(survey.measures)}
        measures = [name for name in names if name in (known or ())]
        named: dict[str, str] = {}
        for report, entry in self.entries.items():
            about = str(entry.parameters.get(self.measured) or self.default or next(iter(measures), ""))
            named.setdefault(about, report)
        out: dict[str, tuple[str | None, Entry]] = {}
        for measure in measures:
            report = named.get(measure)
            if report is not None:
                out[report] = (measure, self.entries[report])
                continue
            report = _free(f"{_slug(self.study)}-{_slug(measure)}", taken | out.keys())
            title = f"{self.title} · {names[measure]}"[:200]
            changes = {"title": title, "parameters": {self.measured: measure}, "needs": [measure]}
            out[report] = (measure, self.model.model_copy(update={**changes, "compare_with": None}))
        return out

    def _missing(self, title: str, measure: str | None) -> Entry:
        parameters = {"study": self.study} | ({"measure": measure} if measure else {})
        return Entry(
            notebook=WHAT_IS_MISSING.as_posix(),
            title=title,
            parameters=parameters,
            audience=self.model.audience,
            keep=self.model.keep,
            downloads=self.model.downloads,
        )


def _slug(text: str) -> str:
    """A text as a part of a report's name.

    >>> _slug("csat_food")
    'csat-food'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "other"


def _free(name: str, taken: set[str] | Mapping[str, Any]) -> str:
    """A name that no other report has.

    >>> _free("a-b", {"a-b", "a-b-2"})
    'a-b-3'
    """
    name = name[: _LONGEST - 4].rstrip("-")
    number, new = 1, name
    while new in taken:
        number += 1
        new = f"{name}-{number}"
    return new
