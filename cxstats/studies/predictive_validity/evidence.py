"""What stands beside the race: judged otherwise, silence, time, money, and how steady the scores are."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cxstats.methods.association import answer_groups
from cxstats.methods.incremental import FEWEST_EVENTS, Race, race, temporal_race
from cxstats.methods.performance import DecisionCurve, Ranking, decision_curve, ranking
from cxstats.methods.predictors import predictor_block
from cxstats.methods.reliability import disattenuated_auc, retest_reliability
from cxstats.methods.survival import (
    CoxFit,
    IncidenceCurves,
    complementary_log_log,
    cox,
    cumulative_incidence,
    date_grain,
    dynamic_auc,
    survival_curves,
    whole_periods,
)
from cxstats.progress import step
from cxstats.studies.predictive_validity.numbers import (
    Contender,
    Grouped,
    Lead,
    Money,
    Settings,
    Silence,
    Steadiness,
    Timing,
    Triple,
    Waited,
)
from cxstats.words import plural

if TYPE_CHECKING:
    from cxstats.metrics import Metric
    from cxstats.survey import Survey

__all__ = [
    "VALUE",
    "WHEN_ASKED",
    "advantage",
    "curve",
    "later",
    "lead",
    "lists",
    "money",
    "one_each",
    "silence",
    "steadiness",
    "timing",
    "undeclared",
    "unwanted",
    "waited",
    "wanted",
    "weighted",
    "worth",
]

VALUE = "value"
WHEN_ASKED = "_when_asked"
LEADS = 7  # lead times of the early-warning curve
MOST_COX_EVENTS = 5_000  # with more, Cox regression is of a random share of the customers
OTHER_CAUSES = "All other causes"
NO_CAUSE = "Cause not stated"


def one_each(rows: pd.DataFrame, having: Sequence[str] = ()) -> pd.DataFrame:
    """One row per customer, the first that has all of ``having``: counts by score cannot carry who stands twice in them.

    Never the latest: who left cannot answer again, so that of those who left the event would always be counted, and of
    those who stayed the answers before their last would not. The first row is chosen before anything has happened.
    """
    if having:
        rows = rows.dropna(subset=list(having))
    if "customer" not in rows.columns:
        return rows
    return rows.drop_duplicates("customer", keep="first")


# ------------------------------------------------------------------------------------- judged otherwise


def weighted(
    survey: Survey,
    answered: pd.DataFrame,
    chosen: Settings,
    common: dict[str, Any],
    missing: dict[str, str],
) -> Race | None:
    """The race with weights that make those who answered stand for everyone invited."""
    step("weights")
    if _nobody_asked(survey, chosen):
        missing["weighted"] = "Nobody was asked, so that there is nobody who did not answer."
        return None
    if survey.n_invited is None or not survey.groups:
        missing["weighted"] = "Who did not answer is unknown, so the race is of those who answered."
        return None
    if answered.shape[0] and not survey.cells(["responded"]).set_index("responded")["n"].get(False, 0):
        missing["weighted"] = "Everybody listed as invited answered: there is nobody to weight to."
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
        return race(merged, weight="_w", **(common | _plainly()))
    except ValueError as error:
        missing["weighted"] = f"{error}."
        return None


def later(
    survey: Survey, rows: pd.DataFrame, chosen: Settings, common: dict[str, Any], missing: dict[str, str]
) -> Race | None:
    """The race with rules trained on the earlier waves and judged on the last."""
    step("later wave")
    if not survey.wave or len(survey.wave_order) < 2 or chosen.wave is not None:
        missing["later"] = (
            "There is one wave: rules cannot be trained on an earlier one and judged on a later."
        )
        return None
    answered = rows[rows["answered"] & rows[chosen.outcome].notna()]
    plainly = {name: value for name, value in _plainly().items() if name != "optimism"}
    # a wave that no rule was trained on: what the earlier days told goes no further
    plainly["known"] = [name for name in common["known"] if name != WHEN_ASKED]
    try:
        return temporal_race(answered, wave=survey.wave, order=survey.wave_order, **(common | plainly))
    except ValueError as error:
        missing["later"] = f"Training on early waves and judging on the last: {error}."
        return None


def _nobody_asked(survey: Survey, chosen: Settings) -> bool:
    return not any(survey.was_asked(name) for name in chosen.metrics)


def _plainly() -> dict[str, Any]:
    """A race for the gains alone."""
    return {"resamples": 1, "optimism": False, "contributions": False}


# ---------------------------------------------------------------------------------------------- silence


def silence(survey: Survey, rows: pd.DataFrame, chosen: Settings, missing: dict[str, str]) -> Silence | None:
    """Whether not answering tells who has the event, beside and beyond what was known."""
    step("silence")
    if _nobody_asked(survey, chosen):
        missing["silence"] = "Nobody was asked: there is no silence."
        return None
    if survey.n_invited is None or rows["answered"].all():
        missing["silence"] = (
            "Who was invited and did not answer is not in the data."
            if survey.n_invited is None
            else "Everybody listed as invited answered: there is no silence."
        )
        return None
    since = landmark(rows, chosen.outcome)
    if since is None:
        missing["silence"] = (
            "Whether silence foretells it cannot be said: who had the event before they answered may have been silent for "
            "that, and the data has no days of both answers and events to tell them apart."
        )
        return None
    # who left in the meantime could not answer any more: silence would be what leaving brought, not its sign
    gone = (rows[f"{chosen.outcome}_days"] <= since).fillna(False).astype(bool)
    late = (rows["days_to_answer"] > since).fillna(False).astype(bool)
    rows = rows.assign(silent=~rows["answered"] | late)[~gone]
    known = one_each(rows, [chosen.outcome])
    happened = known[chosen.outcome].astype(bool)
    from statsmodels.stats.proportion import confint_proportions_2indep

    quiet = known["silent"]
    a, b = int(happened[quiet].sum()), int(quiet.sum())
    c, d = int(happened[~quiet].sum()), int((~quiet).sum())
    if min(b, d) < chosen.smallest_group:
        who = "did not answer" if b <= d else "answered"
        missing["silence"] = (
            f"Of those whose outcome is known {plural(min(b, d), 'customer')} {who}: too few to compare."
        )
        return None
    low, high = confint_proportions_2indep(
        a, b, c, d, compare="diff", method="newcomb", alpha=1 - chosen.level
    )
    try:
        row = race(
            rows, scores=["silent"], outcome=chosen.outcome,
            known=chosen.known, level=chosen.level, seed=chosen.seed, **_plainly(),
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
        since=since,
    )


def landmark(rows: pd.DataFrame, outcome: str) -> int | None:
    """Days from the invitation by which 19 of 20 answers had come; None where answers or events have no day.

    From there on it is settled who stays silent (landmark analysis, Anderson, Cain & Gelber 1983).
    """
    if not {"days_to_answer", f"{outcome}_days"} <= set(rows.columns):
        return None
    taken = rows.loc[rows["answered"], "days_to_answer"].dropna()
    return int(np.ceil(taken.astype(float).quantile(0.95))) if len(taken) else None


# ------------------------------------------------------------------------------------------------- time


def timing(
    survey: Survey, rows: pd.DataFrame, chosen: Settings, best: Contender, missing: dict[str, str]
) -> Timing | None:
    """When the event happens, for the metric that adds most."""
    step("time")
    metric = best.metric
    days, until = f"{chosen.outcome}_days", f"{chosen.outcome}_observed_days"
    if until not in rows.columns:
        missing["time"] = (
            "When the event happened is not in the data."
            if days not in rows.columns
            else "Until when customers were watched is not in the data."
        )
        return None
    # who had the event before being asked, or of whom nothing is known, has no time under observation
    answered = one_each(rows, [metric.key, until])
    when, watched = answered[days].astype(float), answered[until].astype(float)
    end = np.minimum(watched, chosen.window_days) if chosen.window_days is not None else watched
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
    size = frame["group"].value_counts()
    small = tuple(str(g) for g in size.index[(size < chosen.smallest_group).to_numpy()])
    since = _since_answer(frame, answered, when, watched, chosen)
    shown = since[~since["group"].isin(small)]
    try:
        curves = survival_curves(shown, day="day", event="event", group="group", level=chosen.level)
        horizon = int(frame["day"].max())
        leads = np.unique(np.linspace(0, 0.8 * horizon, LEADS).astype(int))
        sign = -float(
            best.association.direction
        )  # high where the event is less likely, as the curve wants it
        # early leavers of whom the data has not seen the rest would stand beside nobody who was watched as long
        fully = _watched_to(answered, horizon)
        warning = dynamic_auc(
            frame.assign(score=sign * frame["score"])[fully], day="day", event="event", score="score", days=leads,
            level=chosen.level,
        )  # fmt: skip
    except ValueError as error:
        missing["time"] = f"{error}."
        return None
    cause = f"{chosen.outcome}_cause"
    causes, merged = (
        _incidence(shown, answered.loc[shown.index, cause], chosen)
        if cause in answered.columns
        else (None, ())
    )
    grouped = _grouped(survey, answered, frame, chosen)
    some = _some(frame, chosen.seed)
    watched, facts = since[some], answered[some]
    return Timing(
        metric=metric,
        curves=curves,
        # where fewer than so many leave after a day, nothing is shown of it
        warning=warning[warning["warning_cases"] >= FEWEST_EVENTS],
        alone=None if grouped else _hazard(watched, facts, (), chosen),
        beside=None if grouped else _hazard(watched, facts, chosen.known, chosen),
        sampled=None if some.all() else int(some.sum()),
        grouped=grouped,
        causes=causes,
        merged_causes=merged,
        hidden=small,
        from_answer="days_to_answer" in answered.columns,
    )


def waited(answered: pd.DataFrame, metric: Metric, chosen: Settings) -> Waited | None:
    """How long customers of the lowest and of the highest answers took to answer; None without a window or without days."""
    if chosen.window_days is None or not {"days_to_answer", f"{chosen.outcome}_days"} <= set(
        answered.columns
    ):
        return None
    single = one_each(answered, [metric.key, chosen.outcome]).dropna(subset=["days_to_answer"])
    groups, _ = answer_groups(metric)
    group = groups[single[metric.key].to_numpy(dtype=int) - metric.scale.low]
    took = single["days_to_answer"].astype(float).groupby(group).agg(["mean", "size"])
    if len(took) < 2 or took["size"].iloc[[0, -1]].min() < chosen.smallest_group:
        return None
    return Waited(float(took["mean"].iloc[0]), float(took["mean"].iloc[-1]))


def _since_answer(
    frame: pd.DataFrame, answered: pd.DataFrame, when: pd.Series, watched: pd.Series, chosen: Settings
) -> pd.DataFrame:
    """The same customers with their days counted from the answer, where it has a day.

    Before it they cannot have had the event, or the answer would not count: days from the invitation would be days without
    danger, and more of them for who answered late. As long a window as all have follows each answer, if the data reaches.
    """
    if "days_to_answer" not in answered.columns:
        return frame
    late = answered["days_to_answer"].astype(float).fillna(0)
    end = (watched - late).clip(lower=0)
    if chosen.window_days is not None:
        end = np.minimum(end, chosen.window_days)
    event = (when.notna() & (when - late <= end)).to_numpy(dtype=bool)
    return frame.assign(day=np.where(event, when - late, end), event=event)


def _watched_to(answered: pd.DataFrame, days: int) -> np.ndarray:
    """Who was asked so early that the data reaches so many days further, whatever happened since."""
    if "observed_days" not in answered.columns:
        return np.ones(len(answered), dtype=bool)
    return (answered["observed_days"] >= days).fillna(False).to_numpy(dtype=bool)


def _grouped(survey: Survey, answered: pd.DataFrame, frame: pd.DataFrame, chosen: Settings) -> Grouped | None:
    """Grouped-time hazard ratio where the days of events are those of a month or week; None where they are true days."""
    if "observed_days" not in answered.columns or survey.data_as_of is None:
        return None
    days = lambda numbers: pd.to_timedelta(np.asarray(numbers, dtype=float), unit="D")  # noqa: E731
    asked = pd.Series(pd.Timestamp(survey.data_as_of) - days(answered["observed_days"]))
    when = asked + days(answered[f"{chosen.outcome}_days"].astype("Float64").to_numpy(na_value=np.nan))
    happened = pd.Series(when).where(frame["event"].to_numpy())
    grain = date_grain(happened)
    if grain is None:
        return None
    # who had the event is no longer watched, but was: until the window closed, or the data ends
    watched = answered["observed_days"].astype(float).to_numpy()
    last = watched if chosen.window_days is None else np.minimum(watched, chosen.window_days)
    period, had, there = whole_periods(asked, happened, asked + days(last), grain)
    table = pd.DataFrame({"period": period, "event": had, "score": frame["score"].to_numpy()})[there]
    try:
        ratio = complementary_log_log(
            table, period="period", event="event", score="score", level=chosen.level
        )
    except ValueError:
        return None
    return Grouped(grain, ratio, len(table), int(table["event"].sum()))


def _some(frame: pd.DataFrame, seed: int) -> np.ndarray:
    """Which customers a Cox regression is fitted to: all, or as large a random share as has about the most events."""
    events = int(frame["event"].sum())
    if events <= MOST_COX_EVENTS:
        return np.ones(len(frame), dtype=bool)
    return np.random.default_rng(seed).random(len(frame)) < MOST_COX_EVENTS / events


def _hazard(
    frame: pd.DataFrame, answered: pd.DataFrame, known: Sequence[str], chosen: Settings
) -> CoxFit | None:
    """Cox regression on the answer, beside what was known as lines and categories."""
    columns = {"score": frame["score"].to_numpy(dtype=float)}
    if known:
        block = predictor_block(answered, list(known), "known", linear=True).columns
        columns |= {f"known_{i}": block[:, i] for i in range(block.shape[1])}
    # ten events for each column, as for every rule
    if int(frame["event"].sum()) < 10 * len(columns):
        return None
    from statsmodels.tools.sm_exceptions import ConvergenceWarning, HessianInversionWarning

    table = pd.DataFrame(columns, index=frame.index).assign(day=frame["day"], event=frame["event"])
    try:
        with warnings.catch_warnings():
            # a category in which nobody had the event has a ratio of 0, which no step reaches
            warnings.simplefilter("error", ConvergenceWarning)
            warnings.simplefilter("error", HessianInversionWarning)
            return cox(table, day="day", event="event", columns=list(columns), level=chosen.level)
    except (ValueError, np.linalg.LinAlgError, ConvergenceWarning, HessianInversionWarning):
        return None


def _incidence(
    frame: pd.DataFrame, cause: pd.Series, chosen: Settings
) -> tuple[IncidenceCurves | None, tuple[str, ...]]:
    """Incidence of each cause by group of answers; causes of a few customers stand together."""
    named = cause.astype("string").fillna(NO_CAUSE).where(frame["event"].to_numpy(), None)
    size = named.value_counts()
    small = [str(name) for name in size.index[(size < chosen.smallest_group).to_numpy()]]
    table = frame.assign(cause=named.where(~named.isin(small), OTHER_CAUSES))
    if table["cause"].dropna().nunique() < 2:
        return None, ()
    try:
        return cumulative_incidence(
            table, day="day", cause="cause", group="group", level=chosen.level
        ), tuple(small)
    except ValueError:
        return None, ()


def _bands(metric: Metric, answers: pd.Series) -> np.ndarray:
    """Names of the groups that answers belong to."""
    groups, names = answer_groups(metric)
    return np.array(names, dtype=object)[groups[answers.to_numpy(dtype=int) - metric.scale.low]]


# ------------------------------------------------------------------------------------------------ money


def worth(rows: pd.DataFrame, chosen: Settings, kept: bool) -> tuple[float, bool]:
    """Value of one customer kept, and whether it was measured.

    ``kept``: the event is about losing or keeping a customer. What one more purchase brings is not what a customer is worth.
    """
    if chosen.value_saved is not None:
        return chosen.value_saved, False
    if kept and VALUE in rows.columns and rows[VALUE].notna().any():
        return float(rows[VALUE].astype(float).mean()), True
    return float("nan"), False


def wanted(survey: Survey, chosen: Settings, contenders: Sequence[Contender]) -> bool:
    """Whether the event is one to be hoped for: by its kind, or else because it goes with high answers."""
    if not undeclared(survey, chosen):
        return survey.description.outcomes[chosen.outcome].kind_for(chosen.outcome) == "retention"
    return sum(c.association.trend_z * (-1 if c.metric.high_is == "effort" else 1) for c in contenders) > 0


def undeclared(survey: Survey, chosen: Settings) -> bool:
    """Whether neither ``kind:`` nor the name of the outcome says what kind of event it is."""
    return survey.description.outcomes[chosen.outcome].kind_for(chosen.outcome) == "event"


def unwanted(predictions: pd.DataFrame) -> pd.DataFrame:
    """Predictions turned round: of the event's not happening."""
    rules = predictions.columns.drop(["event", "weight", "part", "row"], errors="ignore")
    turned = predictions.assign(event=~predictions["event"].astype(bool))
    turned[rules] = 1 - predictions[rules]
    return turned


