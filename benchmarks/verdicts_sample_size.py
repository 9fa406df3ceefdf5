"""How often is the sample-size study's verdict wrong? Companies of known truth, counted.

    python benchmarks/verdicts_sample_size.py [--companies 1000] [--workers 2] [--table]

Question: did the metric change by the margin? True changes of 0, ½, 0.9, 1.1 and 2 margins; waves of
different customers, of the same customers in part, and weighted answers. Wrong is "negligible" when the
true change is above the margin, or "material" when it is at most the margin. Every cell of the grid has
its own Clopper–Pearson limit; cells are never averaged.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from measure import table
from scipy.optimize import brentq
from scipy.stats import norm
from verdict_grid import TARGET, Grid, parser, wrong_limit

import cxstats as cx
from cxstats.findings import Verdict, judge
from cxstats.methods.groups import group_means
from cxstats.methods.waves import change_since
from cxstats.simulation import METRICS, Model
from cxstats.simulation.population import answer_shares

EFFECTS = (0.0, 0.5, 0.9, 1.1, 2.0)
# standard error of the change, in margins: firm verdicts are wanted at a fifth; the rest shows the price of few answers
ERRORS = (0.2, 0.35, 0.6)
DESIGNS = ("other customers", "half the same customers", "weighted")
LEVEL = 0.95
GRID = Grid("sample_size", ("metric", "design", "error", "effect"), rule=1)


def tilted(shares: np.ndarray, metric: cx.Metric, change: float) -> np.ndarray:
    """Shares whose value is higher by exactly ``change``: every category weighted by exp(t·category)."""
    category = np.arange(len(shares))
    target = metric.value(shares) + change

    def moved(t: float) -> np.ndarray:
        weight = shares * np.exp(t * (category - category.mean()))
        return weight / weight.sum()

    return moved(brentq(lambda t: metric.value(moved(t)) - target, -5, 5, xtol=1e-13))


def _scores(rng: np.random.Generator, shares: np.ndarray, normal: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.cumsum(shares)[:-1], norm.cdf(normal))


def _company(rng: np.random.Generator, metric: cx.Metric, shares: list[np.ndarray], n: int, design: str):
    """Cells of one company, and M where customers repeat."""
    low = metric.scale.low
    if design == "half the same customers":
        common = rng.normal(size=n)
        first = np.sqrt(0.7) * common + np.sqrt(0.3) * rng.normal(size=n)
        again = np.where(np.arange(n) % 2 == 0, common, rng.normal(size=n))  # every second customer is new
        second = np.sqrt(0.7) * again + np.sqrt(0.3) * rng.normal(size=n)
        scores = [_scores(rng, s, z) for s, z in zip(shares, (first, second), strict=True)]
        size = len(shares[0])
        tally = np.zeros((2 * n, 2 * size))
        tally[np.arange(n), scores[0]] = 1
        who = np.where(np.arange(n) % 2 == 0, np.arange(n), n + np.arange(n))
        tally[who, size + scores[1]] = 1
        matrix = tally.T @ tally
        counts = np.diag(matrix)
        cells = pd.DataFrame(
            {"score": low + np.tile(np.arange(size), 2), "wave": np.repeat(["1", "2"], size), "n": counts}
        )
        keep = counts > 0
        return cells[keep].reset_index(drop=True), matrix[np.ix_(keep, keep)]
    frames = []
    for wave, s in zip("12", shares, strict=True):
        scores = rng.choice(len(s), size=n, p=s)
        weight = rng.gamma(4, 0.25, size=n) if design == "weighted" else np.ones(n)
        table = pd.DataFrame({"score": low + scores, "n": 1, "w": weight, "w2": weight**2})
        frames.append(table.groupby("score", as_index=False).sum().assign(wave=wave))
    cells = pd.concat(frames, ignore_index=True)
    return (cells if design == "weighted" else cells.drop(columns=["w", "w2"])), None


def run(task: dict[str, Any]) -> dict[str, int]:
    """One row of the grid: how many companies got which verdict."""
    key, design, error, effect = (task[name] for name in GRID.settings)
    metric = METRICS[key]
    base = answer_shares(Model(repeat_share=0), key)
    start = base.answered.sum(axis=(0, 1)) / base.answered.sum()
    shares = [start, tilted(start, metric, -effect * metric.margin)]
    spread = np.sqrt(metric.variance(start) + metric.variance(shares[1]))
    n = int(np.ceil((spread / (error * metric.margin)) ** 2))
    rng = np.random.default_rng(
        [task["seed"], int(1000 * error), int(10 * effect), DESIGNS.index(design), len(key)]
    )
    found = dict.fromkeys(Verdict, 0)
    for _ in range(task["companies"]):
        cells, matrix = _company(rng, metric, shares, n, design)
        means = group_means(cells, metric, score="score", group="wave", labels=["1", "2"], matrix=matrix)
        change = change_since(means, metric, LEVEL)
        found[judge(change.low, change.high, metric.margin)] += 1
    return {
        "n": n,
        "negligible": found[Verdict.NEGLIGIBLE],
        "material": found[Verdict.MATERIAL],
        "inconclusive": found[Verdict.INCONCLUSIVE],
    }


def grid(metrics=tuple(METRICS), errors=ERRORS, designs=DESIGNS) -> list[dict[str, Any]]:
    """The tasks."""
    return [
        {"metric": metric, "design": design, "error": error, "effect": effect}
        for metric in metrics for design in designs for error in errors for effect in EFFECTS
    ]  # fmt: skip


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows in the grid's order, with the share of wrong verdicts and of firm and right ones."""
    rows = rows.astype({"error": float, "effect": float})
    above = rows["effect"] > 1
    wrong = rows["negligible"].where(above, rows["material"])
    right = rows["material"].where(above, rows["negligible"]) / rows["companies"]
    limit = [wrong_limit(w, c) for w, c in zip(wrong, rows["companies"], strict=True)]
    rows = rows.assign(wrong=wrong, limit=limit, right=right)
    place = {tuple(_task.values()): number for number, _task in enumerate(grid())}
    key = rows[list(GRID.settings)].apply(lambda row: place[tuple(row)], axis=1)
    return rows.assign(place=key).sort_values("place", ignore_index=True)


