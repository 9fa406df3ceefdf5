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
customers who answered had the event or did not have it, an event that can happen again is dated before the survey for
many, events are not recorded up to the last answer, or nothing is known without asking, so that there is nothing to be
beyond.

Assumptions: scores were given before the outcome; what is known dates from before the invitation; respondents speak for
themselves unless weighted. Prediction is not cause; calling unhappy customers back hides what would have happened.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cxstats.cells import suppress
from cxstats.findings import Verdict, judge
from cxstats.methods.association import Association, association, score_outcome
from cxstats.methods.cutpoints import Cutpoints, cutpoints
from cxstats.methods.discrimination import AucComparison, discrimination
from cxstats.methods.incremental import NestedTest, Race, nested_test, race
from cxstats.methods.performance import Calibration, brier_score, calibration_of
from cxstats.methods.ranks import RankSets, rank_sets
from cxstats.parameters import Count, Level, Seed, Share, checked
from cxstats.progress import step
from cxstats.studies.predictive_validity import evidence, stops
from cxstats.studies.predictive_validity.evidence import one_each
from cxstats.studies.predictive_validity.numbers import (
    Base,
    Contender,
    GivenAway,
    Numbers,
    Settings,
    Units,
)
from cxstats.studies.predictive_validity.units import measure_units
from cxstats.words import count, join_words, plural

if TYPE_CHECKING:
    from cxstats.metrics import Metric
    from cxstats.survey import Survey

__all__ = ["MARGIN", "SMALLEST_GROUP", "judged", "measure", "overall", "settings"]

MARGIN = 0.02
SMALLEST_GROUP = 10
PARTS = 64
UNITS_NEEDED = "One row per customer, with the answer and what the customer did later."
ENOUGH_OF_ALL = 0.5  # share of those who answered anything that must have answered a metric for it to race
# customers that answers with the event only, or without it only, would hold more of each if they were like others
FEWEST_UNLIKE = 20
SHORTEST_WINDOW = 28
"""Days: if somebody was watched for less, and others longer, the window must be declared."""


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
    there = (
        survey.adjust if survey.units is not None else (*survey.groups, *survey.behaviour, *_value(survey))
    )
    known = _names(given["known"])
    if known is None:
        known = there if survey.units is not None else _unbanded(survey, there)
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
        window_days=_window(survey, outcome, given["window_days"]),
        margin=float(margin),
        level=checked("level", given["level"], Level),
        wave=wave,
        contact_cost=cost,
        value_saved=None if value is None else float(value),
        success=checked("success", given["success"], Share),
        smallest_group=checked("smallest_group", given["smallest_group"], Count),
        seed=checked("seed", given["seed"], Seed),
    )


def _window(survey: Survey, outcome: str, given: int | None) -> int | None:
    """The window asked for, or the declared one."""
    if survey.units is not None:
        return None
    described = survey.description.outcomes[outcome]
    if given is None:
        return described.window_days
    if f"{outcome}_observed_days" not in survey.columns or "observed_days" not in survey.columns:
        raise ValueError(
            f"window_days needs the day of {outcome!r} and the day of the invitation: say on: under outcomes, and "
            "invited:, in survey.yml"
        )
    return int(checked("window_days", given, Count))