def lists(
    answered: pd.DataFrame, predictions: pd.DataFrame, rules: Sequence[str], chosen: Settings
) -> dict[str, Ranking]:
    """How good a list in the order of each rule is, also by what customers are worth where that is recorded.

    Parameters
    ----------
    answered : rows that were given to the race. predictions : of the race.
    """
    value = None
    if VALUE in answered.columns:
        value = answered[VALUE].astype(float).to_numpy(na_value=np.nan)[predictions["row"].to_numpy()]
        value = None if np.any(value < 0) else value  # who costs more than they bring has no lift
    return {
        name: ranking(
            predictions[name], predictions["event"], part=predictions["part"], value=value, level=chosen.level
        )
        for name in rules
    }


def curve(predictions: pd.DataFrame, rules: Sequence[str], at: float) -> DecisionCurve:
    """Net benefit of contacting by each rule at thresholds around the event's rate and ``at``."""
    rules = [name for name in rules if name in predictions.columns]
    rate = predictions["event"].mean()
    least, most = min(0.01, rate / 4, at / 2), min(0.95, max(4 * rate, 1.5 * at))
    thresholds = np.union1d(np.linspace(least, most if at < most else (1 + at) / 2, 60), [at])
    return decision_curve(predictions[rules], predictions["event"], thresholds=thresholds)


