"""How often is the response-style study's verdict wrong? Companies of known truth, counted.

    python benchmarks/verdicts_extreme_response_bias.py [--companies 1000] [--workers 2] [--table]

Question, per group against the reference: does it differ by the margin or more, whatever part of the difference in spread
is scale use? The answers come from latent values that each group stretches around the middle of the scale;
thresholds are those of the demo company, heaped at 10, 8 and 5.

Inside the assumptions: groups that differ in nothing, in style only, in satisfaction only, in both, and in true spread
(half of the difference in spread is style); and people who differ in style within each group too, which hides a
tenth of the difference between groups. Outside, printed without a target: a uniform leniency, and true spreads that
hide the style (the one wider, the other narrower). True effects of 0, ½, 0.9, 1.1 and 2 margins, the same for
every group, alternately up and down.

A company is wrong if *any* of its verdicts is: "negligible" when the true effect is above the margin, or
"material" when it is at most the margin. Cells are never averaged.

The grid: every way of differing × every effect × 100, 1,000 and 5,000 answers each, for NPS in five countries. Two and
thirty countries at the effects on either side of the margin, where verdicts go wrong (and at 0 where there is no
other), inside the assumptions; CSAT and CES the same in five countries. 50,000 answers each, where a firm verdict
is owed, for groups that differ in nothing or in satisfaction only.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measure import table
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import beta
from verdict_grid import TARGET, Grid, parser, wrong_limit

from cxstats.findings import Verdict
from cxstats.metrics import Metric
from cxstats.simulation import METRICS
from cxstats.simulation.model import ANSWERS
from cxstats.studies.extreme_response_bias.gaps import critical_value
from cxstats.studies.extreme_response_bias.study import verdicts_of_counts

EFFECTS = (0.0, 0.5, 0.9, 1.1, 2.0)
GROUPS = (5, 2, 30)
ANSWERS_EACH = (100, 1_000, 5_000)
MANY_ANSWERS = 50_000  # each: what makes the error a fifth of the margin
SCENARIOS = (
    "neither", "style", "substance", "both", "true spread", "leniency", "hidden style", "people differ",
)  # fmt: skip
INSIDE = (*SCENARIOS[:5], "people differ")
STRETCH = (0.24, -0.28, 0.11, 0.02, -0.15)  # log stretch of the groups beside the reference, over and over
LENIENCY = 0.2
PEOPLE = 0.20  # standard deviation of log stretch between persons, where people differ
REPLICATES = 100  # a report takes 400: with fewer, errors are less well known and more verdicts go wrong
REPLICATES_OF_MANY = 40  # of thirty groups, each of which is fitted in every replicate
GRID = Grid("extreme_response_bias", ("metric", "differ", "groups", "n", "effect"), rule=1)
DOCS = Path(__file__).resolve().parents[1] / "docs" / "methods" / "comparability.md"
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


def shares(
    cuts: np.ndarray,
    neutral: float,
    substance: float,
    log_spread: float,
    stretch: float,
    lenient: float = 0.0,
    people: float = 0.0,
) -> np.ndarray:
    """Shares of answers of a group: latent N(substance, spread), stretched around the neutral point.

    ``people`` is the standard deviation of persons' log-stretch around the group's.
    """
    found = np.zeros(len(cuts) + 1)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        s = np.exp(stretch + people * node)
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
    people = PEOPLE if scenario == "people differ" else 0.0
    base = shares(cuts, neutral, 0.0, 0.0, 0.0, people=people)
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
            return (
                float((shares(cuts, neutral, substance, spread, 0.0, people=people) - base) @ worth) - wanted
            )

        substance = brentq(off, -4, 4, xtol=1e-12)
        answers = shares(cuts, neutral, substance, log_spread, stretch, lenient, people)
        made.append(Group(answers, size))
    return made


def run(task: dict[str, Any]) -> dict[str, float]:
    """One row of the grid: how many companies and pairs got which verdict."""
    key, scenario, groups, n, effect = (task[name] for name in GRID.settings)
    metric, companies = METRICS[key], task["companies"]
    truth = company(metric, scenario, groups, effect)
    rng = np.random.default_rng(
        [task["seed"], groups, n, int(10 * effect), SCENARIOS.index(scenario), len(key)]
    )
    found = dict.fromkeys(Verdict, 0)
    wrong = covered = right = 0
    widths, errors = [], []
    critical = critical_value(0.95, groups - 1, np.inf)
    replicates = task.get("replicates", REPLICATES_OF_MANY if groups == max(GROUPS) else REPLICATES)
    for _ in range(companies):
        counts = np.array([rng.multinomial(n, group.shares) for group in truth])
        seed = int(rng.integers(2**31))
        verdicts = verdicts_of_counts(counts, metric, replicates=replicates, seed=seed)
        bad = False
        inside = True
        for (verdict, styled), group in zip(verdicts, truth[1:], strict=True):
            large = abs(group.effect) > metric.margin
            found[verdict] += 1
            bad |= verdict is (Verdict.NEGLIGIBLE if large else Verdict.MATERIAL)
            right += verdict is (Verdict.MATERIAL if large else Verdict.NEGLIGIBLE)
            if styled is not None:
                inside &= styled.region_low <= group.effect <= styled.region_high
                widths.append(styled.high - styled.low)
                chance = styled.region_high - styled.high + styled.low - styled.region_low
                errors.append(chance / 2 / critical)
        wrong += bad
        covered += inside
    return {
        "wrong": wrong,
        "covered": covered,
        "pairs": companies * (groups - 1),
        "right": right,
        "inconclusive": found[Verdict.INCONCLUSIVE],
        "not_answerable": found[Verdict.NOT_ANSWERABLE],
        "width": round(float(np.mean(widths)), 4) if widths else float("nan"),
        "error": round(float(np.mean(errors)), 4) if errors else float("nan"),
    }


def _exists(scenario: str, effect: float) -> bool:
    """Effects other than 0 only where satisfaction differs, and there no effect of 0."""
    if scenario in ("neither", "style"):
        return effect == 0.0
    return effect > 0.0 or scenario not in ("substance", "both")


def grid() -> list[dict[str, Any]]:
    """The tasks as the module states them, the most telling first."""
    near = (0.9, 1.1)
    every = [
        (metric, scenario, groups, n, effect)
        for metric, groups, scenario, n, effect in product(METRICS, GROUPS, SCENARIOS, ANSWERS_EACH, EFFECTS)
        if _exists(scenario, effect)
        and (metric == "nps" or groups == GROUPS[0])
        and (
            (metric == "nps" and groups == GROUPS[0])
            or (scenario in INSIDE and (effect in near or not _exists(scenario, near[0])))
        )
    ]
    every += [
        ("nps", scenario, groups, MANY_ANSWERS, effect)
        for scenario, groups, effect in product(("neither", "substance"), (2, 5), EFFECTS)
        if _exists(scenario, effect)
    ]

    def telling(task: tuple[str, str, int, int, float]) -> tuple[int, ...]:
        metric, scenario, groups, n, effect = task
        many = n == MANY_ANSWERS
        return (
            list(METRICS).index(metric),
            (scenario not in INSIDE) + (abs(effect - 1) > 0.2 and _exists(scenario, near[0]) and not many),
            GROUPS.index(groups),
            -n,
            SCENARIOS.index(scenario),
        )

    return [dict(zip(GRID.settings, task, strict=True)) for task in sorted(every, key=telling)]


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows by metric and scenario, with limits and shares."""
    rows = rows.astype({"groups": int, "n": int, "effect": float})
    rows["limit"] = [wrong_limit(w, c) for w, c in zip(rows["wrong"], rows["companies"], strict=True)]
    rows["order"] = rows["metric"].map(list(METRICS).index) * 10 + rows["differ"].map(SCENARIOS.index)
    return rows.sort_values(["order", "groups", "n", "effect"], ignore_index=True)


