"""How often is the response-style study's verdict wrong? Companies of known truth, counted.

    python benchmarks/verdicts_extreme_response_bias.py [--companies 1000] [--workers 2]

Question, per group against the reference: does it differ by the margin or more, whatever part of the difference in spread
is scale use? The answers come from latent values that each person stretches around the middle of the scale, with
a stretch of its own around the country's; thresholds are those of the demo company, heaped at 10, 8 and 5.

Inside the assumptions: groups that differ in nothing, in style only, in satisfaction only, in both, and in true spread
(half of the difference in spread is style). Outside, printed without a target: a uniform leniency, and true spreads
that hide the style (the one wider, the other narrower). True effects of 0, ½, 0.9, 1.1 and 2 margins, the same for
every group, alternately up and down.

A company is wrong if *any* of its verdicts is: "negligible" when the true effect is above the margin, or
"material" when it is at most the margin. Cells are never averaged.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import beta

from cxstats.findings import Verdict
from cxstats.metrics import Metric
from cxstats.simulation import METRICS, executor
from cxstats.simulation.model import ANSWERS
from cxstats.studies.extreme_response_bias.study import verdicts_of_counts

EFFECTS = (0.0, 0.5, 0.9, 1.1, 2.0)
GROUPS = (2, 5, 12, 30)
ANSWERS_EACH = (100, 500, 2_000, 5_000)
SCENARIOS = ("neither", "style", "substance", "both", "true spread", "leniency", "hidden style")
INSIDE = SCENARIOS[:5]
STRETCH = (0.24, -0.28, 0.11, 0.02, -0.15)  # log stretch of the groups beside the reference, over and over
LENIENCY = 0.2
PEOPLE = 0.20  # standard deviation of log stretch between persons
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the grid and what became of its companies; shares of verdicts are over all pairs."""

    metric: str
    scenario: str
    groups: int
    n: int
    effect: float
    companies: int
    wrong: int
    covered: int
    right: float
    inconclusive: float
    not_answerable: float
    moved: float

    @property
    def wrong_limit(self) -> float:
        """Clopper–Pearson 95 % upper limit of the share of companies with a wrong verdict."""
        if self.wrong == self.companies:
            return 1.0
        return float(beta.ppf(0.95, self.wrong + 1, self.companies - self.wrong))


def shares(
    cuts: np.ndarray,
    neutral: float,
    substance: float,
    log_spread: float,
    stretch: float,
    lenient: float = 0.0,
) -> np.ndarray:
    """Shares of answers of a group: latent N(substance, spread), stretched by each person around the neutral point."""
    found = np.zeros(len(cuts) + 1)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        s = np.exp(stretch + PEOPLE * node)
        z = (cuts - lenient - neutral - s * (substance - neutral)) / (s * np.exp(log_spread))
        found += weight * np.diff(np.concatenate([[0.0], ndtr(z), [1.0]]))
    return found


@dataclass(frozen=True, slots=True)
class Group:
    """How a group answers, and by how much it truly differs from the reference."""

    shares: np.ndarray
    effect: float


def company(metric: Metric, scenario: str, groups: int, effect: float) -> list[Group]:
    """The groups' shares of answers, the reference first."""
    worth = np.asarray(metric.values, dtype=float)
    cuts = ndtri(np.cumsum(ANSWERS[metric.key])[:-1])
    middle = (metric.scale.size - 1) // 2
    neutral = (cuts[middle - 1] + cuts[middle]) / 2
    base = shares(cuts, neutral, 0.0, 0.0, 0.0)
    made = [Group(base, 0.0)]
    for k in range(groups - 1):
        stretch = STRETCH[k % len(STRETCH)]
        log_spread, lenient = 0.0, 0.0
        if scenario in ("neither", "substance"):
            stretch = 0.0
        elif scenario == "true spread":
            stretch, log_spread = stretch / 2, stretch / 2
        elif scenario == "hidden style":
            log_spread = -stretch
        elif scenario == "leniency":
            lenient = LENIENCY if k % 2 == 0 else -LENIENCY
        size = 0.0 if scenario in ("neither", "style") else effect * metric.margin * (1 if k % 2 else -1)

        def off(substance: float, spread: float = log_spread, wanted: float = size) -> float:
            return float((shares(cuts, neutral, substance, spread, 0.0) - base) @ worth) - wanted

        substance = brentq(off, -4, 4, xtol=1e-12)
        made.append(Group(shares(cuts, neutral, substance, log_spread, stretch, lenient), size))
    return made


