"""A first look at a survey: what was read, what became of it, and what every study finds.

It stands above the studies: it runs them, and none of them knows of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cxstats.progress import step, steps
from cxstats.words import amount, count, share, signed

if TYPE_CHECKING:
    from cxstats.display.parts import LedgerTable, Note, Section, Table
    from cxstats.findings import Finding
    from cxstats.studies.requirements import Readiness
    from cxstats.survey import Survey

__all__ = [
    "FirstLook",
    "Headline",
    "Headlines",
    "distribution",
    "first_look",
    "headlines",
    "readiness_tables",
    "source_tables",
]


@dataclass(frozen=True, slots=True)
class FirstLook:
    """What is to be seen of a survey before any study.

    Attributes
    ----------
    sources : the files and tables it was read from, and what was chosen where the description was silent.
    ledger : what became of every row.
    answers : every score's answers.
    studies : what each study will be able to say, and what is missing for the rest.
    """

    sources: Section
    ledger: LedgerTable
    answers: Section
    studies: Section


def first_look(survey: Survey) -> FirstLook:
    """What was read, every row's fate, every score's answers, and what the studies will be able to say.

    Parameters
    ----------
    survey : an open survey (:func:`cxstats.open_survey`).

    Examples
    --------
    >>> import cxstats as cx
    >>> print(cx.first_look(cx.open_survey("demo")).studies.parts[0])      # doctest: +SKIP
    """
    from cxstats.display.parts import LedgerTable, Note, Section
    from cxstats.studies.requirements import readiness

    with steps("First look", "answers", "studies"):
        step("answers")
        if survey.units is None:
            answers: list[Any] = [distribution(survey, name) for name in survey.metrics]
        else:
            answers = [Note("There is one row per unit; nobody's single answer is in the data.")]
        step("studies")
        studies = readiness_tables(readiness(survey))
    return FirstLook(
        sources=Section(tuple(source_tables(survey))),
        ledger=LedgerTable(survey.ledger),
        answers=Section(tuple(answers)),
        studies=Section(tuple(studies)),
    )


# The four findings --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Headline:
    """What one study finds, in short.

    Attributes
    ----------
    study, measure : what it is about.
    notebook : the name of its notebook.
    finding : its headline finding, with the interval, or what is missing for it.
    lines : lines of survey.yml that would add what is missing; () where nothing is.
    """

    study: str
    measure: str
    notebook: str
    finding: Finding
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        finding = self.finding
        text = f"{self.study} · {self.measure}\n  {finding.verdict.words}. {finding.answer}"
        if finding.low is not None and finding.high is not None and finding.effect:
            digits = 1 if abs(finding.high - finding.low) >= 1 else 3
            high = amount(finding.high, finding.unit, sign=True, digits=digits)
            text += f"\n  {finding.effect}: {signed(finding.low, digits)} to {high}"
        if finding.needed:
            text += f"\n  What would settle it: {finding.needed}"
        return "\n".join([text, *(f"    {line}" for line in self.lines)])


@dataclass(frozen=True, slots=True)
class Headlines:
    """The studies' headline findings; shows itself in a notebook with links to theirs."""

    headlines: tuple[Headline, ...]

    def __iter__(self) -> Any:
        return iter(self.headlines)

    def __str__(self) -> str:
        return "\n\n".join(str(headline) for headline in self.headlines)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._html()}

    def _html(self) -> str:
        from markupsafe import Markup

        from cxstats.display.fragments import part_html
        from cxstats.display.parts import Answer
        from cxstats.display.theme import css

        body = []
        for one in self.headlines:
            body.append(Markup('<p class="cx-eyebrow">{} · {}</p>').format(one.study, one.measure))
            body.append(part_html(Answer(one.finding).to_json()))
            if one.lines:
                body.append(
                    Markup(
                        '<p>Lines of survey.yml that would add it:</p><pre style="margin-bottom:2rem">{}</pre>'
                    ).format("\n".join(one.lines))
                )
            else:
                link = '<p style="margin:.4rem 0 2rem"><a href="{0}.ipynb">Open the study</a> ({0}.ipynb)</p>'
                body.append(Markup(link).format(one.notebook))
        style = css("parts", "notebook")
        return f'<style>{style}</style><div class="cx cx-notebook">{Markup("").join(body)}</div>'


