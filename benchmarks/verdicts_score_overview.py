"""How often is the score overview's verdict wrong? Companies of known truth with several scores, counted.

    python benchmarks/verdicts_score_overview.py [--companies 1000] [--workers 2] [--table]

Question: did any score change by as much as would matter? Companies with 1, 6 or 15 scores, of which one (or all) truly
changed by 0, ½, 0.9, 1.1 and 2 margins; half of the customers of a wave answered in the one before too. The scores are
independent of each other, which is the hardest case for a family. Wrong is "negligible" when some true change is above its
margin, or "material" when none is. Every row has its own Clopper–Pearson limit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from measure import table
from scipy.special import ndtr, ndtri
from verdict_grid import TARGET, Grid, parser, wrong_limit

import cxstats as cx
from cxstats.findings import Verdict
from cxstats.methods.comparisons import mover_limits
from cxstats.methods.groups import GroupMeans
from cxstats.methods.limits import critical_value
from cxstats.methods.waves import change_since
from cxstats.studies.score_overview.measures import Change, Measure, Reading
from cxstats.studies.score_overview.study import overall

EFFECTS = (0.0, 0.5, 0.9, 1.1, 2.0)
FAMILIES = (1, 6, 15)
ERRORS = (0.2, 0.4)  # standard error of the change, in margins
OTHERS = ("steady", "change as much")
LEVEL = 0.95
SHARES = np.array([0.20, 0.30, 0.50])
GRID = Grid("score_overview", ("scores", "others", "error", "effect"), rule=2)


def grid() -> list[dict[str, Any]]:
    """The settings of every row, the most telling first."""
    return [
        {"scores": k, "others": others, "error": error, "effect": effect}
        for error in ERRORS
        for k in FAMILIES
        for others in (OTHERS if k > 1 else OTHERS[:1])
        for effect in (0.9, 1.1, 0.0, 2.0, 0.5)
    ]


def _pairs(change: float) -> np.ndarray:
    """Probabilities of a customer's answers in two waves: rows the first, columns the second, moved up by ``change``.

    Each answer is half what the customer is like and half chance, cut where the shares are right.
    """
    point, weight = np.polynomial.hermite_e.hermegauss(80)
    waves = []
    for moved in (0.0, change):
        shares = SHARES + np.array([-1.0, 0.0, 1.0]) * moved / 200
        below = ndtr((ndtri(np.cumsum(shares)[:-1]) - np.sqrt(0.5) * point[:, None]) / np.sqrt(0.5))
        waves.append(np.diff(np.column_stack([np.zeros(80), below, np.ones(80)]), axis=1))
    return (waves[0].T * (weight / weight.sum())) @ waves[1]


def _changes(
    rng: np.random.Generator, n: int, effect: float, companies: int, *levels: float
) -> list[tuple[Change, ...]]:
    """One score's change in every company, with the limits of :func:`change_since` at each level."""
    pairs = _pairs(effect * cx.NPS.margin)
    half = n // 2
    shared = rng.multinomial(half, pairs.ravel(), size=companies).reshape(-1, 3, 3)
    first = shared.sum(axis=2) + rng.multinomial(n - half, pairs.sum(axis=1), size=companies)
    second = shared.sum(axis=1) + rng.multinomial(n - half, pairs.sum(axis=0), size=companies)
    values = cx.NPS.distinct_values
    one, two = (table @ values / n for table in (first, second))
    centred = values[None, :] - one[:, None], values[None, :] - two[:, None]
    both = np.einsum("ca,cab,cb->c", centred[0], shared, centred[1]) / n**2
    variance = [
        (table * c**2).sum(axis=1) / n / (n - 1) for table, c in zip((first, second), centred, strict=True)
    ]
    correlation = both / np.sqrt(variance[0] * variance[1])
    made = []
    for level in levels:
        low, high = mover_limits(first, second, values, critical_value(level), correlation)
        for i in range(2):  # the same as the study's own function gives
            own = change_since(_means(first[i], second[i], variance, both, i), cx.NPS, level)
            assert np.allclose((own.low, own.high), (low[i], high[i]), atol=1e-6)
        columns = zip((two - one).tolist(), low.tolist(), high.tolist(), correlation.tolist(), strict=True)
        made.append([Change("1", *row) for row in columns])
    return list(zip(*made, strict=True))


def _means(
    first: np.ndarray, second: np.ndarray, variance: list[np.ndarray], both: np.ndarray, i: int
) -> GroupMeans:
    counts = np.array([first, second])
    n = counts.sum(axis=1)
    spread = np.zeros((2, 11))
    spread[:, [0, 8, 10]] = counts
    covariance = np.array([[variance[0][i], both[i]], [both[i], variance[1][i]]])
    return GroupMeans(
        ("1", "2"), spread, n, counts @ cx.NPS.distinct_values / n, covariance, n.astype(float), np.ones(2)
    )


