"""Does this score tell us anything about the customer's next move, beyond what we knew without asking?

Estimand: the gain in AUC of the rule trained on this many customers, judged on fresh customers, when a metric is added
to what is known of everybody without asking (behaviour, groups, value).

The verdict, stated before any data
-----------------------------------
Each metric's gain has an interval; the intervals of all metrics raced hold together (Bonferroni). A metric's verdict is
*a difference that matters* where its interval lies wholly above the margin, *no difference that matters* where it lies
wholly within ±margin, *too few answers to say* otherwise. The headline asks whether *any* of the metrics adds the
margin or more: *a difference that matters* where one does, *no difference that matters* where none does, *too few
answers to say* otherwise.

*This data cannot say*: there is no outcome, it is the same for everybody, a score gives it away (a leak), fewer than 20
customers who answered had the event or did not have it, or nothing is known without asking, so that there is nothing
to be beyond.

Assumptions: scores were given before the outcome; what is known dates from before the invitation; respondents speak for
themselves unless weighted. Prediction is not cause; calling unhappy customers back hides what would have happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cxstats.findings import Verdict, judge
from cxstats.methods.association import association, score_outcome
from cxstats.methods.cutpoints import Cutpoints, cutpoints
from cxstats.methods.discrimination import discrimination
from cxstats.methods.incremental import FEWEST_EVENTS, Race, nested_test, race, temporal_race
from cxstats.methods.performance import brier_score, calibration_of, decision_curve, gains
from cxstats.methods.ranks import rank_sets
from cxstats.methods.survival import dynamic_auc, survival_curves
from cxstats.parameters import Count, Level, Seed, Share, checked
from cxstats.studies.predictive_validity.numbers import (
    Base,
    Contender,
    Money,
    Numbers,
    Settings,
    Silence,
    Timing,
)
from cxstats.words import count

if TYPE_CHECKING:
    from cxstats.metrics import Metric
    from cxstats.survey import Survey

__all__ = ["MARGIN", "SMALLEST_GROUP", "measure", "overall", "settings"]

MARGIN = 0.02
SMALLEST_GROUP = 10
PARTS = 64
ENOUGH_OF_ALL = 0.5  # share of those who answered anything that must have answered a metric for it to race
WARNING_DAYS = 7
VALUE = "value"


def settings(survey: Survey, **given: Any) -> Settings:
    """Parameters checked in the user's terms.

    Raises
    ------
    ValueError : an outcome, metric, known column or wave that the survey does not have; a number out of range.
    """
    if not survey.outcomes:
        raise ValueError(
            "the survey has no outcomes: declare what customers did later (who left, who bought again) under outcomes: "
            "in survey.yml"
        )
    outcome = given["outcome"] if given["outcome"] is not None else survey.outcomes[0]
    if outcome not in survey.outcomes:
        raise ValueError(
            f"outcome is {outcome!r}, but the survey's outcomes are {', '.join(survey.outcomes)}"
        )
    metrics = _names(given["metrics"]) or tuple(survey.metrics)
    for name in metrics:
        survey.metric(name)
    there = (*survey.groups, *survey.behaviour, *_value(survey))
    known = _names(given["known"])
    if known is None:
        known = _unbanded(survey, there)
    unknown = [name for name in known if name not in there]
    if unknown:
        raise ValueError(
            f"known names {unknown[0]!r}, but known without asking are {', '.join(there) or 'nothing'}"
        )
    wave = given["wave"]
    if wave is not None and wave not in survey.wave_order:
        raise ValueError(
            f"there is no wave {wave!r}; the survey has {', '.join(survey.wave_order) or 'none'}"
        )
    margin = given["margin"]
    if not 0 < margin < 0.5:
        raise ValueError(f"margin must be above 0 and below 0.5, as a gain in AUC, but is {margin}")
    cost, value = float(given["contact_cost"]), given["value_saved"]
    if not cost > 0 or (value is not None and not value > 0):
        raise ValueError("contact_cost and value_saved must be above 0")
    return Settings(
        outcome=outcome,
        metrics=metrics,
        known=tuple(known),
        margin=float(margin),
        level=checked("level", given["level"], Level),
        wave=wave,
        contact_cost=cost,
        value_saved=None if value is None else float(value),
        success=checked("success", given["success"], Share),
        smallest_group=checked("smallest_group", given["smallest_group"], Count),
        seed=checked("seed", given["seed"], Seed),
    )


def _names(given: Sequence[str] | str | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    if isinstance(given, str):
        given = [name.strip() for name in given.split(",") if name.strip()]
    return tuple(given)


def _value(survey: Survey) -> tuple[str, ...]:
    return (VALUE,) if survey.description.value is not None else ()


def _unbanded(survey: Survey, there: Sequence[str]) -> tuple[str, ...]:
    """Everything known, but no group that is a band of a number that is there itself."""
    if not survey.behaviour:
        return tuple(there)
    numbers = survey.rows([*survey.behaviour, *survey.groups])
    banded = []
    for group in survey.groups:
        label = numbers[group]
        for name in survey.behaviour:
            value = numbers[name].astype(float)
            spread = value.groupby(label, observed=True).agg(["min", "max"]).sort_values("min")
            if len(spread) > 1 and (spread["min"].to_numpy()[1:] > spread["max"].to_numpy()[:-1]).all():
                banded.append(group)
                break
    return tuple(name for name in there if name not in banded)


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    """The headline's verdict from those of the metrics.

    >>> overall([Verdict.NEGLIGIBLE, Verdict.MATERIAL]).words
    'A difference that matters'
    """
    if Verdict.MATERIAL in verdicts:
        return Verdict.MATERIAL
    if verdicts and all(v is Verdict.NEGLIGIBLE for v in verdicts):
        return Verdict.NEGLIGIBLE
    return Verdict.INCONCLUSIVE if verdicts else Verdict.NOT_ANSWERABLE


def measure(survey: Survey, chosen: Settings) -> Numbers:
    """Everything the report shows.

    Parameters
    ----------
    survey : an open survey. chosen : checked parameters (:func:`settings`).
    """
    rows = _rows(survey, chosen)
    base = _base(survey, rows, chosen)
    shared: dict[str, Any] = {
        "settings": chosen,
        "outcome_label": survey.group_labels[chosen.outcome],
        "window_days": survey.description.outcomes[chosen.outcome].window_days,
        "base": base,
        "repeated": survey.repeats,
        "known_labels": _known_labels(survey, chosen),
    }
    racing, left_out = _racing(survey, rows, chosen)
    answered = rows[rows["answered"] & rows[chosen.outcome].notna()]
    why = _cannot(chosen, base, racing, left_out)
    if why:
        return _nothing(shared, left_out, why)
    common = {
        "scores": list(racing), "outcome": chosen.outcome, "known": list(chosen.known), "level": chosen.level,
        "seed": chosen.seed,
    }  # fmt: skip
    try:
        raced = race(answered, **common)
    except ValueError as error:
        return _nothing(shared, left_out, str(error))
    contenders = _contenders(survey, answered, chosen, raced, racing)
    best = max(contenders, key=lambda c: c.gain)
    missing: dict[str, str] = {}
    everything = ["known", *racing, "all"]
    predictions = raced.predictions
    value = _worth(rows, chosen)
    decision, money = _decision(predictions, everything, chosen, value)
    return Numbers(
        **shared,
        verdict=overall([c.verdict for c in contenders]),
        contenders=contenders,
        race=raced,
        ranks=rank_sets(
            raced.gains.loc[list(racing), "gain"].to_numpy(),
            covariance=raced.covariance,
            names=[survey.metric(m).short for m in racing],
            level=chosen.level,
            seed=chosen.seed,
        )
        if len(racing) > 1
        else None,
        weighted=_weighted(survey, answered, chosen, common, missing),
        later=_later(survey, rows, chosen, common, missing),
        silence=_silence(survey, rows, chosen, missing),
        calibration=calibration_of(predictions["all"], predictions["event"]),
        brier=brier_score(predictions["all"], predictions["event"]),
        lift={name: gains(predictions[name], predictions["event"]).lift(0.1) for name in everything},
        decision=decision,
        money=money,
        timing=_timing(survey, rows, chosen, best.metric, best.association.direction, missing),
        n_for_margin=_n_for_margin(raced, racing, chosen.margin),
        left_out_metrics=left_out,
        missing=missing,
    )


def _nothing(shared: dict[str, Any], left_out: dict[str, str], why: str) -> Numbers:
    return Numbers(
        **shared, verdict=Verdict.NOT_ANSWERABLE, contenders=(), race=None, ranks=None, weighted=None, later=None,
        silence=None, calibration=None, brier=None, lift={}, decision=None, money=None, timing=None,
        n_for_margin=None, left_out_metrics=left_out, missing={"all": why},
    )  # fmt: skip


def _rows(survey: Survey, chosen: Settings) -> pd.DataFrame:
    """Customers asked, with scores, outcome, what is known, and the part each belongs to."""
    columns = [*chosen.metrics, chosen.outcome, *chosen.known]
    dated = (f"{chosen.outcome}_days", f"{chosen.outcome}_observed_days")
    columns += [name for name in ("part", *dated) if name in survey.columns]
    columns += [survey.wave] if survey.wave else []
    columns += ["responded"] if "responded" in survey.columns else []
    columns += ["recovery"] if survey.has_recovery else []
    columns += [VALUE] if _value(survey) and VALUE not in columns else []
    columns += [g for g in survey.groups if g not in columns]
    columns += ["customer"] if "part" in columns else []
    rows = survey.rows(list(dict.fromkeys(columns)))
    if chosen.wave is not None:
        rows = rows[(rows[survey.wave] == chosen.wave).fillna(False)].reset_index(drop=True)
    if survey.wave:  # from old to new, so that a customer's last row is the latest answer
        place = pd.Index(survey.wave_order).get_indexer(pd.Index(rows[survey.wave].astype("string")))
        rows = rows.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)
    if "part" not in rows.columns:
        # without an id every row is another customer
        rows["part"] = np.random.default_rng(chosen.seed).permutation(len(rows)) % PARTS
    return rows.assign(answered=rows[list(chosen.metrics)].notna().any(axis=1))


def _base(survey: Survey, rows: pd.DataFrame, chosen: Settings) -> Base:
    known = rows[chosen.outcome].notna()
    happened = rows[chosen.outcome].fillna(False).astype(bool)
    both = known & rows["answered"]
    days = f"{chosen.outcome}_days"
    called = None
    if survey.has_recovery and rows["answered"].any():
        called = float(rows.loc[rows["answered"], "recovery"].fillna(False).astype(bool).mean())
    return Base(
        invited=len(rows) if survey.n_invited is not None else None,
        answered=int(rows["answered"].sum()),
        known=int(known.sum()),
        unknown=int((~known).sum()),
        events=int((happened & known).sum()),
        respondents=int(both.sum()),
        respondent_events=int((happened & both).sum()),
        called_back=called,
        before=int((rows[days] < 0).sum()) if days in rows.columns else 0,
    )


def _racing(survey: Survey, rows: pd.DataFrame, chosen: Settings) -> tuple[tuple[str, ...], dict[str, str]]:
    """Metrics that most of those who answered did answer, and why the others do not race."""
    answered = rows[rows["answered"]]
    left_out, racing = {}, []
    for name in chosen.metrics:
        share = float(answered[name].notna().mean()) if len(answered) else 0.0
        if share < ENOUGH_OF_ALL and len(chosen.metrics) > 1:
            left_out[name] = (
                f"{survey.metric(name).short} was answered by {share:.0%} of those who answered anything: racing on "
                "the same customers would leave the others with those alone"
            )
        elif answered[name].dropna().nunique() < 2:
            left_out[name] = f"all answers to {survey.metric(name).short} are the same"
        else:
            racing.append(name)
    return tuple(racing), left_out


def _cannot(chosen: Settings, base: Base, racing: tuple[str, ...], left_out: dict[str, str]) -> str:
    if not racing:
        return "; ".join(left_out.values()) or "nobody answered"
    fewer = min(base.respondent_events, base.respondents - base.respondent_events)
    if base.known == 0:
        return "the outcome is not known for anybody: no window has ended yet, or the column is empty"
    if base.events in (0, base.known):
        who = "nobody" if base.events == 0 else "everybody"
        return f"{who} of {count(base.known)} customers had the event: there is nothing to predict"
    if fewer < FEWEST_EVENTS:
        which = "had the event" if base.respondent_events == fewer else "did not have the event"
        return (
            f"{count(fewer)} of the {count(base.respondents)} customers who answered {which}; at least {FEWEST_EVENTS} "
            "are needed to train and judge a rule"
        )
    if not chosen.known:
        return "nothing is known of these customers without asking them, so there is nothing for a score to add to"
    return ""


def _known_labels(survey: Survey, chosen: Settings) -> dict[str, str]:
    labels = dict(survey.group_labels)
    for name in survey.behaviour:
        labels[name] = survey.description.behaviour[name].label or name.replace("_", " ").capitalize()
    labels[VALUE] = "Value"
    return {name: labels.get(name, name) for name in chosen.known}


def _contenders(
    survey: Survey, answered: pd.DataFrame, chosen: Settings, raced: Race, racing: tuple[str, ...]
) -> tuple[Contender, ...]:
    from scipy import stats

    t = float(stats.t.ppf(1 - (1 - chosen.level) / (2 * len(racing)), PARTS - 1))
    single = _one_each(answered)
    same = single.dropna(subset=list(racing))
    tally = (
        same.groupby([*racing, chosen.outcome], observed=True, as_index=False)
        .size()
        .rename(columns={"size": "n"})
    )
    direct = discrimination(tally, scores=list(racing), outcome=chosen.outcome, level=chosen.level)
    order = np.argsort(-raced.gains.loc[list(racing), "gain"].to_numpy(), kind="stable")
    ranked = rank_sets(
        raced.gains.loc[list(racing), "gain"].to_numpy(), covariance=raced.covariance, names=list(racing),
        level=chosen.level, seed=chosen.seed,
    ) if len(racing) > 1 else None  # fmt: skip
    made = []
    for i, name in enumerate(racing):
        metric, row = survey.metric(name), raced.gains.loc[name]
        low, high = row["gain"] - t * row["standard_error"], row["gain"] + t * row["standard_error"]
        cells = single.groupby([name, chosen.outcome], observed=True, as_index=False).size()
        cells = cells.rename(columns={"size": "n"})
        auc = direct.auc.loc[name, ["auc", "low", "high"]].to_numpy(dtype=float)
        found = association(cells, metric, score=name, outcome=chosen.outcome, level=chosen.level)
        if found.direction < 0:  # the event goes with low answers: pairs are read the other way round
            auc = 1 - auc[[0, 2, 1]]
        made.append(
            Contender(
                metric=metric,
                gain=float(row["gain"]),
                low=float(low),
                high=float(high),
                verdict=judge(low, high, chosen.margin),
                auc=(float(auc[0]), float(auc[1]), float(auc[2])),
                first=float(raced.first[i]),
                places=(int(ranked.lower[i]), int(ranked.upper[i])) if ranked else (1, 1),
                association=association(
                    cells, metric, score=name, outcome=chosen.outcome, level=chosen.level
                ),
                cuts=_cuts(cells, metric, name, chosen),
                nested=nested_test(
                    answered, score=name, outcome=chosen.outcome, known=chosen.known, repeats=survey.repeats
                ),
                answered=float(answered[name].notna().mean()),
            )
        )
    return tuple(made[i] for i in order)


def _one_each(rows: pd.DataFrame) -> pd.DataFrame:
    """One answer per customer, the latest: what counts by score cannot carry is who stands twice in them."""
    if "customer" not in rows.columns:
        return rows
    return rows.drop_duplicates("customer", keep="last")


def _cuts(cells: pd.DataFrame, metric: Metric, name: str, chosen: Settings) -> Cutpoints | None:
    try:
        counts = score_outcome(cells, metric, score=name, outcome=chosen.outcome)
        return cutpoints(counts, metric, replicates=500, level=chosen.level, seed=chosen.seed)
    except ValueError:
        return None


def _worth(rows: pd.DataFrame, chosen: Settings) -> tuple[float, bool]:
    """Value of one customer kept, and whether it was measured."""
    if chosen.value_saved is not None:
        return chosen.value_saved, False
    if VALUE in rows.columns and rows[VALUE].notna().any():
        return float(rows[VALUE].astype(float).mean()), True
    return float("nan"), False


def _decision(predictions: pd.DataFrame, rules: list[str], chosen: Settings, worth: tuple[float, bool]):
    rate = predictions["event"].mean()
    thresholds = np.linspace(0.01, min(0.95, max(4 * rate, 0.1)), 60)
    curve = decision_curve(predictions[rules], predictions["event"], thresholds=thresholds)
    value, measured = worth
    threshold = (
        chosen.contact_cost / (chosen.success * value)
        if np.isfinite(value) and chosen.success > 0
        else np.nan
    )
    if not 0 < threshold < 1:
        return curve, None
    at = decision_curve(predictions[rules], predictions["event"], thresholds=[threshold]).table.iloc[0]
    # net benefit counts events reached, less contacts in vain at the exchange rate of the threshold
    worth_of_event = chosen.success * value - chosen.contact_cost
    profit = {name: float(1000 * at[name] * worth_of_event) for name in [*rules, "everybody"]}
    return curve, Money(float(threshold), value, measured, profit)


def _weighted(survey, answered, chosen, common, missing) -> Race | None:
    """The race with weights that make those who answered stand for everyone invited."""
    if survey.n_invited is None or not survey.groups:
        missing["weighted"] = "Who did not answer is unknown, so the race is of those who answered."
        return None
    from cxstats.methods.calibration import calibrate
    from cxstats.methods.calibration_margins import margins_of

    groups = list(survey.groups)
    cells = survey.cells([*groups, "responded", *([survey.wave] if survey.wave else [])])
    if chosen.wave is not None:
        cells = cells[(cells[survey.wave] == chosen.wave).fillna(False)]
    cells = cells.groupby([*groups, "responded"], observed=True, dropna=False, as_index=False)["n"].sum()
    try:
        weights = calibrate(cells, margins_of(cells, groups)).weights
    except ValueError as error:
        missing["weighted"] = f"Weights for everyone invited could not be made: {error}."
        return None
    table = cells.assign(_w=weights)[cells["responded"].astype(bool)][[*groups, "_w"]]
    merged = answered.merge(table, on=groups, how="left").fillna({"_w": 0.0})
    try:
        return race(merged, weight="_w", **(common | {"resamples": 20, "optimism": False}))
    except ValueError as error:
        missing["weighted"] = f"{error}."
        return None


def _later(survey, rows, chosen, common, missing) -> Race | None:
    if not survey.wave or len(survey.wave_order) < 2 or chosen.wave is not None:
        missing["robust"] = (
            "There is one wave: rules cannot be trained on an earlier one and judged on a later."
        )
        return None
    answered = rows[rows["answered"] & rows[chosen.outcome].notna()]
    try:
        return temporal_race(
            answered, wave=survey.wave, order=survey.wave_order, **(common | {"resamples": 20})
        )
    except ValueError as error:
        missing["robust"] = f"Training on early waves and judging on the last: {error}."
        return None


def _silence(survey, rows, chosen, missing) -> Silence | None:
    """Whether not answering tells who has the event, beside and beyond what was known."""
    if survey.n_invited is None or rows["answered"].all():
        missing["silence"] = "Who did not answer is not in the data."
        return None
    known = _one_each(rows[rows[chosen.outcome].notna()])
    happened = known[chosen.outcome].astype(bool)
    from statsmodels.stats.proportion import confint_proportions_2indep

    quiet = ~known["answered"]
    a, b = int(happened[quiet].sum()), int(quiet.sum())
    c, d = int(happened[~quiet].sum()), int((~quiet).sum())
    if min(b, d) < chosen.smallest_group:
        missing["silence"] = "Too few customers answered, or too few did not."
        return None
    low, high = confint_proportions_2indep(
        a, b, c, d, compare="diff", method="newcomb", alpha=1 - chosen.level
    )
    try:
        row = race(
            rows.assign(silent=~rows["answered"]), scores=["silent"], outcome=chosen.outcome, known=chosen.known,
            level=chosen.level, resamples=1, seed=chosen.seed, optimism=False,
        ).gains.loc["silent"]  # fmt: skip
    except ValueError as error:
        missing["silence"] = f"{error}."
        return None
    return Silence(
        answered_rate=c / d,
        silent_rate=a / b,
        difference=(100 * (a / b - c / d), 100 * float(low), 100 * float(high)),
        gain=(float(row["gain"]), float(row["low"]), float(row["high"])),
        n=b + d,
    )


def _timing(survey, rows, chosen, metric: Metric, direction: int, missing) -> Timing | None:
    days, until = f"{chosen.outcome}_days", f"{chosen.outcome}_observed_days"
    if until not in rows.columns:
        missing["time"] = "When the event happened, or until when customers were watched, is not in the data."
        return None
    # who had the event before being asked, or of whom nothing is known, has no time under observation
    answered = _one_each(rows[rows[metric.key].notna() & rows[until].notna()])
    window = survey.description.outcomes[chosen.outcome].window_days
    when, watched = answered[days].astype(float), answered[until].astype(float)
    end = np.minimum(watched, window) if window is not None else watched
    event = (when.notna() & (when <= end)).to_numpy(dtype=bool)
    frame = pd.DataFrame(
        {
            "day": np.where(event, when, end),
            "event": event,
            "score": answered[metric.key].astype(float),
            "group": _bands(metric, answered[metric.key]),
            "part": answered["part"].astype(int),
        }
    )
    try:
        curves = survival_curves(frame, day="day", event="event", group="group", level=chosen.level)
        horizon = int(frame["day"].max())
        leads = np.unique(np.linspace(0, 0.8 * horizon, 9).astype(int))
        sign = -float(direction)  # high where the event is less likely, as the curve wants it
        warning = dynamic_auc(
            frame.assign(score=sign * frame["score"]), day="day", event="event", score="score", days=leads,
            level=chosen.level,
        )  # fmt: skip
    except ValueError as error:
        missing["time"] = f"{error}."
        return None
    # where fewer than so many leave after a day, nothing is shown of it
    return Timing(metric, curves, warning[warning["warning_cases"] >= FEWEST_EVENTS], ())


def _bands(metric: Metric, answers: pd.Series) -> np.ndarray:
    """Names of the groups of answers: official ones, or for a mean the two lowest, the two highest, and between."""
    values = np.asarray(metric.values, dtype=float)
    size = len(values)
    if len(np.unique(values)) <= 3:
        groups = np.unique(values, return_inverse=True)[1]
    else:
        groups = np.where(np.arange(size) < 2, 0, np.where(np.arange(size) >= size - 2, 2, 1))
    low = metric.scale.low
    names = []
    for g in range(groups.max() + 1):
        span = np.flatnonzero(groups == g) + low
        names.append(f"{span[0]} to {span[-1]}" if len(span) > 1 else str(span[0]))
    return np.array(names, dtype=object)[groups[answers.to_numpy(dtype=int) - low]]


def _n_for_margin(raced: Race, racing: tuple[str, ...], margin: float) -> int:
    """Customers with which no gain is told from the margin in 80 of 100 surveys; the error shrinks as 1/√n."""
    from scipy import stats

    error = float(raced.gains.loc[list(racing), "standard_error"].max())
    tail = stats.norm.ppf(1 - (1 - raced.level) / (2 * len(racing))) + stats.norm.ppf(0.8)
    return int(np.ceil(raced.n * (tail * error / margin) ** 2))
