"""Does this score tell us anything about the customer's next move, beyond what we knew without asking?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cxstats.progress import steps
from cxstats.studies.article import Article, Sections, compose
from cxstats.studies.pictures import Source
from cxstats.studies.predictive_validity.decision_figures import decides_nothing, idle_text
from cxstats.studies.predictive_validity.notes import uncut_text
from cxstats.studies.predictive_validity.numbers import Numbers, Settings
from cxstats.studies.predictive_validity.study import MARGIN, SMALLEST_GROUP, measure, settings
from cxstats.words import capitalised, count, join_words, plural

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = ["PredictiveValidityStudy", "Settings", "predictive_validity"]

_NO_RACE = "No rule could be trained and judged: the answer above says why."
_STOPPED = "Not looked into, as no rule could be trained and judged: the answer above says why."
# Sections of the article, the figures in each, and what is missing where there are none.
SECTIONS: Sections = {
    "race": (("race", "units", "others"), _NO_RACE),
    "rates": (("rates",), _NO_RACE),
    "robust": (("robust", "steady"), _NO_RACE),
    "silence": (("silence",), _STOPPED),
    "cuts": (("cuts",), _STOPPED),
    "time": (("survival", "causes", "warning"), _STOPPED),
    "decision": (("decision", "profit"), _NO_RACE),
}


class PredictiveValidityStudy(Article):
    """The study's result: see :class:`cxstats.studies.article.Article`. One finding."""

    __slots__ = ()


def predictive_validity(
    survey: Survey,
    *,
    outcome: str | None = None,
    metrics: Sequence[str] | str | None = None,
    known: Sequence[str] | str | None = None,
    window_days: int | None = None,
    margin: float = MARGIN,
    level: float = 0.95,
    wave: str | None = None,
    contact_cost: float = 10.0,
    value_saved: float | None = None,
    success: float = 0.2,
    smallest_group: int = SMALLEST_GROUP,
    seed: int = 20250401,
) -> PredictiveValidityStudy:
    """Study whether scores tell what customers do next, beyond what was known without asking.

    Parameters
    ----------
    survey : an open survey (:func:`cxstats.open_survey`) with outcomes. Of one with a row per unit (hospital, store) it says
        what goes together between units, and that this is not about customers.
    outcome : one of the survey's outcomes; the first by default.
    metrics : scores to race, as a list or "nps, ces"; all by default.
    known : what is known without asking, to be beaten: groups, behaviour, "value"; by default all of it, but no group
        that only bands a number that is there too. When a customer was asked is known in any case.
    window_days : count events within so many days of the invitation, in place of the declared window; the event needs a
        date.
    margin : smallest gain in AUC that matters.
    level : confidence level of intervals and verdicts.
    wave : one wave only; all together by default.
    contact_cost, value_saved, success : what contacting one customer costs, what keeping one is worth (by default the
        average recorded value), and the share of contacts that keep one who would have left.
    smallest_group : customers below which a rate is not shown; lowering it is recorded in the report.
    seed : of resamples.

    Returns
    -------
    PredictiveValidityStudy.

    Raises
    ------
    ValueError : a parameter out of range, or an outcome, score, fact or wave that the survey does not have.

    Examples
    --------
    >>> import cxstats as cx
    >>> study = cx.predictive_validity(cx.open_survey("demo"), outcome="churned")      # doctest: +SKIP
    >>> study.findings[0].verdict.words                                               # doctest: +SKIP
    """
    from cxstats.studies.predictive_validity import accounting, figures, sentences, tables

    chosen = settings(
        survey,
        outcome=outcome,
        metrics=metrics,
        known=known,
        window_days=window_days,
        margin=margin,
        level=level,
        wave=wave,
        contact_cost=contact_cost,
        value_saved=value_saved,
        success=success,
        smallest_group=smallest_group,
        seed=seed,
    )
    with steps(
        "Predictive validity",
        "customers",
        "race",
        "scores against each other",
        "weights",
        "later wave",
        "silence",
        "time",
        "steadiness",
    ):
        numbers = measure(survey, chosen)
    source = Source(survey.title, sentences.period(numbers, survey), survey.simulated)
    more: dict[str, list[Any]] = {name: [note] for name, note in sentences.section_notes(numbers).items()}
    further = {
        "race": (figures.pairs_table(numbers), tables.shares_table(numbers)),
        "rates": (tables.forms_table(numbers),),
        "cuts": (figures.partitions_table(numbers),),
        "time": (figures.hazard_table(numbers),),
        "decision": (figures.lists_table(numbers), tables.brier_table(numbers)),
    }
    for name, made in further.items():  # for analysts: a manager reads past their titles
        tables_ = [replace(table, folded=True) for table in made if table is not None]
        if tables_:
            more.setdefault(name, []).extend(tables_)
    return compose(
        PredictiveValidityStudy,
        survey,
        numbers,
        study="Predictive validity",
        measure=numbers.outcome_label,
        sentences=sentences,
        findings=(sentences.answer(numbers),),
        figures=figures.all_figures(numbers, source),
        sections=SECTIONS,
        more=more,
        missing=_missing(numbers),
        ledger=accounting.ledger(numbers, survey),
    )


def _missing(numbers: Numbers) -> dict[str, str]:
    if numbers.race is not None:
        otherwise = (numbers.missing[key] for key in ("weighted", "later") if key in numbers.missing)
        reasons = {"robust": " ".join(otherwise), "cuts": uncut_text(numbers) or _uncut(numbers)}
        if decides_nothing(numbers):
            reasons["decision"] = idle_text(numbers)
        return {**reasons, **numbers.missing}
    if numbers.units is None:
        return {}  # the answer says why, once
    return dict.fromkeys(SECTIONS, f"{capitalised(numbers.missing['all'])}.")


def _uncut(numbers: Numbers) -> str:
    """Why there is no choice of groups to be judged."""
    some = [c for c in numbers.contenders if c.cuts is not None]
    if some:
        names = join_words([c.metric.short for c in some])
        return f"There is only one way to cut {names} into groups."
    found = numbers.best.association
    fewer, which = min((found.events, "had the event"), (found.n - found.events, "did not have it"))
    return f"{count(fewer)} of {plural(found.n, 'customer')} {which}, each counted once: too few to judge where to cut."