def lead(predictions: pd.DataFrame, rule: str, found: DecisionCurve, at: float, level: float) -> Lead | None:
    """Lead of a rule over what was known along its curve, and at one threshold."""
    if "known" not in predictions.columns or not 0 < at < 1:
        return None
    thresholds = found.table["threshold"].to_numpy()
    along = [advantage(predictions, rule, "known", t, level) for t in thresholds]
    table = pd.DataFrame(along, columns=["value", "low", "high"]).assign(threshold=thresholds)
    own = decision_curve(predictions[[rule]], predictions["event"], thresholds=[at]).table[rule].iloc[0]
    contacted = tuple(float((predictions[name] >= at).mean()) for name in (rule, "known"))
    return Lead(table, float(at), advantage(predictions, rule, "known", at, level), float(own), contacted)


def money(predictions: pd.DataFrame, chosen: Settings, value: tuple[float, bool]) -> Money | None:
    """The profit at the user's costs; None where contacting never pays, or always."""
    saved, measured = value
    at = chosen.contact_cost / (chosen.success * saved) if saved > 0 and chosen.success > 0 else np.nan
    if not 0 < at < 1:
        return None
    rules = predictions.columns.drop(["event", "weight", "part", "row"])
    benefit = decision_curve(predictions[rules], predictions["event"], thresholds=[at]).table.iloc[0]
    # net benefit counts events reached, less contacts in vain at the exchange rate of the threshold
    worth_of_event = 1000 * (chosen.success * saved - chosen.contact_cost)
    more = {
        name: tuple(worth_of_event * v for v in advantage(predictions, name, "known", at, chosen.level))
        for name in rules
        if name != "known" and "known" in rules
    }
    profit = {name: float(worth_of_event * benefit[name]) for name in [*rules, "everybody"]}
    return Money(float(at), saved, measured, profit, more)