def run(task: tuple[str, str, int, int, float, int, int, int]) -> Cell:
    """One cell of the grid."""
    key, scenario, groups, n, effect, companies, replicates, seed = task
    metric = METRICS[key]
    truth = company(metric, scenario, groups, effect)
    rng = np.random.default_rng([seed, groups, n, int(10 * effect), SCENARIOS.index(scenario), len(key)])
    found = dict.fromkeys(Verdict, 0)
    wrong = covered = right = 0
    moved = []
    for _ in range(companies):
        counts = np.array([rng.multinomial(n, group.shares) for group in truth])
        verdicts = verdicts_of_counts(counts, metric, replicates=replicates, seed=int(rng.integers(2**31)))
        bad = False
        inside = True
        for (verdict, styled), group in zip(verdicts, truth[1:], strict=True):
            large = abs(group.effect) > metric.margin
            found[verdict] += 1
            bad |= verdict is (Verdict.NEGLIGIBLE if large else Verdict.MATERIAL)
            right += verdict is (Verdict.MATERIAL if large else Verdict.NEGLIGIBLE)
            if styled is not None:
                inside &= styled.region_low <= group.effect <= styled.region_high
                moved.append(styled.high - styled.low)
        wrong += bad
        covered += inside
    total = companies * (groups - 1)
    return Cell(
        metric.short, scenario, groups, n, effect, companies, wrong, covered, right / total,
        found[Verdict.INCONCLUSIVE] / total, found[Verdict.NOT_ANSWERABLE] / total,
        float(np.mean(moved)) if moved else float("nan"),
    )  # fmt: skip


def grid(companies: int, replicates: int, seed: int = 20250401, **chosen):
    """The tasks; effects other than 0 only where satisfaction differs."""
    return [
        (metric, scenario, groups, n, effect, companies, replicates, seed)
        for metric in chosen["metrics"]
        for scenario in chosen["scenarios"]
        for groups in chosen["groups"]
        for n in chosen["answers"]
        for effect in (chosen["effects"] if scenario not in ("neither", "style") else (0.0,))
        if not (scenario in ("substance", "both") and effect == 0.0)
    ]


def failures(cells: list[Cell]) -> list[str]:
    """Cells inside the assumptions that break the promise."""
    broken = []
    for c in cells:
        if c.scenario not in INSIDE:
            continue
        name = f"{c.metric}, {c.scenario}, {c.groups} groups of {c.n:,}, true effect {c.effect:g} margins"
        if c.wrong_limit > 0.05:
            broken.append(f"{name}: wrong in {c.wrong} of {c.companies}")
        if beta.ppf(0.975, c.covered + 1, max(c.companies - c.covered, 1e-9)) < 0.95:
            broken.append(f"{name}: regions hold the truth together in only {c.covered} of {c.companies}")
    return broken


def main() -> None:
    """Print the grid as a table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--companies", type=int, default=1000)
    arguments.add_argument("--replicates", type=int, default=200)
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--metrics", nargs="+", default=["nps", "csat", "ces"], choices=list(METRICS))
    arguments.add_argument("--scenarios", nargs="+", default=SCENARIOS, choices=SCENARIOS)
    arguments.add_argument("--groups", nargs="+", type=int, default=GROUPS)
    arguments.add_argument("--answers", nargs="+", type=int, default=ANSWERS_EACH, help="per group")
    arguments.add_argument(
        "--effects", nargs="+", type=float, default=EFFECTS, help="true effect, in margins"
    )
    arguments.add_argument("--address", help="a Dask scheduler, to spread the work over a cluster")
    given = arguments.parse_args()
    chosen = {name: getattr(given, name) for name in ("metrics", "scenarios", "groups", "answers", "effects")}
    with executor(given.address, workers=given.workers) as pool:
        cells = list(pool.map(run, grid(given.companies, given.replicates, **chosen)))
    print(
        "| metric | groups differ in | groups | answers each | true effect/margin | companies wrong | 95 % limit | "
        "regions hold | firm and right | too few | cannot say | width of range |"
    )
    print("|" + " --- |" * 12)
    for c in cells:
        outside = "" if c.scenario in INSIDE else " (outside)"
        print(
            f"| {c.metric} | {c.scenario}{outside} | {c.groups} | {c.n:,} | {c.effect:g} | {c.wrong} of {c.companies:,} | "
            f"{c.wrong_limit:.2%} | {c.covered / c.companies:.1%} | {c.right:.0%} | {c.inconclusive:.0%} | "
            f"{c.not_answerable:.0%} | {c.moved:.2f} |"
        )
    broken = failures(cells)
    print(
        "\nEvery cell inside the assumptions keeps the promise."
        if not broken
        else "\nBroken:\n" + "\n".join(broken)
    )


if __name__ == "__main__":
    main()