def _measure(key: int, change: Change) -> Measure:
    reading = Reading("2", 1, None, 0.0, 0.0, 0.0)
    nan = (float("nan"), float("nan"))
    metric = cx.NPS
    return Measure(
        str(key), "score", metric, metric.label, metric.short, metric.unit, "", False, metric.margin, (reading, reading),
        change, None, float("nan"), False, nan,
    )  # fmt: skip


def run(task: dict[str, Any]) -> dict[str, Any]:
    """One row: how often each verdict came out, and was wrong."""
    k, effect, error = int(task["scores"]), float(task["effect"]), float(task["error"])
    effects = [effect if i == 0 or task["others"] != "steady" else 0.0 for i in range(k)]
    level = 1 - (1 - LEVEL) / k
    # half of the customers answer twice, and their answers correlate: that makes a change more certain
    pairs, values = _pairs(0.0), cx.NPS.distinct_values
    alike = float((values @ pairs @ values - (pairs.sum(axis=1) @ values) ** 2) / cx.NPS.variance(SHARES))
    n = round(2 * (1 - alike / 2) * cx.NPS.variance(SHARES) / (error * cx.NPS.margin) ** 2)
    companies = int(task["companies"])
    rng = np.random.default_rng(
        [int(task["seed"]), k, round(100 * effect), round(100 * error), len(task["others"])]
    )
    tally = dict.fromkeys(Verdict, 0)
    margin = cx.NPS.margin
    for made in zip(*(_changes(rng, n, e, companies, LEVEL, level) for e in effects), strict=True):
        own, family = zip(*made, strict=True)
        steady = all(change.verdict(margin) is Verdict.NEGLIGIBLE for change in own)
        used = own if steady else family  # as cxstats.studies.score_overview.measures.measured chooses
        tally[overall([_measure(i, change) for i, change in enumerate(used)])[0]] += 1
    truly = abs(effect) > 1
    return {
        "n": n,
        "negligible": tally[Verdict.NEGLIGIBLE],
        "material": tally[Verdict.MATERIAL],
        "wrong": tally[Verdict.NEGLIGIBLE if truly else Verdict.MATERIAL],
        "right": tally[Verdict.MATERIAL if truly else Verdict.NEGLIGIBLE],
    }


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """Numbers as numbers, with the limit and the share of firm and right verdicts."""
    rows = rows.copy()
    for name in ("scores", "error", "effect", "n", "wrong", "right", "companies"):
        rows[name] = pd.to_numeric(rows[name])
    rows["limit"] = [wrong_limit(w, c) for w, c in zip(rows["wrong"], rows["companies"], strict=True)]
    rows["firm"] = rows["right"] / rows["companies"]
    return rows.sort_values(["error", "scores", "others", "effect"], kind="stable")


def broken(rows: pd.DataFrame) -> list[str]:
    """Rows that break the promise: wrong above 5 %, or too few firm verdicts where they are owed."""
    found = []
    for row in rows.itertuples():
        name = f"{row.scores} scores, others {row.others}, n {row.n:,}, true change {row.effect:g} margins"
        if row.limit > TARGET:
            found.append(f"{name}: wrong in {row.wrong} of {row.companies:,}")
        if row.error <= 0.2 and row.effect in (0.0, 2.0) and row.firm < 0.8:
            found.append(f"{name}: firm and right in only {row.firm:.0%}")
    return found


def publish() -> None:
    """Write the section of RESULTS.md."""
    rows = judged(GRID.rows())
    header = [
        "scores", "others", "n a wave", "error/margin", "true change/margin", "wrong", "95 % limit", "firm and right",
    ]  # fmt: skip
    body = [
        (
            f"{row.scores}", row.others, f"{row.n:,}", f"{row.error:g}", f"{row.effect:g}",
            f"{row.wrong} of {row.companies:,}", f"{row.limit:.2%}", f"{row.firm:.1%}",
        )
        for row in rows.itertuples()
    ]  # fmt: skip
    said = f"""
Question: did any score change by as much as would matter? Companies of known truth with one or several scores through the
study's own path from counts to verdict, at the 95 % level; half of the customers answered in both
waves. One score truly changed; the others are steady, or change as much. Wrong is "negligible" when a true change is above
its margin, or "material" when none is; target: the Clopper–Pearson 95 % upper limit at most 5 % in every row. Where the
standard error is a fifth of the margin, at least 80 % of verdicts at changes of 0 and 2 margins are to be firm and right.
{len(rows)} of the grid's {len(grid())} rows."""
    GRID.publish(
        "Verdicts of the score overview", said, table(header, body), broken(rows), inside=rows, of=len(grid())
    )


def main() -> None:
    """Run what is missing of the grid, then write the table."""
    given = parser(__doc__).parse_args()
    if not given.table:
        GRID.work(grid(), run, companies=given.companies, workers=given.workers, address=given.address)
    publish()


if __name__ == "__main__":
    main()
