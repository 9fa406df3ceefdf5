"""What a score adds to what was known without asking: the race of the metrics.

Estimand: the gain in AUC of the rule that is trained on this many customers, judged on fresh ones. Rules are logistic
regressions (numbers as splines, never in bands); every customer is judged by a rule trained on other customers
(cross-fitting; folds are made of parts of customers, so repeated answers never stand on both sides).

The interval is the point ± t × the standard error of a delete-a-part jackknife of the whole procedure. Not
percentiles of a bootstrap: a resample holds copies of customers, which inflate what a rule seems to learn. Not
DeLong's interval: for a rule and the same rule with one more column its variance collapses, and its test is wrong
(Demler, Pencina & D'Agostino 2012). Whether a coefficient is zero is asked by the likelihood-ratio test; whether the
score is of use, by the gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd

from cxstats.methods.clusters import require_columns
from cxstats.methods.part_fits import PartFit, Rows, ends_of, fit_penalties
from cxstats.methods.predictors import Block, predictor_block
from cxstats.methods.splits import (
    Judged,
    Split,
    best_penalty,
    concordance,
    judge_splits,
    pairs_of_rules,
    part_splits,
)
from cxstats.parameters import Count, Level, Seed, checked
from cxstats.show import definition_html
from cxstats.words import count, join_words

__all__ = ["FEWEST_EVENTS", "NestedTest", "Race", "nested_test", "race", "temporal_race"]

FOLDS = 8
FEWEST_EVENTS = 20
"""Events, and customers without one, below which no rule is trained."""
EVENTS_PER_COLUMN = 10
"""Fewer events for each column of a rule than this: straight lines instead of curves, and a penalty."""
KNOWN = "known without asking"
PARTS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Race:
    """Each metric alone, on top of what was known, and all together; the same customers for all.

    Attributes
    ----------
    scores : names of the scores, in the order given.
    n, events : customers judged, and how many of them had the event.
    left_out : rows left out because a score or the outcome is missing.
    known_auc : AUC of what was known without asking, with its standard error; 0.5 and 0 where nothing was.
    gains : one row per score and one for "all": gain in AUC over what was known, ``standard_error``, ``low``,
        ``high``, ``alone`` (cross-fitted AUC of a rule of the score alone), ``alone_error``, ``apparent`` (the gain
        in the customers the rules were trained on) and ``optimism_corrected`` (Harrell's bootstrap).
    covariance : of the gains of the scores (without "all"), shape (S, S).
    first : share of resamples of customers in which each score's gain is the largest, in the order of ``scores``.
    shapley : what each score, and what was known, contributes to the AUC above 0.5 of the rule of everything:
        ``value``, ``standard_error``, ``low``, ``high``; the values add up to it. Empty where not asked for.
    level : confidence level.
    columns_of_largest : number of columns of the largest rule.
    events_per_column : events (or non-events, if fewer) for each of them.
    simplified : whether straight lines and a penalty stand in for curves because events are few.
    predictions : cross-fitted chances of the event, one column per rule ("known", each score, "all") and one
        row per customer judged, with ``event``, ``weight``, ``part`` and ``row`` (its place in the rows given), for
        calibration and decision curves.
    weightless : customers whose weight is 0: they stand for nobody, and train and judge nothing.
    unused : columns said to be known that tell nothing: the same for everybody, or too few customers in each category.
    """

    scores: tuple[str, ...]
    n: int
    events: int
    left_out: int
    known_auc: tuple[float, float]
    gains: pd.DataFrame
    covariance: np.ndarray
    first: np.ndarray
    shapley: pd.DataFrame
    level: float
    columns_of_largest: int
    events_per_column: float
    simplified: bool
    predictions: pd.DataFrame
    weightless: int = 0
    unused: tuple[str, ...] = ()

    @property
    def base_rate(self) -> float:
        """Share of the customers judged who had the event, unweighted."""
        return self.events / self.n

    def _repr_html_(self) -> str:
        rows = [
            ("customers", f"{self.n:,}, of whom {self.events:,} had the event"),
            ("AUC of what was known", f"{self.known_auc[0]:.3f}"),
        ]
        rows += [
            (f"gain of {name}", f"{row.gain:+.3f} ({row.low:+.3f} to {row.high:+.3f})")
            for name, row in self.gains.iterrows()
        ]
        return definition_html("What each score adds", rows)


def race(
    rows: pd.DataFrame,
    *,
    scores: Sequence[str],
    outcome: str,
    known: Sequence[str] = (),
    part: str = "part",
    weight: str | None = None,
    keep_missing: bool = False,
    folds: int = FOLDS,
    level: float = 0.95,
    resamples: int = 200,
    optimism: bool = True,
    contributions: bool = True,
    seed: int = 20250401,
) -> Race:
    """Race scores for what they add to a prediction, on the same customers and fair folds.

    Parameters
    ----------
    rows : one row per customer asked. ``part`` holds whole numbers from 0 to 63, the same for the same customer.
    scores : columns to race: numbers (answers), or true and false (whether a customer answered at all).
    outcome : column of true and false, missing where it is not known (yet).
    known : columns known without asking: numbers as splines, texts as categories. May be empty.
    weight : column of weights that make the respondents stand for all customers; 0 or more.
    keep_missing : keep rows in which a score is missing, as a category of its own; by default a row takes part
        only if every score is there, so that all race on the same customers.
    folds : groups of parts that are judged in turn, 2 to 32.
    level : confidence level.
    resamples : resamples of parts for the share of first places. seed : of the resamples.
    optimism : also compute what the rules show in the customers they were trained on, and Harrell's correction.
    contributions : also compute what each score is worth alone, and the Shapley values, which need a rule for every
        subset of the scores.

    Returns
    -------
    Race.

    Raises
    ------
    ValueError : fewer than 20 customers with or without the event; an outcome that a score
        determines (a leak, not a triumph); no score; a column that does not exist, or is among the scores and the known.

    Notes
    -----
    Sampling error of the rule and of its judges together; parts take one Newton step from the fit with all of
    them. See ``docs/methods/prediction.md``.
    """
    level, resamples = checked("level", level, Level), checked("resamples", resamples, Count)
    prepared = _prepared(rows, scores, outcome, known, part, weight, keep_missing)
    splits = part_splits(prepared.part, _folds(prepared.fewer, folds))
    return _raced(
        prepared,
        splits,
        level,
        resamples,
        checked("seed", seed, Seed),
        left_out=len(rows) - prepared.n,
        optimism=optimism,
        contributions=contributions,
    )


def temporal_race(
    rows: pd.DataFrame,
    *,
    wave: str,
    order: Sequence[str],
    scores: Sequence[str],
    outcome: str,
    known: Sequence[str] = (),
    part: str = "part",
    weight: str | None = None,
    level: float = 0.95,
    folds: int = FOLDS,
    resamples: int = 200,
    contributions: bool = True,
    seed: int = 20250401,
) -> Race:
    """The same race with rules trained on the earlier waves and judged on the last: does the gain last?

    Parameters
    ----------
    wave : column of waves. order : waves from old to new; the last with answers judges, those before it train.
    Others as :func:`race`.

    Raises
    ------
    ValueError : as :func:`race`; fewer than two waves with answers.

    Notes
    -----
    A customer who answered in an early wave and in the last is judged by a rule trained without that customer's
    earlier answers: where there are such customers the last wave judges fold by fold, each by a rule trained on the early
    answers of customers of other folds. Leaving out the early answers of all who judge would train on those who did not
    answer again: who left, and who was less inclined to.
    """
    level, resamples = checked("level", level, Level), checked("resamples", resamples, Count)
    require_columns(rows, [wave])
    prepared = _prepared(rows, scores, outcome, known, part, weight, False, also=wave)
    when = pd.Index(order).get_indexer(pd.Index(prepared.also.astype("string")))
    present = sorted({int(w) for w in when if w >= 0})
    if len(present) < 2:
        raise ValueError(
            f"rules trained on early waves and judged on a later one need two waves with answers; there "
            f"{'is one' if present else 'is none'}"
        )
    test = when == present[-1]
    early = (when >= 0) & (when < present[-1])
    for rows_of, what in ((early, "in the earlier waves"), (test, "in the last wave")):
        _require_events(prepared.event[rows_of], what)
    again = "customer" in rows.columns and not set(prepared.customer[early]).isdisjoint(
        prepared.customer[test]
    )
    fewer = int(min(prepared.event[test].sum(), (1 - prepared.event[test]).sum()))
    splits = (
        tuple(
            Split(split.train & early, split.test & test)
            for split in part_splits(prepared.part, _folds(fewer, folds))
        )
        if again
        else (Split(early, test),)
    )
    return _raced(
        prepared,
        splits,
        level,
        resamples,
        checked("seed", seed, Seed),
        left_out=len(rows) - prepared.n,
        contributions=contributions,
    )


@dataclass(frozen=True, slots=True, eq=False)
class NestedTest:
    """Whether a score tells anything at all beyond what was known.

    Attributes
    ----------
    statistic, degrees_of_freedom, p_value : of the test; for the clustered one the statistic is an F.
    method : "likelihood ratio", or "Wald, clustered by parts" where customers answered more than once.
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float
    method: str


def nested_test(
    rows: pd.DataFrame,
    *,
    score: str,
    outcome: str,
    known: Sequence[str] = (),
    part: str = "part",
    repeats: bool = False,
) -> NestedTest:
    """Test of all coefficients of a score in a rule that holds what was known, on the customers themselves.

    Parameters
    ----------
    rows, outcome, known, part : as in :func:`race`. score : one column.
    repeats : customers answered more than once: a Wald test with the parts as clusters (F with 64 − 1
        denominator degrees of freedom less those of the test, Korn & Graubard 1990) takes the place of the
        likelihood ratio, which takes every row for another customer.

    Raises
    ------
    ValueError : as :func:`race`.
    """
    from scipy import stats
    from scipy.special import log_expit

    prepared = _prepared(rows, [score], outcome, known, part, None, False)
    full, small = prepared.rows([KNOWN, score]), prepared.rows([KNOWN])
    df = len(full.columns) - len(small.columns)
    # a trace of a penalty keeps a category without any event from running away; likelihoods have settled long before
    (fit,) = fit_penalties(full)
    if not repeats:
        sign = np.where(prepared.event > 0.5, 1.0, -1.0)
        (less,) = fit_penalties(small)
        ratio = 2 * float(
            log_expit(sign * (fit.beta @ full.columns)).sum()
            - log_expit(sign * (less.beta @ small.columns)).sum()
        )
        return NestedTest(ratio, df, float(stats.chi2.sf(ratio, df)), "likelihood ratio")
    sums = fit.gradient[np.unique(prepared.part)]
    parts = len(sums)
    bread = np.linalg.inv(fit.information.sum(axis=0) + fit.penalty * np.eye(len(full.columns)))
    covariance = bread @ (sums.T @ sums * parts / (parts - 1)) @ bread
    beta = fit.beta[-df:]
    wald = float(beta @ np.linalg.solve(covariance[-df:, -df:], beta))
    below = parts - df
    f = wald * below / (df * (parts - 1))
    return NestedTest(f, df, float(stats.f.sf(f, df, below)), "Wald, clustered by parts")


# ------------------------------------------------------------------------------------ the parts of it


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """Rows that take part, as arrays in order of their parts; a block of columns for what was known and each score."""

    event: np.ndarray
    weight: np.ndarray
    part: np.ndarray
    blocks: dict[str, Block]
    few_events: bool
    customer: np.ndarray
    row: np.ndarray
    also: pd.Series | None

    @property
    def n(self) -> int:
        return len(self.event)

    @property
    def parts(self) -> int:
        return int(self.part.max()) + 1

    def rows(self, names: Sequence[str]) -> Rows:
        """Columns of these blocks behind a column of ones."""
        columns = np.vstack([np.ones(self.n), *(self.blocks[name].columns.T for name in names)])
        return Rows(columns, self.event, self.weight, ends_of(self.part, self.parts))

    @property
    def fewer(self) -> int:
        """Events, or customers without one, whichever are fewer."""
        return int(min(self.event.sum(), self.n - self.event.sum()))


def _prepared(rows, scores, outcome, known, part, weight, keep_missing, also=None) -> _Prepared:
    scores, known = list(scores), list(known)
    if not scores:
        raise ValueError("scores must name at least one column to race")
    require_columns(rows, [*scores, *known, outcome, part, *([weight] if weight else [])])
    both = [name for name in scores if name in known]
    if both or outcome in scores or outcome in known:
        raise ValueError(
            f"{join_words([repr(name) for name in both or [outcome]])} cannot be both raced and known, nor the outcome"
        )
    keep = rows[outcome].notna()
    if not keep_missing:
        keep &= rows[scores].notna().all(axis=1)
    number = rows[part].to_numpy(dtype=float, na_value=np.nan)[keep.to_numpy()]
    if not np.all(np.isfinite(number)) or np.any(number < 0) or np.any(number != np.rint(number)):
        raise ValueError(f"column {part!r} must hold whole numbers, 0 or more, for every customer")
    part_of = number.astype(int) if number.max(initial=0) < PARTS else pd.factorize(number, sort=True)[0]
    order = np.argsort(part_of, kind="stable")
    place, part_of = np.flatnonzero(keep)[order], part_of[order]
    needed = [*scores, *known, outcome, *(name for name in (weight, also) if name)]
    needed += ["customer"] if "customer" in rows.columns else []
    used = rows[list(dict.fromkeys(needed))].take(place)
    event = used[outcome].to_numpy(dtype=bool).astype(float)
    _require_events(event, "")
    for name in scores:
        _refuse_leak(used[name], event, name, outcome)
    mass = np.ones(len(used)) if weight is None else used[weight].to_numpy(dtype=float)
    if not np.all(np.isfinite(mass)) or np.any(mass < 0) or not mass.sum() > 0:
        raise ValueError(f"weights in {weight!r} must be numbers, 0 or more, and not all 0")
    mass = mass * (len(mass) / mass.sum())

    def blocks(linear: bool) -> dict[str, Block]:
        made = {KNOWN: predictor_block(used, known, KNOWN, linear=linear)}
        return made | {name: predictor_block(used, [name], name, linear=linear) for name in scores}

    fewer = min(event.sum(), len(event) - event.sum())
    made = blocks(linear=False)
    few = fewer < EVENTS_PER_COLUMN * sum(block.width for block in made.values())
    if few:
        made = blocks(linear=True)
    empty = [name for name in scores if made[name].width == 0]
    if empty:
        raise ValueError(
            f"all customers gave the same answer to {join_words(empty)}: it cannot tell them apart"
        )
    customer = used["customer"].to_numpy() if "customer" in used.columns else np.arange(len(used))
    return _Prepared(event, mass, part_of, made, few, customer, place, None if also is None else used[also])


def _require_events(event: np.ndarray, where: str) -> None:
    had, total = int(event.sum()), len(event)
    if min(had, total - had) < FEWEST_EVENTS:
        fewer = "had the event" if had <= total - had else "did not have the event"
        raise ValueError(
            f"{count(min(had, total - had))} of {count(total)} customers {where + ' ' if where else ''}{fewer}: at "
            f"least {FEWEST_EVENTS} are needed before a rule can be trained and judged"
        )


def _refuse_leak(column: pd.Series, event: np.ndarray, name: str, outcome: str) -> None:
    """A score that tells exactly who had the event was made from it, or after it."""
    value = column.to_numpy(dtype=float, na_value=np.nan)
    known = np.isfinite(value)
    code = np.unique(value[known], return_inverse=True)[1]
    size = np.bincount(code)
    had = np.bincount(code, weights=event[known])
    pure = (had == 0) | (had == size)
    pairs = concordance(value[known][:, None], event[known] > 0.5, np.ones((known.sum(), 1)))[0]
    auc = pairs[0] / pairs[1] if pairs[1] else 0.5
    # every answer on one side or the other; or all but a handful, which is as good
    if (pure.all() and len(size) < known.sum() / 5) or max(auc, 1 - auc) > 0.995:
        raise ValueError(
            f"{name!r} tells exactly who has {outcome!r} (AUC {max(auc, 1 - auc):.3f}): that is a leak, not a "
            "prediction. Was the score made from the outcome, or asked after it?"
        )


def _folds(fewer: int, folds: int) -> int:
    if not 2 <= folds <= PARTS // 2:
        raise ValueError(f"folds must be from 2 to {PARTS // 2}, but is {folds}")
    # each fold needs some of both to have pairs to compare
    return int(max(2, min(folds, fewer // 8)))


def _raced(
    prepared: _Prepared,
    splits: tuple[Split, ...],
    level: float,
    resamples: int,
    seed: int,
    *,
    left_out: int,
    optimism: bool = False,
    contributions: bool = True,
) -> Race:
    from scipy import stats

    scores = [name for name in prepared.blocks if name != KNOWN]
    everyone = [KNOWN, *scores] if prepared.blocks[KNOWN].width else scores
    base = [KNOWN] if prepared.blocks[KNOWN].width else []
    parts = prepared.parts
    drawn = np.random.default_rng(seed).multinomial(parts, np.full(parts, 1 / parts), size=resamples)
    targets = [*([*base, name] for name in scores), everyone]
    ranked = {tuple(base), *((*base, name) for name in scores)}
    subsets = [names for size in range(1, len(everyone) + 1) for names in combinations(everyone, size)]
    if not contributions:
        raced = ranked | {tuple(everyone)}
        subsets = [names for names in subsets if names in raced]
    whole: dict[tuple[str, ...], tuple[PartFit, ...]] = {}
    judged: dict[tuple[str, ...], Judged] = {}
    for names in subsets:
        rows = prepared.rows(names)
        whole[names] = fit_penalties(rows, few_events=prepared.few_events)
        judged[names] = judge_splits(
            rows, splits, few_events=prepared.few_events, multiplicity=drawn if names in ranked else None,
            whole=whole[names],
        )  # fmt: skip
    chance = Judged(0.5, np.full(parts, 0.5), np.full(resamples, 0.5), np.full(prepared.n, np.nan), ())
    at = lambda names: judged.get(tuple(names), chance)  # noqa: E731
    present = np.array([np.any(prepared.part == j) for j in range(parts)])
    used = int(present.sum())
    factor, t = (used - 1) / used, float(stats.t.ppf((1 + level) / 2, used - 1))

    def covariance(replicates: np.ndarray) -> np.ndarray:
        deviation = replicates[present] - replicates[present].mean(axis=0)
        return factor * deviation.T @ deviation

    known = at(base)
    gain = np.array([at(names).auc - known.auc for names in targets])
    replicates = np.column_stack([at(names).replicates - known.replicates for names in targets])
    spread = covariance(replicates)
    error = np.sqrt(np.diag(spread))
    nothing = [float("nan")] * len(targets)
    alone, alone_error = nothing, nothing
    if contributions:
        single = [at([name]) for name in scores] + [at(scores)]
        alone = [one.auc for one in single]
        alone_error = np.sqrt(np.diag(covariance(np.column_stack([one.replicates for one in single]))))
    apparent, corrected = (
        _apparent_gains(prepared, base, targets, drawn[:60], whole) if optimism else (nothing, nothing)
    )
    gains = pd.DataFrame(
        {
            "gain": gain,
            "standard_error": error,
            "low": gain - t * error,
            "high": gain + t * error,
            "alone": alone,
            "alone_error": alone_error,
            "apparent": apparent,
            "optimism_corrected": corrected,
        },
        index=pd.Index([*scores, "all"], name="score"),
    )
    ahead = np.column_stack([at([*base, name]).resamples for name in scores])
    best = np.nanmax(ahead, axis=1, keepdims=True)
    tie = ahead == best
    widest = sum(block.width for block in prepared.blocks.values()) + 1
    return Race(
        scores=tuple(scores),
        n=prepared.n,
        events=int(prepared.event.sum()),
        left_out=left_out,
        known_auc=(known.auc, float(np.sqrt(covariance(known.replicates[:, None])[0, 0]))),
        gains=gains,
        covariance=spread[: len(scores), : len(scores)],
        first=(tie / tie.sum(axis=1, keepdims=True)).mean(axis=0),
        shapley=_shapley(everyone if contributions else [], at, covariance, t),
        level=level,
        columns_of_largest=widest,
        events_per_column=prepared.fewer / max(widest - 1, 1),
        simplified=prepared.few_events,
        predictions=_predictions(prepared, at, base, scores, everyone),
        weightless=int(np.count_nonzero(prepared.weight == 0)),
        unused=prepared.blocks[KNOWN].unused,
    )


def _apparent_gains(
    prepared: _Prepared,
    base: list[str],
    targets: list[list[str]],
    drawn: np.ndarray,
    whole: dict[tuple[str, ...], tuple[PartFit, ...]],
) -> tuple[list[float], list[float]]:
    """Gains in the customers the rules were trained on, and the same less what a bootstrap shows to be optimism."""
    once = np.ones((1 + len(drawn), prepared.parts), dtype=int)

    def fitted(names: list[str]) -> tuple[float, np.ndarray]:
        if not names:
            return 0.5, np.zeros(len(drawn))
        rows = prepared.rows(names)
        fit = best_penalty(whole[tuple(names)], rows)
        rules = np.vstack([fit.beta, fit.resampled(drawn)])
        here = pairs_of_rules(rules, rows, once)
        there = pairs_of_rules(rules[1:], rows, drawn)
        return here[0, 0] / here[0, 1], there[:, 0] / there[:, 1] - here[1:, 0] / here[1:, 1]

    start, start_optimism = fitted(base)
    apparent, corrected = [], []
    for names in targets:
        value, optimism = fitted(names)
        apparent.append(value - start)
        corrected.append(value - start - float(np.mean(optimism - start_optimism)))
    return apparent, corrected


def _shapley(everyone: list[str], at, covariance, t: float) -> pd.DataFrame:
    """Shapley values of the game whose worth is the AUC above 0.5 (Shapley 1953; Lindeman, Merenda & Gold 1980)."""
    p = len(everyone)
    worth = lambda names: at([name for name in everyone if name in names])  # noqa: E731
    value, replicates = [], []
    for name in everyone:
        others = [other for other in everyone if other != name]
        total, again = 0.0, 0.0
        for size in range(p):
            share = factorial(size) * factorial(p - size - 1) / factorial(p)
            for names in combinations(others, size):
                with_it, without = worth({*names, name}), worth(set(names))
                total = total + share * (with_it.auc - without.auc)
                again = again + share * (with_it.replicates - without.replicates)
        value.append(total)
        replicates.append(again)
    error = np.sqrt(np.diag(covariance(np.column_stack(replicates)))) if everyone else np.empty(0)
    value = np.array(value)
    return pd.DataFrame(
        {"value": value, "standard_error": error, "low": value - t * error, "high": value + t * error},
        index=pd.Index(["known" if name == KNOWN else name for name in everyone], name="contributor"),
    )


def _predictions(prepared: _Prepared, at, base, scores, everyone) -> pd.DataFrame:
    from scipy.special import expit

    rules = {"known": base} if base else {}
    rules |= {name: [*base, name] for name in scores} | {"all": everyone}
    table = pd.DataFrame({name: expit(at(names).prediction) for name, names in rules.items()})
    judged = table.notna().all(axis=1)
    own = {
        "event": prepared.event > 0.5,
        "weight": prepared.weight,
        "part": prepared.part,
        "row": prepared.row,
    }
    return table.assign(**own)[judged].sort_values("row", ignore_index=True)