def _names(given: Sequence[str] | str | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    if isinstance(given, str):
        given = [name.strip() for name in given.split(",") if name.strip()]
    return tuple(given)


def _value(survey: Survey) -> tuple[str, ...]:
    return (evidence.VALUE,) if survey.description.value is not None else ()


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


def judged(low: float, high: float, margin: float) -> Verdict:
    """The verdict on a gain. One wholly below −margin is no gain: rules that learned from too little got worse by it.

    >>> judged(-0.08, -0.03, 0.02).words, judged(0.03, 0.08, 0.02).words
    ('Too few answers to say', 'A difference that matters')
    """
    return Verdict.INCONCLUSIVE if high < -margin else judge(low, high, margin)


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
    if survey.units is not None:
        return _of_units(survey, chosen)
    step("customers")
    rows = _rows(survey, chosen)
    chosen, watched = _equally_watched(rows, chosen)
    declared = survey.description.outcomes[chosen.outcome].window_days
    if chosen.window_days != declared:
        rows[chosen.outcome] = _within(rows, chosen)
    pooled = bool(survey.wave) and len(survey.wave_order) > 1 and chosen.wave is None
    facts = chosen.known
    rows, chosen = _with_when_asked(survey, rows, chosen, pooled)
    base, everyone = _base(survey, rows, chosen), rows
    rows, base = _before_answer(rows, base, chosen)
    shared: dict[str, Any] = {
        "settings": chosen,
        "asked": tuple(survey.metric(name).short for name in chosen.metrics),
        "unasked": frozenset(name for name in chosen.metrics if not survey.was_asked(name)),
        "outcome_label": _outcome_label(survey, chosen),
        "window_days": chosen.window_days,
        "base": base,
        "repeated": "customer" in rows.columns and bool(rows["customer"].duplicated().any()),
        "pooled": pooled,
        "nameless": pooled and survey.description.customer is None,
        "known_labels": _known_labels(survey, chosen),
    }
    racing, left_out = _racing(survey, rows, chosen)
    answered = rows[rows["answered"] & rows[chosen.outcome].notna()]
    of_facts = replace(chosen, known=facts)
    stop = (
        stops.watched_unequally(watched, chosen)
        or stops.cannot(survey, answered, of_facts, base, racing, left_out)
        or stops.another_time(survey, rows, chosen)
        or stops.not_to_the_end(survey, rows, chosen)
    )
    if stop is not None:
        return _nothing(shared, left_out, stop)
    try:
        leak = _given_away(survey, answered, chosen, racing)
    except ValueError as error:
        return _nothing(shared, left_out, stops.of_first_answers(error, base))
    if leak is not None:
        return _nothing(shared, left_out, stops.Stop(leak.why, stops.LEAK), leak=leak)
    stop = stops.known_gives_away(answered, of_facts, shared["known_labels"])
    if stop is not None:
        return _nothing(shared, left_out, stop)
    common = {
        "scores": list(racing), "outcome": chosen.outcome, "known": list(chosen.known), "level": chosen.level,
        "seed": chosen.seed,
    }  # fmt: skip
    step("race")
    try:
        raced = race(answered, **common)
    except ValueError as error:
        return _nothing(shared, left_out, stops.refused(error, answered, chosen))
    stop = stops.known_is_nothing(raced, facts)
    if stop is not None:
        return _nothing(shared, left_out, stop)
    ranked = _ranked(survey, raced, racing, chosen)
    step("scores against each other")
    try:
        contenders, pairs = _contenders(survey, answered, chosen, raced, racing, ranked)
    except ValueError as error:
        return _nothing(shared, left_out, stops.of_first_answers(error, base))
    best = max(contenders, key=lambda c: c.gain)
    missing: dict[str, str] = {}
    everything = ["known", *racing, "all"]
    together = _together(raced, racing, chosen)
    # judged otherwise, gains have intervals of the same kind: all metrics of the race together
    family = common | {"level": 1 - (1 - chosen.level) / len(racing)}
    predictions = raced.predictions
    wanted = evidence.wanted(survey, chosen, contenders)
    # a contact is for those who are about to be lost: of an event to be hoped for, those in whom it does not happen
    lost = evidence.unwanted(predictions) if wanted else predictions
    inferred = wanted and evidence.undeclared(survey, chosen)
    money = evidence.money(lost, chosen, evidence.worth(rows, chosen, kept=not inferred))
    threshold = float(lost["event"].mean()) if money is None else money.threshold
    curve = evidence.curve(lost, everything, threshold)
    richest = "all" if len(racing) > 1 else racing[0]
    return Numbers(
        **shared,
        verdict=overall([c.verdict for c in contenders]),
        contenders=contenders,
        race=raced,
        ranks=ranked,
        pairs=pairs,
        rules=_rules(raced),
        together=together,
        together_verdict=judged(*together[1:], chosen.margin),
        weighted=evidence.weighted(survey, answered, chosen, family, missing),
        later=evidence.later(survey, rows, chosen, family, missing),
        silence=evidence.silence(survey, everyone, chosen, missing),
        calibration=_calibration(predictions, chosen.level, shared["repeated"]),
        brier=brier_score(predictions["all"], predictions["event"]),
        wanted=wanted,
        inferred=inferred,
        lists=evidence.lists(answered, lost, everything, chosen),
        decision=curve,
        lead=evidence.lead(lost, richest, curve, threshold, chosen.level),
        money=money,
        timing=evidence.timing(survey, rows, chosen, best, missing),
        waited=evidence.waited(answered, best.metric, chosen),
        steadiness=evidence.steadiness(survey, rows, chosen, contenders),
        units=None,
        given_away=None,
        n_for_margin=_n_to_tell(raced, racing, chosen.margin),
        n_for_gap=_n_to_tell(raced, (best.metric.key,), best.gain - chosen.margin, len(racing)),
        left_out_metrics=left_out,
        missing=missing,
    )


def _nothing(
    shared: dict[str, Any],
    left_out: dict[str, str],
    stop: stops.Stop,
    units: Units | None = None,
    leak: GivenAway | None = None,
) -> Numbers:
    empty = dict.fromkeys(
        ("race", "ranks", "together", "together_verdict", "weighted", "later", "silence", "calibration", "brier",
         "decision", "lead", "money", "timing", "waited", "n_for_margin", "n_for_gap")
    )  # fmt: skip
    return Numbers(
        **shared, **empty, verdict=stop.verdict, wanted=False, inferred=False, contenders=(), pairs=(),
        rules={}, lists={}, steadiness=(),
        units=units, given_away=leak, left_out_metrics=left_out, missing={"all": stop.why, "needed": stop.needed},
    )  # fmt: skip


def _calibration(predictions: pd.DataFrame, level: float, repeated: bool) -> Calibration | None:
    """Of the rule with everything; None where chances are so far out that their log-odds cannot be calibrated."""
    try:
        found = calibration_of(
            predictions["all"],
            predictions["event"],
            level=level,
            part=predictions["part"] if repeated else None,
        )
    except ValueError:
        return None
    return found if np.all(np.isfinite([*found.slope, found.observed_to_expected])) else None


def _of_units(survey: Survey, chosen: Settings) -> Numbers:
    """One row per unit: what goes with what between units, and nothing about customers."""
    noun = survey.description.units.called
    labels = survey.group_labels
    known = {name: labels.get(name, name.replace("_", " ").capitalize()) for name in chosen.known}
    shared: dict[str, Any] = {
        "settings": chosen,
        "asked": tuple(metric.short for metric in survey.metrics.values()),
        "unasked": frozenset(),
        "outcome_label": labels.get(chosen.outcome, chosen.outcome.replace("_", " ").capitalize()),
        "window_days": None,
        "base": Base(None, survey.n_answered(chosen.metrics[0]), 0, 0, 0, 0, 0, None, None, 0),
        "repeated": False,
        "pooled": False,
        "nameless": False,
        "known_labels": known,
    }
    try:
        found = measure_units(survey, chosen)
    except ValueError as error:
        return _nothing(shared, {}, stops.Stop(str(error), UNITS_NEEDED))
    shared["base"] = replace(shared["base"], answered=found.answers)
    why = f"there is one row for each of the {noun}, and none for a customer"
    return _nothing(shared, {}, stops.Stop(why, UNITS_NEEDED), found)


def _outcome_label(survey: Survey, chosen: Settings) -> str:
    """The outcome's name, with the window that was asked for in place of the declared one."""
    label = survey.group_labels[chosen.outcome]
    declared = survey.description.outcomes[chosen.outcome].window_days
    if chosen.window_days in (None, declared):
        return label
    days = plural(chosen.window_days, "day")
    changed = re.sub(r"\d[\d,]* days?", days, label, count=1)
    return changed if changed != label else f"{label} within {days}"


def _rows(survey: Survey, chosen: Settings) -> pd.DataFrame:
    """Customers asked, with scores, outcome, what is known, and the part each belongs to."""
    columns = [*chosen.metrics, chosen.outcome, *chosen.known]
    key = chosen.outcome
    dated = (f"{key}_days", f"{key}_observed_days", f"{key}_cause", "observed_days")
    columns += [name for name in ("part", *dated, "days_to_answer") if name in survey.columns]
    columns += [survey.wave] if survey.wave else []
    columns += ["responded"] if "responded" in survey.columns else []
    columns += ["recovery"] if survey.has_recovery else []
    columns += [evidence.VALUE] if _value(survey) and evidence.VALUE not in columns else []
    columns += [g for g in survey.groups if g not in columns]
    columns += ["customer"] if "part" in columns else []
    rows = survey.rows(list(dict.fromkeys(columns)))
    if chosen.wave is not None:
        rows = rows[(rows[survey.wave] == chosen.wave).fillna(False)].reset_index(drop=True)
    rows = _from_old_to_new(survey, rows)
    if "part" not in rows.columns:
        # without an id every row is another customer
        rows["part"] = np.random.default_rng(chosen.seed).permutation(len(rows)) % PARTS
    return rows.assign(answered=rows[list(chosen.metrics)].notna().any(axis=1))


def _from_old_to_new(survey: Survey, rows: pd.DataFrame) -> pd.DataFrame:
    """So that a customer's first row is the first answer: by wave, and by the day of the invitation where it is known."""
    order = np.arange(len(rows))
    if "observed_days" in rows.columns:
        watched = rows["observed_days"].astype(float).fillna(np.inf).to_numpy()
        order = np.argsort(-watched, kind="stable")
    if survey.wave:
        place = pd.Index(survey.wave_order).get_indexer(pd.Index(rows[survey.wave].astype("string")))
        order = order[np.argsort(place[order], kind="stable")]
    return rows.iloc[order].reset_index(drop=True)


def _equally_watched(rows: pd.DataFrame, chosen: Settings) -> tuple[Settings, tuple[int, int] | None]:
    """The same window for all where none is declared, or how long customers were watched if that is too different.

    Who was asked early had longer to leave: a score that rose or fell since would go with leaving for that alone. The
    window is the longest that everybody was watched for, unless that is so short that nothing could happen.
    """
    key = chosen.outcome
    if chosen.window_days is not None or not {"observed_days", f"{key}_observed_days"} <= set(rows.columns):
        return chosen, None
    days = rows.loc[rows[f"{key}_observed_days"].notna(), "observed_days"].dropna()
    if not len(days) or days.min() == days.max():
        return chosen, None
    shortest, longest = int(days.min()), int(days.max())
    if shortest < SHORTEST_WINDOW:
        return chosen, (shortest, longest)
    return replace(chosen, window_days=shortest, common_window=True), None


def _with_when_asked(
    survey: Survey, rows: pd.DataFrame, chosen: Settings, pooled: bool
) -> tuple[pd.DataFrame, Settings]:
    """Rows with when each customer was asked, which is known of all without asking, where that differs by a month.

    Where answers and events both drift from wave to wave a score tells the wave, and the wave the event: such a score
    would seem to add something, and tells no two customers of a wave apart. By the place of the wave, or the day of the
    invitation where that differs by a month within it: as a number, so that three columns hold however many there are.
    """
    wave = rows[survey.wave].astype("string") if pooled else pd.Series("", index=rows.index)
    if "observed_days" in rows.columns:
        days = rows["observed_days"].astype(float)
        ends = days.groupby(wave).agg(["min", "max"])
        if (ends["max"] - ends["min"]).max() >= SHORTEST_WINDOW:
            return _also_known(survey, rows, chosen, days)
    if not pooled:
        return rows, chosen
    place = pd.Index(survey.wave_order).get_indexer(pd.Index(wave))
    return _also_known(
        survey, rows, chosen, pd.Series(place, index=rows.index, dtype=float).where(place >= 0)
    )


def _also_known(
    survey: Survey, rows: pd.DataFrame, chosen: Settings, when: pd.Series
) -> tuple[pd.DataFrame, Settings]:
    """``when`` customers were asked among what is known of them, in place of the wave itself."""
    known = tuple(name for name in chosen.known if name != survey.wave)
    return rows.assign(**{evidence.WHEN_ASKED: when}), replace(chosen, known=(*known, evidence.WHEN_ASKED))


def _before_answer(rows: pd.DataFrame, base: Base, chosen: Settings) -> tuple[pd.DataFrame, Base]:
    """Rows and base without answers given after the event, which may follow from it, or after the window, when none can."""
    days, watched = f"{chosen.outcome}_days", f"{chosen.outcome}_observed_days"
    if not {days, watched, "days_to_answer"} <= set(rows.columns):
        return rows, base
    over = rows[days] < rows["days_to_answer"]
    if chosen.window_days is not None:
        over = over.fillna(False) | (rows["days_to_answer"] >= chosen.window_days)
    early = (rows["answered"] & over).fillna(False).astype(bool)
    if not early.any():
        return rows, base
    outcome = rows.loc[early, chosen.outcome].dropna()
    base = replace(
        base,
        respondents=base.respondents - len(outcome),
        respondent_events=base.respondent_events - int(outcome.sum()),
        before_answer=int(early.sum()),
    )
    # neither an outcome nor a time for which they were watched
    nothing = {name: rows[name].mask(early, pd.NA) for name in (chosen.outcome, watched)}
    return rows.assign(**nothing), base


def _within(rows: pd.DataFrame, chosen: Settings) -> pd.Series:
    """Whether the event came within another window than the declared one; missing where the window has not ended."""
    days = rows[f"{chosen.outcome}_days"].astype("Float64")
    happened = (days <= chosen.window_days).fillna(False).astype("boolean")
    ended = (rows["observed_days"] >= chosen.window_days).fillna(False)
    return happened.where(ended & rows[f"{chosen.outcome}_observed_days"].notna(), pd.NA)


def _base(survey: Survey, rows: pd.DataFrame, chosen: Settings) -> Base:
    """Whom the numbers speak of: counted in all rows, also where ``rows`` were drawn from them by lot."""
    drawn = survey.n_drawn is not None
    people = _counted(survey, chosen) if drawn else rows.assign(n=1)
    n = people["n"].to_numpy()
    known = people[chosen.outcome].notna().to_numpy()
    happened = people[chosen.outcome].fillna(False).to_numpy(dtype=bool)
    answered = people["answered"].to_numpy(dtype=bool)
    called = None
    if survey.has_recovery and answered.any():
        back = people["recovery"].fillna(False).to_numpy(dtype=bool)
        called = float(n[answered & back].sum() / n[answered].sum())
    return Base(
        invited=int(n.sum()) if survey.n_invited is not None else None,
        answered=int(n[answered].sum()),
        known=int(n[known].sum()),
        unknown=int(n[~known].sum()),
        events=int(n[happened & known].sum()),
        respondents=int(n[known & answered].sum()),
        respondent_events=int(n[happened & known & answered].sum()),
        called_back=called,
        drawn=len(rows) if drawn else None,
        before_answer=0,
    )


def _counted(survey: Survey, chosen: Settings) -> pd.DataFrame:
    """All rows as counts, for files so large that single rows are drawn from them."""
    columns = [*chosen.metrics, chosen.outcome]
    columns += ["recovery"] if survey.has_recovery else []
    columns += [survey.wave] if chosen.wave is not None else []
    cells = survey.cells(columns)
    if chosen.wave is not None:
        cells = cells[(cells[survey.wave] == chosen.wave).fillna(False)]
    return cells.assign(answered=cells[list(chosen.metrics)].notna().any(axis=1))


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


def _known_labels(survey: Survey, chosen: Settings) -> dict[str, str]:
    labels = dict(survey.group_labels)
    for name in survey.behaviour:
        labels[name] = survey.description.behaviour[name].label or name.replace("_", " ").capitalize()
    labels[evidence.VALUE] = "Value"
    labels[evidence.WHEN_ASKED] = "When they were asked"
    return {name: labels.get(name, name) for name in chosen.known}


def _given_away(
    survey: Survey, answered: pd.DataFrame, chosen: Settings, racing: tuple[str, ...]
) -> GivenAway | None:
    """A score that parts most customers into those sure to have the event and those sure not to: no prediction."""
    for name in racing:
        single = one_each(answered, [name, chosen.outcome])
        found = _associated(survey, _tally(single, [name, chosen.outcome]), name, chosen)
        table, rate = found.table, found.effects.base_rate
        n, events = table["n"], table["events"]
        always, never = (events == n) & (n > 0), (events == 0) & (n > 0)
        expected = min(n[always].sum() * (1 - rate), n[never].sum() * rate)
        if expected >= FEWEST_UNLIKE and n[always | never].sum() > n.sum() / 2:
            metric, hidden = survey.metric(name), _hidden(table, chosen.smallest_group)
            shown = ~table["answer"].isin(hidden)  # what a handful of customers did is not told
            if (always & shown).any() and (never & shown).any():
                always, never = always & shown, never & shown
            sure, safe = (
                join_words([count(x) for x in table["answer"][mask]], "or") for mask in (always, never)
            )
            why = (
                f"{metric.short} gives the outcome away: all {count(n[always].sum())} customers who answered {sure} had the "
                f"event, and none of the {count(n[never].sum())} who answered {safe}. Customers are not like that: "
                "it is a leak, a score made from the outcome or asked after it"
            )
            return GivenAway(metric, why, found, hidden, (sure, safe))
    return None


def _associated(survey: Survey, cells: pd.DataFrame, name: str, chosen: Settings) -> Association:
    return association(cells, survey.metric(name), score=name, outcome=chosen.outcome, level=chosen.level)


def _nested(
    survey: Survey, answered: pd.DataFrame, chosen: Settings, raced: Race, name: str
) -> NestedTest | None:
    """Test of all coefficients of a score; without enough events for curves its p-value means nothing."""
    if raced.simplified:
        return None
    return nested_test(
        answered, score=name, outcome=chosen.outcome, known=chosen.known, repeats=survey.repeats
    )


def _ranked(survey: Survey, raced: Race, racing: tuple[str, ...], chosen: Settings) -> RankSets | None:
    if len(racing) < 2:
        return None
    return rank_sets(
        raced.gains.loc[list(racing), "gain"].to_numpy(),
        covariance=raced.covariance,
        names=[survey.metric(name).short for name in racing],
        level=chosen.level,
        seed=chosen.seed,
    )


def _contenders(
    survey: Survey,
    answered: pd.DataFrame,
    chosen: Settings,
    raced: Race,
    racing: tuple[str, ...],
    ranked: RankSets | None,
) -> tuple[tuple[Contender, ...], tuple[AucComparison, ...]]:
    """The metrics from the largest gain to the smallest; and each against each, alone."""
    t = _family_width(raced, racing, chosen)
    cells = {
        name: _tally(one_each(answered, [name, chosen.outcome]), [name, chosen.outcome]) for name in racing
    }
    found = {name: _associated(survey, cells[name], name, chosen) for name in racing}
    direct = discrimination(
        _tally(one_each(answered, [*racing, chosen.outcome]), [*racing, chosen.outcome]),
        scores=list(racing),
        outcome=chosen.outcome,
        # where the event goes with low answers, pairs are read the other way round
        low_predicts=[name for name in racing if found[name].direction < 0],
        level=chosen.level,
    )
    made = []
    for i, name in enumerate(racing):
        metric, row = survey.metric(name), raced.gains.loc[name]
        low, high = row["gain"] - t * row["standard_error"], row["gain"] + t * row["standard_error"]
        made.append(
            Contender(
                metric=metric,
                gain=float(row["gain"]),
                low=float(low),
                high=float(high),
                verdict=judged(low, high, chosen.margin),
                auc=tuple(float(v) for v in direct.auc.loc[name, ["auc", "low", "high"]]),
                first=float(raced.first[i]),
                places=(int(ranked.lower[i]), int(ranked.upper[i])) if ranked else (1, 1),
                association=found[name],
                cuts=_cuts(cells[name], metric, name, chosen),
                nested=_nested(survey, answered, chosen, raced, name),
                answered=float(answered[name].notna().mean()),
                hidden=_hidden(found[name].table, chosen.smallest_group),
            )
        )
    order = np.argsort(-raced.gains.loc[list(racing), "gain"].to_numpy(), kind="stable")
    by_auc = sorted(racing, key=lambda name: -direct.auc.loc[name, "auc"])
    pairs = tuple(direct.compare(a, b) for a, b in combinations(by_auc, 2))
    return tuple(made[i] for i in order), pairs


def _family_width(raced: Race, racing: tuple[str, ...], chosen: Settings) -> float:
    """Standard errors on either side of a gain, so that the intervals of all metrics hold together (Bonferroni)."""
    from scipy import stats

    parts = raced.predictions["part"].nunique()
    return float(stats.t.ppf(1 - (1 - chosen.level) / (2 * len(racing)), parts - 1))


def _together(raced: Race, racing: tuple[str, ...], chosen: Settings) -> tuple[float, float, float]:
    """What all scores add together, as wide as the gain of each beside it."""
    gain, error = raced.gains.loc["all", ["gain", "standard_error"]]
    half = _family_width(raced, racing, chosen) * error
    return float(gain), float(gain - half), float(gain + half)


def _rules(raced: Race) -> dict[str, tuple[float, float, float]]:
    """AUC of the rules of what was known, and of all scores, with their limits."""
    from scipy import stats

    t = float(stats.t.ppf((1 + raced.level) / 2, PARTS - 1))
    everything = raced.gains.loc["all"]
    found = {"known": raced.known_auc, "all": (everything["alone"], everything["alone_error"])}
    return {name: (float(v), float(v - t * e), float(v + t * e)) for name, (v, e) in found.items()}


def _tally(rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    return rows.groupby(columns, observed=True, as_index=False).size().rename(columns={"size": "n"})


def _hidden(table: pd.DataFrame, least: int) -> frozenset[int]:
    """Answers given by too few, and those that would give them away beside the total."""
    given = table[table["n"] > 0]
    sizes = pd.DataFrame({"answer": given["answer"].astype(str), "n": given["n"].astype(int)})
    hidden = suppress(sizes, by=["answer"], threshold=least).hidden
    return frozenset(int(a) for a in given["answer"].to_numpy()[np.asarray(hidden, dtype=bool)])


def _cuts(cells: pd.DataFrame, metric: Metric, name: str, chosen: Settings) -> Cutpoints | None:
    try:
        counts = score_outcome(cells, metric, score=name, outcome=chosen.outcome)
        return cutpoints(counts, metric, replicates=500, level=chosen.level, seed=chosen.seed)
    except ValueError:
        return None


def _n_to_tell(raced: Race, names: tuple[str, ...], gap: float, family: int | None = None) -> int | None:
    """Customers with which gains so far apart are told from each other in 80 of 100 surveys; errors shrink as 1/√n.

    None where that is over a hundred times as many as there are, or where what is known hardly tells customers apart: errors
    are too large there, and would ask for up to four times as many customers as it takes.
    """
    from scipy import stats

    if _rules(raced)["known"][1] <= 0.5:
        return None
    error = float(raced.gains.loc[list(names), "standard_error"].max())
    tail = stats.norm.ppf(1 - (1 - raced.level) / (2 * (family or len(names)))) + stats.norm.ppf(0.8)
    times = (tail * error / gap) ** 2 if gap else np.inf
    return int(np.ceil(raced.n * times)) if times <= 100 else None