def broken(rows: pd.DataFrame) -> list[str]:
    """Rows that break the promise: wrong above 5 %, or too few firm verdicts where they are owed."""
    found = []
    for row in rows.itertuples():
        name = f"{METRICS[row.metric].short}, {row.design}, n {row.n:,}, true change {row.effect:g} margins"
        if row.limit > TARGET:
            found.append(f"{name}: wrong in {row.wrong} of {row.companies:,}")
        if row.error <= 0.2 and row.effect in (0.0, 2.0) and row.right < 0.8:
            found.append(f"{name}: firm and right in only {row.right:.0%}")
    return found


def publish() -> None:
    """Write the section of RESULTS.md."""
    rows = judged(GRID.rows())
    header = [
        "metric",
        "answers",
        "n a wave",
        "error/margin",
        "true change/margin",
        "wrong",
        "95 % limit",
        "firm and right",
    ]
    body = [
        (
            METRICS[row.metric].short, row.design, f"{row.n:,}", f"{row.error:g}", f"{row.effect:g}",
            f"{row.wrong} of {row.companies:,}", f"{row.limit:.2%}", f"{row.right:.1%}",
        )
        for row in rows.itertuples()
    ]  # fmt: skip
    said = f"""
Question: did the metric change by the margin? Companies of known truth through the study's own path from counts to verdict,
at the 95 % level. Wrong is "negligible" when the true change is above the margin, or "material" when it is at most the
margin; target: the Clopper–Pearson 95 % upper limit at most 5 % in every row. Where the standard error is a fifth of the
margin, at least 80 % of verdicts at changes of 0 and 2 margins are to be firm and right. {len(rows)} of the grid's
{len(grid())} rows."""
    GRID.publish(
        "Verdicts of the sample-size study",
        said,
        table(header, body),
        broken(rows),
        inside=rows,
        of=len(grid()),
    )


def main() -> None:
    """Run what is missing of the grid, then write the table."""
    arguments = parser(__doc__)
    arguments.add_argument("--metrics", nargs="+", default=list(METRICS), choices=list(METRICS))
    arguments.add_argument(
        "--errors", nargs="+", type=float, default=ERRORS, help="of the change, in margins"
    )
    arguments.add_argument("--designs", nargs="+", default=DESIGNS, choices=DESIGNS)
    given = arguments.parse_args()
    if not given.table:
        tasks = grid(given.metrics, given.errors, given.designs)
        GRID.work(tasks, run, companies=given.companies, workers=given.workers, address=given.address)
    publish()


if __name__ == "__main__":
    main()