def advantage(predictions: pd.DataFrame, rule: str, other: str, threshold: float, level: float) -> Triple:
    """Net benefit of one rule above that of another per customer, with its limits: a jackknife of the judging.

    The rules stay as they were trained. At the threshold a contact is worth nothing, so whom a rule trained on other
    customers would add or drop there changes the benefit at second order only; repeating the training counts that noise
    once more for every customer whose chance crosses the threshold, and makes the limits about twice as wide as they
    should be (``docs/methods/prediction.md``).
    """
    from scipy import stats

    odds = threshold / (1 - threshold)
    event, part = predictions["event"].to_numpy(dtype=float), pd.factorize(predictions["part"])[0]
    won = (event - (1 - event) * odds) * (
        (predictions[rule] >= threshold).to_numpy(dtype=float)
        - (predictions[other] >= threshold).to_numpy(dtype=float)
    )
    total, size = np.bincount(part, weights=won), np.bincount(part)
    without = (total.sum() - total) / (size.sum() - size)
    k = len(total)
    error = np.sqrt((k - 1) / k * ((without - without.mean()) ** 2).sum())
    half, value = float(stats.t.ppf((1 + level) / 2, k - 1) * error), float(won.mean())
    return value, value - half, value + half


# ------------------------------------------------------------------------------------------ steadiness


def steadiness(
    survey: Survey, rows: pd.DataFrame, chosen: Settings, contenders: Sequence[Contender]
) -> tuple[Steadiness, ...]:
    """How steady each score is, from customers who answered in two waves, and its AUC without that noise."""
    step("steadiness")
    if not survey.wave or not survey.repeats or "customer" not in rows.columns or chosen.wave is not None:
        return ()
    made = []
    for contender in contenders:
        name = contender.metric.key
        try:
            found = retest_reliability(
                rows, score=name, customer="customer", wave=survey.wave, waves=survey.wave_order,
                level=chosen.level,
            )  # fmt: skip
            value, low, high = found.icc.consistency
            steady = disattenuated_auc(
                contender.auc,
                base_rate=contender.association.effects.base_rate,
                reliability=(value, max(low, -1.0), min(high, 1.0)),
            )
        except ValueError:
            continue
        made.append(Steadiness(contender.metric, found, contender.auc, steady))
    return tuple(made)