def headlines(survey: Survey, *, metric: str | None = None, outcome: str | None = None) -> Headlines:
    """What each study finds about this survey, or what is missing for it; the demo company takes 20 seconds.

    Parameters
    ----------
    survey : an open survey (:func:`cxstats.open_survey`).
    metric : key of the score; by default "nps", else the survey's first.
    outcome : what customers did later; by default the survey's first.

    Raises
    ------
    ValueError : the survey has no such score or outcome.

    Examples
    --------
    >>> import cxstats as cx
    >>> print(cx.headlines(cx.open_survey("demo")))      # doctest: +SKIP
    """
    from cxstats.studies.requirements import STUDIES, missing

    score = metric if metric is not None else "nps" if "nps" in survey.metrics else next(iter(survey.metrics))
    label = survey.metric(score).short
    known = survey.outcomes
    if outcome is not None and outcome not in known:
        raise ValueError(
            f"outcome is {outcome!r}, but the survey's outcomes are {', '.join(known) or 'none'}"
        )
    later = outcome if outcome is not None else next(iter(known), None)
    found = []
    studies = {
        study: name for study, name in STUDIES.items() if study != "score_overview"
    }  # it shows what they examine
    with steps("Findings", *(name.title.lower() for name in studies.values())):
        for study, name in studies.items():
            step(name.title.lower())
            predicts = study == "predictive_validity"
            about = later if predicts else score
            measure = survey.group_labels[later] if predicts and later is not None else label
            if missing(survey.description, study, about) is not None:
                found.append(_missing(survey, study, name.title, measure, about))
                continue
            result = _study(study)(survey, **{"outcome" if predicts else "metric": about})
            found.append(Headline(name.title, measure, study, result.findings[0]))
    return Headlines(tuple(found))


def _missing(survey: Survey, study: str, title: str, measure: str, about: str | None) -> Headline:
    from cxstats.studies.what_is_missing import what_is_missing

    page = what_is_missing(survey, study, about)
    return Headline(title, measure, study, page.findings[0], page.lines.lines)


def _study(name: str) -> Callable[..., Any]:
    import importlib

    return getattr(importlib.import_module(f"cxstats.studies.{name}"), name)


# Tables of what was read, which `cxstats check --html` shows as well ------------------------------


def source_tables(survey: Survey) -> list[Table]:
    """The files and tables a survey was read from, and what was chosen where its description was silent."""
    from cxstats.display.parts import Table

    rows = tuple(
        (
            role,
            reader.where,
            "not counted" if reader.n_rows is None else count(reader.n_rows),
            len(reader.columns),
        )
        for role, reader in survey.readers.items()
    )
    notes = [note for reader in survey.readers.values() for note in reader.notes]
    notes += survey.notes
    parts = [Table("Files and tables", ("Part", "Where", "Rows", "Columns"), rows)]
    if notes:
        told = tuple((note,) for note in notes)
        parts.append(Table("What was chosen or noticed where the description was silent", ("Note",), told))
    return parts


def readiness_tables(studies: Sequence[Readiness]) -> list[Table]:
    """What each study will say about a survey, and what is missing for the rest."""
    from cxstats.display.parts import Table

    rows = tuple(
        (s.study, s.question, s.says if s.answers else f"This data cannot say, because {s.lacks[0].why}")
        for s in studies
    )
    lacks = tuple(
        (s.study, f"{lack.what or 'its question'}, because {lack.why}", lack.cure)
        for s in studies
        for lack in s.lacks
    )
    parts = [Table("What each study will say about this survey", ("Study", "Question", "Answer"), rows)]
    if lacks:
        parts.append(
            Table("What is missing, and what would help", ("Study", "It cannot say", "What to add"), lacks)
        )
    return parts


def distribution(survey: Survey, name: str) -> Table | Note:
    """How many customers gave each answer to a score."""
    from cxstats.display.parts import Note, Table

    metric, counts = survey.metric(name), survey.counts(name)
    total = int(counts.sum())
    if not total:
        return Note("Nobody answered.")
    value = metric.value(counts)
    shown = signed(value, 1) if metric.unit == "points" else f"{value:.2f} {metric.unit}"
    rows = tuple(
        (str(category), count(int(n)), share(int(n) / total, 1))
        for category, n in zip(metric.scale.categories, counts, strict=True)
    )
    rate = survey.response_rate(name)
    notes = f"{count(total)} answers, {metric.short} {shown}" + (
        f", response rate {share(rate, 1)}" if rate is not None else ""
    )
    return Table(f"Answers to {metric.short}", ("Answer", "Number", "Share"), rows, notes=f"{notes}.")
