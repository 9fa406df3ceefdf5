"""How often is the sample-size study's verdict wrong? Companies of known truth, counted.

    python benchmarks/verdicts_sample_size.py [--companies 1000] [--workers 2]

Question: did the metric change by the margin? True changes of 0, ½, 0.9, 1.1 and 2 margins; waves of
different customers, of the same customers in part, and weighted answers. Wrong is "negligible" when the
true change is above the margin, or "material" when it is at most the margin. Every cell of the grid has
its own Clopper–Pearson limit; cells are never averaged.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import beta, norm

import cxstats as cx
from cxstats.findings import Verdict, judge
from cxstats.methods.groups import group_means
from cxstats.simulation import METRICS, Model, executor
from cxstats.simulation.population import answer_shares
from cxstats.studies.sample_size.study import change_since

EFFECTS = (0.0, 0.5, 0.9, 1.1, 2.0)
# standard error of the change, in margins: firm verdicts are wanted at a fifth; the rest shows the price of few answers
ERRORS = (0.2, 0.35, 0.6)
DESIGNS = ("other customers", "half the same customers", "weighted")
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the grid and what became of its companies."""

    metric: str
    design: str
    error: float
    n: int
    effect: float
    companies: int
    negligible: int
    material: int
    inconclusive: int

    @property
    def wrong(self) -> int:
        """Companies with a wrong verdict."""
        return self.negligible if self.effect > 1 else self.material

    @property
    def wrong_limit(self) -> float:
        """Clopper–Pearson 95 % upper limit of the share of wrong verdicts."""
        return float(beta.ppf(0.95, self.wrong + 1, self.companies - self.wrong))

    @property
    def right(self) -> float:
        """Share of firm and right verdicts."""
        return (self.material if self.effect > 1 else self.negligible) / self.companies


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


def run(task: tuple[str, str, float, float, int, int]) -> Cell:
    """One cell of the grid."""
    key, design, error, effect, companies, seed = task
    metric = METRICS[key]
    base = answer_shares(Model(repeat_share=0), key)
    start = base.answered.sum(axis=(0, 1)) / base.answered.sum()
    shares = [start, tilted(start, metric, -effect * metric.margin)]
    spread = np.sqrt(metric.variance(start) + metric.variance(shares[1]))
    n = int(np.ceil((spread / (error * metric.margin)) ** 2))
    rng = np.random.default_rng([seed, int(1000 * error), int(10 * effect), DESIGNS.index(design), len(key)])
    found = dict.fromkeys(Verdict, 0)
    for _ in range(companies):
        cells, matrix = _company(rng, metric, shares, n, design)
        means = group_means(cells, metric, score="score", group="wave", labels=["1", "2"], matrix=matrix)
        change = change_since(means, metric, LEVEL)
        found[judge(change.low, change.high, metric.margin)] += 1
    return Cell(
        metric.short, design, error, n, effect, companies,
        found[Verdict.NEGLIGIBLE], found[Verdict.MATERIAL], found[Verdict.INCONCLUSIVE],
    )  # fmt: skip


def grid(
    companies: int, seed: int = 20250401, *, metrics=("nps", "csat", "ces"), errors=ERRORS, designs=DESIGNS
):
    """The tasks."""
    return [
        (metric, design, error, effect, companies, seed)
        for metric in metrics for design in designs for error in errors for effect in EFFECTS
    ]  # fmt: skip


def failures(cells: list[Cell]) -> list[str]:
    """Cells that break the promise: wrong above 5 %, or too few firm verdicts where they are owed."""
    broken = []
    for c in cells:
        name = f"{c.metric}, {c.design}, n {c.n}, true change {c.effect:g} margins"
        if c.wrong_limit > 0.05:
            broken.append(f"{name}: wrong in {c.wrong} of {c.companies}")
        if c.error <= 0.2 and c.effect in (0.0, 2.0) and c.right < 0.8:
            broken.append(f"{name}: firm and right in only {c.right:.0%}")
    return broken


def main() -> None:
    """Print the grid as a table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--companies", type=int, default=1000)
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--metrics", nargs="+", default=["nps", "csat", "ces"], choices=list(METRICS))
    arguments.add_argument(
        "--errors", nargs="+", type=float, default=ERRORS, help="of the change, in margins"
    )
    arguments.add_argument("--designs", nargs="+", default=DESIGNS, choices=DESIGNS)
    arguments.add_argument("--address", help="a Dask scheduler, to spread the work over a cluster")
    given = arguments.parse_args()
    with executor(given.address, workers=given.workers) as pool:
        wanted = {"metrics": given.metrics, "errors": given.errors, "designs": given.designs}
        cells = list(pool.map(run, grid(given.companies, **wanted)))
    print(
        "| metric | answers | n a wave | error/margin | true change/margin | wrong | 95 % limit | firm and right |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for c in cells:
        print(
            f"| {c.metric} | {c.design} | {c.n:,} | {c.error:g} | {c.effect:g} | {c.wrong} of {c.companies:,} | "
            f"{c.wrong_limit:.2%} | {c.right:.1%} |"
        )
    broken = failures(cells)
    print("\nEvery cell keeps the promise." if not broken else "\nBroken:\n" + "\n".join(broken))


if __name__ == "__main__":
    main()