def broken(rows: pd.DataFrame) -> list[str]:
    """Rows inside the assumptions that break the promise."""
    found = []
    for row in rows.itertuples():
        if row.differ not in INSIDE:
            continue
        margin = METRICS[row.metric].margin
        name = f"{METRICS[row.metric].short}, {row.differ}, {row.groups} groups of {row.n:,}, {row.effect:g} margins"
        if row.limit > TARGET:
            found.append(f"{name}: wrong in {row.wrong} of {row.companies:,}")
        if beta.ppf(0.975, row.covered + 1, max(row.companies - row.covered, 1e-9)) < 0.95:
            found.append(
                f"{name}: regions hold the truth together in only {row.covered} of {row.companies:,}"
            )
        owed = row.error <= margin / 5 and row.differ in ("neither", "substance")
        if owed and row.effect in (0.0, 2.0) and row.right < 0.8 * row.pairs:
            found.append(f"{name}: firm and right in only {row.right / row.pairs:.0%}")
    return found


def publish() -> None:
    """Write the section of RESULTS.md."""
    rows = judged(GRID.rows())
    header = [
        "metric", "groups differ in", "groups", "answers each", "true effect/margin", "companies wrong", "95 % limit",
        "regions hold together", "firm and right", "too few", "cannot say", "width of range",
    ]  # fmt: skip
    body = [
        (
            METRICS[row.metric].short, row.differ + ("" if row.differ in INSIDE else " (outside)"), str(row.groups),
            f"{row.n:,}", f"{row.effect:g}", f"{row.wrong} of {row.companies:,}", f"{row.limit:.2%}",
            f"{row.covered / row.companies:.1%}", f"{row.right / row.pairs:.0%}", f"{row.inconclusive / row.pairs:.0%}",
            f"{row.not_answerable / row.pairs:.0%}", f"{row.width:.2f}",
        )
        for row in rows.itertuples()
    ]  # fmt: skip
    said = f"""
Question, per group against the reference: does it differ by the margin or more, whatever part of the difference in spread is
scale use? Companies of known truth through the study's own path from counts to verdict, at the 95 % level. A company is
wrong if any of its verdicts is; target: the Clopper–Pearson 95 % upper limit at most 5 % in every row inside the
assumptions. "Width of range" is how far the answer moves over the assumptions alone. Outside the assumptions, without a
target: leniency of {LENIENCY:g} standard deviations up or down; true spreads that hide the style. Where people differ,
their log-stretch has a standard deviation of {PEOPLE:g} within each group. Errors rest on {REPLICATES} replicates a company,
{REPLICATES_OF_MANY} with thirty groups (a report takes 400): the fewer, the more verdicts go wrong.
{len(rows)} of the grid's {len(grid())} rows."""
    rendered = table(header, body)
    GRID.publish(
        "Verdicts of the response-style study",
        said,
        rendered,
        broken(rows),
        inside=rows[rows["differ"].isin(INSIDE)],
        of=sum(task["differ"] in INSIDE for task in grid()),
    )
    text = DOCS.read_text(encoding="utf-8")
    begin, end = (text.index(mark) for mark in ("<!-- verdicts -->", "<!-- /verdicts -->"))
    DOCS.write_text(f"{text[:begin]}<!-- verdicts -->\n{rendered.strip()}\n{text[end:]}", encoding="utf-8")


def main() -> None:
    """Run what is missing of the grid, then write the table."""
    arguments = parser(__doc__)
    arguments.add_argument("--metrics", nargs="+", default=list(METRICS), choices=list(METRICS))
    arguments.add_argument("--scenarios", nargs="+", default=SCENARIOS, choices=SCENARIOS)
    arguments.add_argument("--groups", nargs="+", type=int, default=GROUPS)
    given = arguments.parse_args()
    if not given.table:
        tasks = [
            task
            for task in grid()
            if task["metric"] in given.metrics
            and task["differ"] in given.scenarios
            and task["groups"] in given.groups
        ]
        GRID.work(tasks, run, companies=given.companies, workers=given.workers, address=given.address)
    publish()


if __name__ == "__main__":
    main()
