"""Can these groups be compared on this metric, or do they use the scale differently?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cxstats.findings import Finding
from cxstats.studies.extreme_response_bias.numbers import Numbers, Settings
from cxstats.studies.extreme_response_bias.study import SMALLEST_GROUP, measure, settings

if TYPE_CHECKING:
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
    from cxstats.survey import Survey

__all__ = ["ExtremeResponseBiasStudy", "Settings", "extreme_response_bias"]

# Sections of the article, the figures in each, and what is missing where there are none.
SECTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "gaps": (("gaps",), "There are no two groups with answers enough to be compared."),
    "steps": (
        ("steps",),
        "There is no gap to take apart: a group's spread of answers could not be estimated.",
    ),
    "spread": (
        ("spread",),
        "Fewer than two groups use enough of the scale for their spread to be estimated.",
    ),
    "style": (("style",), "There are too few answers to say how groups use the scale."),
    "assumptions": (
        ("assumptions", "naive"),
        "Without two groups whose spread can be estimated there is nothing to assume about.",
    ),
    "designs": (("designs",), ""),
    "culture": (
        ("culture",),
        "The survey names no table with a trait of each group. Where groups are countries, `group_facts:` in "
        "survey.yml takes one (individualism, for example).",
    ),
    "facts": ((), "Besides the groups compared the survey knows nothing that groups could be made alike in."),
}


@dataclass(frozen=True, slots=True)
class ExtremeResponseBiasStudy:
    """The study's result: numbers, findings, and the parts of its page.

    Attributes
    ----------
    numbers : everything computed.
    findings : one per group compared with the reference, the headline first.
    figures : figures by key; those that the data cannot fill are absent.
    tables : the numbers behind each figure, by the same keys.
    header, answer, main_points, need_to_know, limits, method, ledger : parts of the page.
    """

    numbers: Numbers
    findings: tuple[Finding, ...]
    figures: dict[str, Figure]
    header: Header
    answer: Answer
    main_points: MainPoints
    need_to_know: NeedToKnow
    limits: Limits
    method: Method
    ledger: LedgerTable

    @property
    def tables(self) -> dict[str, Table]:
        """The numbers behind each figure."""
        return {key: figure.table for key, figure in self.figures.items()}

    def section(self, name: str) -> Section:
        """A section's figures and notes, or the sentence that says why there are none.

        Raises
        ------
        KeyError : there is no such section; the message lists those there are.
        """
        from cxstats.display.parts import Note, Section
        from cxstats.studies.extreme_response_bias import figures, sentences

        if name not in SECTIONS:
            raise KeyError(f"there is no section {name!r}; there are {', '.join(SECTIONS)}")
        keys, missing = SECTIONS[name]
        parts: list[Any] = [self.figures[key] for key in keys if key in self.figures]
        if name == "facts" and self.numbers.facts:
            parts.append(figures.facts_table(self.numbers))
        if parts or name == "designs":
            parts += [Note(text) for text in sentences.notes(self.numbers, name)]
        missing = self.numbers.missing.get(name, missing)
        return Section(tuple(parts) or (Note(missing, instead=True),))

    def _repr_html_(self) -> str:
        return self.answer._repr_mimebundle_()["text/html"]


def extreme_response_bias(
    survey: Survey,
    *,
    metric: str = "nps",
    group: str | None = None,
    reference: str | None = None,
    neutral: float | Sequence[float] | None = None,
    style_share: float | Sequence[float] = (0.0, 1.0),
    margin: float | None = None,
    level: float = 0.95,
    wave: str | None = None,
    mix: Sequence[str] | None = None,
    smallest_group: int = SMALLEST_GROUP,
    replicates: int = 400,
    seed: int = 20250401,
) -> ExtremeResponseBiasStudy:
    """Study how much of the gap between groups could be the way they use the scale.

    Parameters
    ----------
    survey : an open survey (:func:`cxstats.open_survey`).
    metric : key of the score: "nps", "csat", "ces", or any the survey declares.
    group : variable whose groups are compared (country, language, channel); by default "country", else the first.
    reference : group the others are compared with; by default the one with the most answers.
    neutral : neutral points assumed, on the scale: whole numbers (centre of an answer) or halves (between two);
        by default the middle and points 10 % and 20 % of the scale above it (5, 6 and 7 on 0–10).
    style_share : lowest and highest share of the difference in (log) spread that may be scale use, each in [0, 1].
    margin : smallest difference that matters, in the metric's unit; the metric's own by default.
    level : confidence level; all comparisons hold together at it.
    wave : wave to report on; by default all waves together.
    mix : facts in which all groups are made alike; by default every one that allows it.
    smallest_group : answers below which a group is not shown; lowering it is recorded in the report.
    replicates : bootstrap replicates, where no customer answers twice (else a jackknife over parts of the customers).
    seed : of the simulations.

    Returns
    -------
    ExtremeResponseBiasStudy.

    Raises
    ------
    ValueError : a parameter out of range, or a metric, group, reference, wave or fact that the survey does not have.

    Examples
    --------
    >>> import cxstats as cx
    >>> study = cx.extreme_response_bias(cx.open_survey("demo"), reference="Germany")     # doctest: +SKIP
    >>> study.findings[0].verdict.words                                                    # doctest: +SKIP
    """
    from cxstats.display import parts
    from cxstats.studies.extreme_response_bias import figures, sentences

    chosen = settings(
        survey,
        metric=metric,
        group=group,
        reference=reference,
        neutral=neutral,
        style_share=style_share,
        margin=margin,
        level=level,
        wave=wave,
        mix=mix,
        smallest_group=smallest_group,
        replicates=replicates,
        seed=seed,
    )
    numbers = measure(survey, chosen)
    findings = sentences.findings(numbers)
    source = figures.Source(survey.title, sentences.period(numbers, survey), survey.simulated)
    return ExtremeResponseBiasStudy(
        numbers=numbers,
        findings=findings,
        figures=figures.all_figures(numbers, source),
        header=_header(numbers, survey),
        answer=parts.Answer(findings[0]),
        main_points=parts.MainPoints(sentences.main_points(numbers)),
        need_to_know=parts.NeedToKnow(sentences.need_to_know(numbers, survey)),
        limits=parts.Limits(sentences.limits(numbers, survey)),
        method=parts.Method(sentences.method(numbers, survey), _versions(survey, chosen)),
        ledger=parts.LedgerTable(
            survey.ledger.of(numbers.metric.key),
            caption="What became of every row" + (", all waves together" if survey.wave else ""),
        ),
    )


def _header(numbers: Numbers, survey: Survey) -> Header:
    from cxstats.display.parts import Fact, Header
    from cxstats.studies.extreme_response_bias import sentences

    return Header(
        study="Response style",
        measure=numbers.metric.label,
        survey_title=survey.title,
        period_text=sentences.period(numbers, survey),
        population=survey.population,
        facts=tuple(Fact(*fact) for fact in sentences.facts(numbers, survey)),
        data_as_of_text=sentences.as_of(survey),
        simulated=survey.simulated,
        n_text=sentences.n_text(numbers),
    )


def _versions(survey: Survey, chosen: Settings) -> dict[str, Any]:
    import platform

    import cxstats

    return {
        "cxstats": cxstats.__version__,
        "Python": platform.python_version(),
        "seed": chosen.seed,
        "data fingerprint": survey.fingerprint,
    }
