"""How much of this score is who happened to answer? The numbers behind the report, and its verdict.

Estimand: the expected score of those who answer minus that of everyone invited (bias; above 0 the published
score is too high).

The verdict, stated before any data
-----------------------------------
The region of the bias runs over φ from 0 to 1 (at 0 the facts known of everyone explain who answers, and weighting
suffices; at 1 satisfaction itself decides) and over sampling error: from the lowest to the highest limit of the
weighted estimate and of the proxy pattern-mixture estimate at every φ, each with its two-sided interval.

* *A difference that matters*: the whole region lies beyond the margin on one side, and the range can be trusted.
* *No difference that matters*: it lies wholly within the margin, the range can be trusted, and the two-ended tipping
  curve agrees: as far as the facts show it, the ends of the scale may answer more readily than the middle, or
  less, without the bias reaching the margin. That is the direction φ leaves out.
* *Too few answers to say*: the range can be trusted, the range over φ itself is on one side, sampling error is not; or
  there are too few answers to estimate anything.
* *This data cannot say*: the range over φ alone crosses the margin; or it cannot be trusted: nothing is known of those who
  did not answer, the facts go too little with the score (correlation under 0.4), the variance ratio of the proxy leaves
  [0.9, 1.1] by more than chance, response neither rises nor falls with the proxy, some facts draw answers the other
  way than the rest (by a tenth of what the rest does, so that what satisfaction does may be hidden), or there are too few
  answers to see any of that. The page names the follow-up that could say.

Where everyone answered there is no bias. Where a random part of the silent was followed up, the Hansen–Hurwitz
estimate is judged instead: firm where its interval is on one side and stays there whatever those who stayed silent again
would say. Where even the worst case is on one side of the margin, that is enough.

Assumptions: facts are dated before the invitation; weighting assumes that people alike in them answer alike; the range
assumes that response rises or falls with satisfaction throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cxstats.findings import Verdict, judge
from cxstats.parameters import Count, Level, Margin, Seed, checked
from cxstats.progress import step
from cxstats.studies.response_rate_bias import accounting, beyond, designs, evidence
from cxstats.studies.response_rate_bias.frame import Frame, frame_of
from cxstats.studies.response_rate_bias.numbers import (
    FollowUp,
    Numbers,
    Region,
    Settings,
    Tipping,
    Unseen,
)
from cxstats.studies.response_rate_bias.units import LEAST_UNITS, measure_units

if TYPE_CHECKING:
    from cxstats.metrics import Metric
    from cxstats.survey import Survey

__all__ = ["SMALLEST_GROUP", "WEIGHTINGS", "decide", "measure", "settings", "verdict", "verdict_of"]

SMALLEST_GROUP = 10
WEIGHTINGS = ("raking", "linear", "logit", "propensity", "doubly_robust")


def settings(survey: Survey, **given: Any) -> Settings:
    """Parameters checked in the user's terms; the metric's own margin where none is given.

    Raises
    ------
    ValueError : a value of the wrong kind or out of range; an outcome, variable or wave that the survey does not have.
    """
    metric = survey.metric(given["metric"])
    margin = given["margin"] if given["margin"] is not None else metric.margin
    variables = given["variables"]
    if isinstance(variables, str):
        variables = [name.strip() for name in variables.split(",") if name.strip()]
    if given["weighting"] not in WEIGHTINGS:
        raise ValueError(f"weighting is {given['weighting']!r}, but must be one of {', '.join(WEIGHTINGS)}")
    benchmark = given["benchmark"]
    if benchmark is not None and benchmark not in survey.outcomes:
        raise ValueError(
            f"benchmark is {benchmark!r}, but the survey's outcomes are {', '.join(survey.outcomes) or 'none'}"
        )
    return Settings(
        metric=metric.key,
        margin=checked("margin", margin, Margin),
        level=checked("level", given["level"], Level),
        variables=None if variables is None else tuple(variables),
        weighting=given["weighting"],
        benchmark=benchmark,
        wave=given["wave"],
        smallest_group=checked("smallest_group", given["smallest_group"], Count),
        seed=checked("seed", given["seed"], Seed),
    )


def verdict(
    region: Region | None,
    unseen: Unseen | None,
    tipping: Tipping | None,
    *,
    margin: float,
    worst: tuple[float, float] | None = None,
) -> Verdict:
    """The verdict's rule, as the module states it.

    Parameters
    ----------
    region : bias over φ with its sampling error; None where there is no range.
    unseen : whether that range can be trusted.
    tipping : the two-ended tipping curve.
    margin : smallest difference that matters.
    worst : bias in the worst case and in the best, nothing being assumed.
    """
    if worst is not None:
        bounded = judge(*worst, margin)
        if bounded in (Verdict.NEGLIGIBLE, Verdict.MATERIAL):
            return bounded
    if region is None or unseen is None or not unseen.trusted:
        return Verdict.NOT_ANSWERABLE
    found = judge(region.low, region.high, margin, assumption=region.assumption)
    if found is Verdict.NEGLIGIBLE and (tipping is None or not tipping.agrees):
        return Verdict.NOT_ANSWERABLE
    return found


def followed_up(found: FollowUp, margin: float) -> Verdict:
    """The verdict where a random part of the silent was asked again.

    Judged by the interval of the bias if those of them who stayed silent again are like those who answered; firm only where
    it stays on that side whatever they would have said.
    """
    inner = judge(found.bias_low, found.bias_high, margin)
    if inner is Verdict.INCONCLUSIVE:
        return inner
    outer = judge(found.bias_low_unbounded, found.bias_high_unbounded, margin)
    return inner if outer is inner else Verdict.NOT_ANSWERABLE


def measure(survey: Survey, chosen: Settings) -> Numbers:
    """Everything the report shows, from counts.

    Parameters
    ----------
    survey : an open survey.
    chosen : checked parameters (:func:`settings`).

    Returns
    -------
    Numbers. What the data cannot fill is None or empty, with the reason in ``missing``.
    """
    metric = survey.metric(chosen.metric)
    if survey.units is not None:
        return _of_units(survey, metric, chosen)
    step("counting")
    frame = frame_of(
        survey,
        score=metric.key,
        variables=chosen.variables,
        wave=chosen.wave,
        seed=chosen.seed,
        smallest_group=chosen.smallest_group,
    )
    known = survey.n_invited is not None and frame.waves_known
    n = frame.n_answered
    shared: dict[str, Any] = {
        "settings": chosen,
        "metric": metric,
        "n": n,
        "invited": frame.n_invited if known else None,
        "wave": frame.wave,
        "variables": tuple(frame.titles.values()) if known else (),
        "left_out": tuple((item.title, item.reason) for item in frame.left_out),
        "notes": frame.notes,
        "by_design": survey.weighted,
    }
    repeated = frame.repeated
    if known:
        shared |= accounting.accounting(survey, frame, metric, chosen, repeated=repeated)
    if n < chosen.smallest_group:
        return Numbers(verdict=Verdict.INCONCLUSIVE, **shared)
    if _only_flag(survey, metric):
        return _who_only(survey, frame, metric, chosen, shared, repeated=repeated)
    published, design = evidence.published(survey, frame, metric, chosen, repeated=repeated)
    shared |= {"published": published, "design_effect": design}
    if not known:
        why = "who was invited and did not answer is not in the data"
        return Numbers(verdict=Verdict.NOT_ANSWERABLE, reasons=(why,), **shared)
    if n == frame.n_invited:
        return Numbers(verdict=Verdict.NEGLIGIBLE, **shared)
    return _judged(survey, frame, metric, chosen, shared, repeated=repeated)


def _only_flag(survey: Survey, metric: Metric) -> bool:
    """Whether the score can have one value only, all others being declared missing: it marks who answered."""
    declared = survey.description.scores.get(metric.key)
    if declared is None:
        return False
    missing = {text.strip() for text in declared.missing}
    return sum(str(category) not in missing for category in metric.scale.categories) < 2


def _who_only(
    survey: Survey, frame: Frame, metric: Metric, chosen: Settings, shared: dict[str, Any], *, repeated: bool
) -> Numbers:
    """Who answers and how like everyone invited they are: no estimate of a score, for there is none."""
    from cxstats.studies.response_rate_bias.flag_words import NO_SCORE

    missing = dict.fromkeys(("score", "weighting", "beyond", "instrument", "follow_up"), NO_SCORE)
    found: dict[str, Any] = {}
    if frame.by and shared["invited"] is not None and frame.n_answered < frame.n_invited:
        found |= evidence.who_answers(frame, metric, chosen, missing, repeated=repeated)
        try:
            made = evidence.Weighting(frame, metric, chosen, repeated=repeated)
            found |= evidence.weighting(survey, made, chosen) | {"choices": ()}
        except ValueError as error:
            missing["balance"] = f"{error}"
    return Numbers(verdict=Verdict.NOT_ANSWERABLE, flag=True, missing=missing, **shared, **found)


def _of_units(survey: Survey, metric: Metric, chosen: Settings) -> Numbers:
    """One row per hospital, store or branch: an association, and no verdict on bias whatever it is."""
    table = survey.units
    shared: dict[str, Any] = {
        "settings": chosen,
        "metric": metric,
        "n": int(table["completed"].sum()) if "completed" in table.columns else len(table),
        "invited": None,
        "wave": "",
        "verdict": Verdict.NOT_ANSWERABLE,
    }
    if len(table) < LEAST_UNITS:
        return Numbers(**shared, reasons=(f"there are only {len(table)} {survey.description.units.called}",))
    return Numbers(**shared, units=measure_units(survey, metric, chosen))


def decide(
    frame: Frame, metric: Metric, chosen: Settings, *, repeated: bool = False, design_effect: float = 1.0
) -> tuple[Verdict, dict[str, Any], evidence.Weighting | None, dict[str, str]]:
    """The verdict on a frame, with the parts of :class:`Numbers` it rests on, its weights, and what is missing."""
    missing: dict[str, str] = {}
    found = beyond.bounds(frame, metric, chosen, design_effect=design_effect)
    made = None
    if frame.by:
        try:
            made = evidence.Weighting(frame, metric, chosen, repeated=repeated)
            found |= beyond.unseen(frame, metric, chosen, made.main, missing)
        except ValueError as error:
            missing |= dict.fromkeys(("balance", "weighting", "beyond"), f"{error}")
    decided = verdict(
        found.get("region"),
        found.get("unseen"),
        found.get("tipping"),
        margin=chosen.margin,
        worst=found["worst_bias"],
    )
    found["by_worst_case"] = judge(*found["worst_bias"], chosen.margin) is decided and decided in (
        Verdict.NEGLIGIBLE,
        Verdict.MATERIAL,
    )
    return decided, found, made, missing


def verdict_of(frame: Frame, metric: Metric, chosen: Settings) -> Verdict:
    """The verdict that :func:`decide` reaches, by the shortest way: nothing is computed that cannot change it any more.

    For benchmarks of error rates, which ask thousands of companies for their verdicts alone.
    """
    worst = beyond.bounds(frame, metric, chosen)["worst_bias"]
    by_worst = judge(*worst, chosen.margin)
    if by_worst in (Verdict.NEGLIGIBLE, Verdict.MATERIAL):
        return by_worst
    try:
        model = beyond.firm_model(frame, metric, chosen) if frame.by else None
        if model is None:
            return Verdict.NOT_ANSWERABLE
        region = beyond.region_of(model, evidence.Weighting(frame, metric, chosen).main)
    except ValueError:  # no such weights, or nothing to learn
        return Verdict.NOT_ANSWERABLE
    found = judge(region.low, region.high, chosen.margin, assumption=region.assumption)
    if found is Verdict.NEGLIGIBLE and not beyond.tipping_of(frame, metric, chosen, model).agrees:
        return Verdict.NOT_ANSWERABLE
    return found


def _judged(
    survey: Survey,
    frame: Frame,
    metric: Metric,
    chosen: Settings,
    shared: dict[str, Any],
    *,
    repeated: bool,
) -> Numbers:
    design = {"repeated": repeated, "design_effect": shared["design_effect"]}
    step("weights and range")
    decided, found, made, missing = decide(frame, metric, chosen, **design)
    step("other designs")
    found |= designs.stronger_designs(survey, frame, metric, chosen, missing, **design)
    if frame.by:
        found |= evidence.who_answers(frame, metric, chosen, missing, repeated=repeated)
    if made is not None:
        step("other weightings")
        found |= evidence.weighting(survey, made, chosen)
        found["robustness"] = (
            designs.robustness(made, shared["published"], chosen) if found["choices"] else None
        )
    if found.get("follow_up") is not None:
        decided = followed_up(found["follow_up"], chosen.margin)
    return Numbers(
        verdict=decided,
        reasons=_reasons(
            frame,
            found.get("region"),
            found.get("unseen"),
            found.get("tipping"),
            missing,
            decided,
            chosen.margin,
        ),
        missing=missing,
        **shared,
        **found,
    )


def _reasons(
    frame: Frame,
    region: Region | None,
    unseen: Unseen | None,
    tipping: Tipping | None,
    missing: dict[str, str],
    decided: Verdict,
    margin: float,
) -> tuple[str, ...]:
    """Why this data cannot say, the first one first; () for any other verdict."""
    if decided is not Verdict.NOT_ANSWERABLE:
        return ()
    if not frame.by:
        return ("nothing is known of everyone invited that could be used",)
    if region is None or unseen is None:
        return (missing.get("beyond", "no range can be given for those who did not answer"),)
    reasons: Sequence[str] = [condition.fails for condition in unseen.conditions if not condition.holds]
    if reasons:
        return tuple(reasons)
    first, last = region.assumption
    if any(first < edge < last for edge in (-margin, margin)):
        return (
            "how far satisfaction itself decides who answers makes the difference, and no answer shows it",
        )
    if tipping is not None and not tipping.agrees:
        return (
            "both ends of the scale may answer more readily than the middle, or less, by enough to matter",
        )
    return ("the range cannot be trusted",)
