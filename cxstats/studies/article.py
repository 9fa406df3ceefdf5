"""What every study returns: numbers, findings, and the parts of its page, in one shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from cxstats.findings import Finding
from cxstats.words import stated

if TYPE_CHECKING:
    from types import ModuleType

    from cxstats.display.parts import (
        Answer,
        Figure,
        Header,
        LedgerTable,
        Limits,
        MainPoints,
        Method,
        NeedToKnow,
        Section,
        Table,
    )
    from cxstats.methods.intervals import Estimate
    from cxstats.survey import Survey

__all__ = ["Article", "Sections", "compose"]

Sections = Mapping[str, tuple[tuple[str, ...], str]]
"""Sections of an article: the figures in each, and what is missing where there are none."""


@dataclass(frozen=True, slots=True)
class Article:
    """A study's result.

    Attributes
    ----------
    numbers : everything computed.
    findings : the headline finding first.
    figures : figures by key; those that the data cannot fill are absent.
    tables : the numbers behind each figure, by the same keys.
    header, answer, main_points, need_to_know, limits, method, ledger : parts of the page.
    """

    numbers: Any
    findings: tuple[Finding, ...]
    figures: dict[str, Figure]
    header: Header
    answer: Answer
    main_points: MainPoints
    need_to_know: NeedToKnow
    limits: Limits
    method: Method
    ledger: LedgerTable
    _sections: Sections = field(repr=False)
    _more: Mapping[str, tuple[Any, ...]] = field(repr=False)
    _missing: Mapping[str, str] = field(repr=False)

    @property
    def tables(self) -> dict[str, Table]:
        """The numbers behind each figure."""
        return {key: figure.table for key, figure in self.figures.items()}

    def section(self, name: str) -> Section:
        """A section's figures with what stands below them, or the sentence that says why there are none.

        Raises
        ------
        KeyError : there is no such section; the message lists those there are.
        """
        from cxstats.display.parts import Note, Section

        if name not in self._sections:
            raise KeyError(f"there is no section {name!r}; there are {', '.join(self._sections)}")
        keys, missing = self._sections[name]
        parts: list[Any] = [self.figures[key] for key in keys if key in self.figures]
        if parts or not keys or not missing:  # some sections have something to say without a figure
            parts += self._more.get(name, ())
        return Section(tuple(parts) or (Note(self._missing.get(name) or missing, instead=True),))

    def _repr_html_(self) -> str:
        return self.answer._repr_mimebundle_()["text/html"]


Result = TypeVar("Result", bound=Article)


def compose(
    kind: type[Result],
    survey: Survey,
    numbers: Any,
    *,
    study: str,
    measure: str,
    sentences: ModuleType,
    findings: Sequence[Finding],
    figures: dict[str, Figure],
    sections: Sections,
    more: Mapping[str, Sequence[Any]] | None = None,
    missing: Mapping[str, str] | None = None,
    previous: str = "",
    ledger: Any = None,
    score: Estimate | None = None,
) -> Result:
    """The parts of a study's page from its numbers, its sentences and its figures.

    Parameters
    ----------
    kind : the study's result class.
    study, measure : names above the title.
    sentences : the study's module of sentences: period, facts, as_of, n_text, main_points, need_to_know, limits, method.
    more : parts below a section's figures; texts become notes.
    missing : why a section is empty, where the data says more than ``sections`` does.
    previous : what the wave before showed.
    ledger : of the rows the study used; the survey's by default.
    score : the published score, where the page is about one.
    """
    from cxstats.display import parts

    waves = ", all waves together" if survey.wave else ""
    return kind(
        numbers=numbers,
        findings=tuple(findings),
        figures=figures,
        header=parts.Header(
            study=study,
            measure=" · ".join(filter(None, (measure, survey.part))),
            survey_title=survey.title,
            period_text=stated(sentences.period(numbers, survey)),
            population=survey.description.population or "",  # which part of it stands beside the measure
            facts=tuple(parts.Fact(*fact) for fact in sentences.facts(numbers, survey)),
            data_as_of_text=sentences.as_of(survey),
            simulated=survey.simulated,
            n_text=sentences.n_text(numbers),
            score=None
            if score is None
            else parts.Score(numbers.metric.short, score.value, score.low, score.high, numbers.metric.unit),
        ),
        answer=parts.Answer(findings[0], previous=previous, previous_label="The wave before"),
        main_points=parts.MainPoints(sentences.main_points(numbers)),
        need_to_know=parts.NeedToKnow((*sentences.need_to_know(numbers, survey), *_drawn(survey))),
        limits=parts.Limits(sentences.limits(numbers, survey)),
        method=parts.Method(sentences.method(numbers, survey), _versions(survey, numbers.settings.seed)),
        ledger=parts.LedgerTable(
            survey.ledger if ledger is None else ledger, caption=f"What became of every row{waves}"
        ),
        _sections=sections,
        _more={
            name: tuple(parts.Note(part) if isinstance(part, str) else part for part in below)
            for name, below in (more or {}).items()
        },
        _missing=dict(missing or {}),
    )


def _drawn(survey: Survey) -> tuple[tuple[str, str], ...]:
    """Of a file so large that single rows are looked at in a sample only: that it is so, and of what."""
    if survey.n_drawn is None:
        return ()
    return (
        (
            "Rows drawn by lot",
            f"Of {survey.n_rows:,} rows, {survey.n_drawn:,} were drawn at random for what looks at customers one by one "
            "(facts as numbers, several answers of one person, amounts); the counts and intervals there are those of the "
            "draw. Counts by score, group and wave are of all rows.",
        ),
    )


def _versions(survey: Survey, seed: int) -> dict[str, Any]:
    import platform

    import cxstats

    return {
        "cxstats": cxstats.__version__,
        "Python": platform.python_version(),
        "seed": seed,
        "data fingerprint": survey.fingerprint,
    }
