"""How often is the predictive-validity study's verdict wrong? Companies of known truth, counted.

    python benchmarks/verdicts_predictive_validity.py [--companies 1000] [--workers 2] [--table]

Question: does the score add the margin to the AUC, beyond what was known without asking? The true effect is the gain of
the rule trained on n customers, judged on fresh ones: the mean over many training samples of the gain in a population of
200,000 whose chances are known, so that no coin enters the judging. A population is made by the demo company's
equations; companies are drawn from it customer by customer, and each goes through the study's own path from rows to
verdict (one score raced: the strictest case, as several share the error between them).

Scores that add nothing: one that nothing depends on, and one that goes with behaviour, which decides alone. Scores that
add: all along the scale, or only where customers are less satisfied than most.

The grid: churn of 2, 10 and 40 % by 300 and 3,000 customers with an answer by every way of adding, with true gains of 0,
½, 0.9, 1.1 and 2 margins; with 30,000 all of that at 10 % churn; with 100,000 a score that goes with behaviour, and the
gains next to the margin at 10 %. 1,000 companies a row. At 2 % churn 300 customers have 6 events: the study refuses, and
there is no row. 65 rows.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from measure import HERE, table
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import norm
from verdict_grid import TARGET, Grid, parser, wrong_limit

from cxstats.findings import Verdict, judge
from cxstats.methods.incremental import EVENTS_PER_COLUMN, FEWEST_EVENTS, race
from cxstats.methods.part_fits import Rows, fit_penalties
from cxstats.methods.predictors import predictor_block
from cxstats.methods.splits import best_penalty
from cxstats.simulation import Model
from cxstats.simulation.frame import LEVELS
from cxstats.simulation.model import CHURN
from cxstats.simulation.people import customers, risk, spell
from cxstats.simulation.population import population
from cxstats.studies.predictive_validity.study import MARGIN, PARTS
from cxstats.words import join_words

DOCS = HERE.parent / "docs" / "methods" / "prediction.md"
POOL = 200_000
TRAININGS = 100
"""Training samples over which a true gain is the mean; a fifth of them while a slope is sought."""
THROUGH = ("nothing", "behaviour only", "the whole scale", "the low end")
REAL = (0.5, 0.9, 1.1, 2.0)
EFFECTS = {"nothing": (0.0,), "behaviour only": (0.0,), "the whole scale": REAL, "the low end": REAL}
CHURN_RATES = (0.02, 0.1, 0.4)
SIZES = (300, 3_000, 30_000, 100_000)
LARGEST = 100_000
COMPANIES = 1_000
SCORE, EVENT = "nps", "churned"
KNOWN = ("country", "segment", "channel", "tenure_months", "tickets_90d", "app_days_90d", "annual_revenue")
LEVEL = 0.95
GRID = Grid("predictive_validity", ("through", "churn", "n", "effect"), rule=1)


class Population:
    """200,000 customers with an answer each, and their chance of leaving."""

    def __init__(self, through: str, churn: float) -> None:
        model, outcome = (
            Model(waves=1, repeat_share=0, change=0),
            replace(CHURN, rate=churn, silence=0, effort=0),
        )
        if through == "nothing":
            outcome = replace(outcome, behaviour=0)
        self.churn = churn
        self.outcome = replace(outcome, low_end=through == "the low end")
        self.who = customers(model, 71, POOL)
        everybody = np.arange(POOL)
        people = population(model)
        self.then = spell(
            people, self.who, everybody, np.zeros(POOL, dtype=int), seed=71, turn=0, items=False
        )
        facts = {
            name: pd.Categorical.from_codes(people.frame.codes[name][self.who.cell], LEVELS[name])
            for name in KNOWN[:3]
        }
        facts |= {name: getattr(self.who, name).astype(float) for name in KNOWN[3:]}
        self.rows = pd.DataFrame(facts | {SCORE: self.then.answers[SCORE].astype(float)})

    def chances(self, slope: float) -> np.ndarray:
        """Chance of leaving of each, where a standard deviation of satisfaction takes ``slope`` off the log-odds."""
        log_odds = risk(replace(self.outcome, satisfaction=-slope), self.who, np.arange(POOL), self.then)
        return expit(log_odds + brentq(lambda a: expit(log_odds + a).mean() - self.churn, -40, 40))

    @lru_cache(maxsize=2)  # noqa: B019 (a population is kept as long as its process works on it)
    def designs(self, linear: bool) -> tuple[np.ndarray, np.ndarray]:
        """Columns of the rule of what is known, and of that with the score: knots as in the whole population."""
        known = predictor_block(self.rows, KNOWN, "known", linear=linear).columns
        score = predictor_block(self.rows, [SCORE], SCORE, linear=linear).columns
        base = np.column_stack([np.ones(POOL), known])
        return base, np.column_stack([base, score])

    def gain_once(self, rng: np.random.Generator, n: int, chance: np.ndarray) -> float:
        """Gain in the population of the rule trained on n customers; NaN where the study would train none."""
        chosen = rng.integers(POOL, size=n)
        event = (rng.random(n) < chance[chosen]).astype(float)
        part = rng.integers(PARTS, size=n)
        fewer = min(event.sum(), n - event.sum())
        if fewer < FEWEST_EVENTS:
            return float("nan")
        few = fewer < EVENTS_PER_COLUMN * (self.designs(False)[1].shape[1] - 1)
        areas = []
        for design in self.designs(bool(few)):
            rows = Rows.by_part(design[chosen], event, np.ones(n), part, PARTS)
            rule = best_penalty(fit_penalties(rows, few_events=bool(few)), rows)
            areas.append(area(design @ rule.beta, chance))
        return areas[1] - areas[0]

    def gain(self, n: int, slope: float, *, trainings: int = TRAININGS, seed: int) -> tuple[float, float]:
        """True effect at n, and the Monte-Carlo error of it."""
        chance = self.chances(slope)
        rng = np.random.default_rng([seed, n])
        found = np.array([self.gain_once(rng, n, chance) for _ in range(trainings)])
        found = found[np.isfinite(found)]
        return (
            (float(found.mean()), float(found.std() / np.sqrt(len(found))))
            if len(found) > 1
            else (np.nan, np.nan)
        )


def area(score: np.ndarray, chance: np.ndarray, steps: int = 16_384) -> float:
    """AUC where each counts as a case with its chance and as a control with the rest, of the score in so many steps.

    Ordering 200,000 scores takes ten times as long, and changes the sixth digit.
    """
    lowest = score.min()
    step = ((score - lowest) * ((steps - 1) / (score.max() - lowest))).astype(np.intp)
    case = np.bincount(step, weights=chance, minlength=steps)
    other = np.bincount(step, minlength=steps) - case
    return float(case @ (np.cumsum(other) - other / 2) / (case.sum() * other.sum()))


@lru_cache(maxsize=2)
def _population(through: str, churn: float) -> Population:
    return Population(through, churn)


def _slope(people: Population, n: int, target: float, seed: int) -> float:
    """The slope at which the true gain is ``target``; the same customers and coins for every slope tried."""

    def apart(slope: float) -> float:
        return people.gain(n, slope, trainings=TRAININGS // 5, seed=seed)[0] - target

    return float(brentq(apart, 0.0, 4.0, xtol=0.002))


def run(task: dict[str, Any]) -> dict[str, Any] | None:
    """One row of the grid: how many companies got which verdict; None where no rule is ever trained."""
    through, churn, n, effect = (task[name] for name in GRID.settings)
    people, seed = _population(through, churn), task["seed"]
    if not np.isfinite(people.gain(n, 0.0, trainings=8, seed=seed)[0]):
        return None
    slope = _slope(people, n, effect * MARGIN, seed) if effect else 0.0
    truth, error = people.gain(n, slope, seed=seed + 1)
    chance = people.chances(slope)
    rng = np.random.default_rng([seed, n, int(1000 * churn), int(10 * effect), THROUGH.index(through)])
    verdicts, gains, errors, covered = dict.fromkeys(Verdict, 0), [], [], 0
    for _ in range(task["companies"]):
        chosen = rng.integers(POOL, size=n)
        own = {EVENT: rng.random(n) < chance[chosen], "part": rng.integers(PARTS, size=n)}
        try:
            raced = race(
                people.rows.iloc[chosen].assign(**own), scores=[SCORE], outcome=EVENT, known=KNOWN, level=LEVEL,
                resamples=1, optimism=False, contributions=False,
            ).gains.loc[SCORE]  # fmt: skip
        except ValueError as refused:
            if "are needed before a rule can be trained" not in str(refused):
                raise
            verdicts[Verdict.NOT_ANSWERABLE] += 1
            continue
        verdicts[judge(raced["low"], raced["high"], MARGIN)] += 1
        gains.append(raced["gain"])
        errors.append(raced["standard_error"])
        covered += bool(raced["low"] <= truth <= raced["high"])
    return {
        "slope": round(slope, 4),
        "truth": round(truth, 5),
        "truth_error": round(error, 5),
        "gain": round(float(np.mean(gains)), 5),
        "spread": round(float(np.std(gains)), 5),
        "error": round(float(np.sqrt(np.mean(np.square(errors)))), 5),
        "covered": covered,
        "negligible": verdicts[Verdict.NEGLIGIBLE],
        "material": verdicts[Verdict.MATERIAL],
        "inconclusive": verdicts[Verdict.INCONCLUSIVE],
        "refused": verdicts[Verdict.NOT_ANSWERABLE],
    }


def declared(task: dict[str, Any]) -> bool:
    """Whether the grid holds a row: see the top of this file."""
    n, through, effect = task["n"], task["through"], task["effect"]
    if n * task["churn"] < FEWEST_EVENTS:
        return False
    wrong_here = through == "behaviour only" or (through != "nothing" and effect in (0.9, 1.1))
    if n == LARGEST:
        return wrong_here and through != "the low end" and (effect == 0 or task["churn"] == 0.1)
    return n < 30_000 or task["churn"] == 0.1


def grid(churn_rates=CHURN_RATES, sizes=SIZES, effects=(0.0, *REAL), through=THROUGH) -> list[dict[str, Any]]:
    """The tasks, the most telling first: what most companies are like, next to the margin on both sides."""
    tasks = [
        {"through": one, "churn": churn, "n": n, "effect": effect}
        for n in sizes for churn in churn_rates for one in through for effect in EFFECTS[one] if effect in effects
    ]  # fmt: skip
    size = [3_000, 30_000, 300, 100_000]
    near = [0.9, 1.1, 0.0, 2.0, 0.5]
    usual_way = ["the whole scale", "behaviour only", "the low end", "nothing"]

    def place(task: dict[str, Any]) -> tuple:
        first = task["through"] in usual_way[:2] and task["effect"] in near[:3]
        return (
            0 if first and task["churn"] == 0.1 else 1 if first else 2,
            size.index(task["n"]),
            near.index(task["effect"]),
            usual_way.index(task["through"]),
            task["churn"],
        )

    return sorted(filter(declared, tasks), key=place)


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows in the grid's order, with the share of wrong verdicts, of firm and right ones, and the coverage."""
    rows = rows.astype({"churn": float, "n": int, "effect": float})
    matters = rows["truth"].abs() > MARGIN
    wrong = rows["negligible"].where(matters, rows["material"])
    right = rows["material"].where(matters, rows["negligible"]) / rows["companies"]
    raced = rows["companies"] - rows["refused"]
    limit = [wrong_limit(w, c) for w, c in zip(wrong, rows["companies"], strict=True)]
    rows = rows.assign(wrong=wrong, limit=limit, right=right, coverage=rows["covered"] / raced)
    order = {name: place for place, name in enumerate(THROUGH)}
    return rows.sort_values(
        ["churn", "n", "through", "effect"],
        key=lambda c: c.map(order) if c.name == "through" else c,
        ignore_index=True,
    )


def broken(rows: pd.DataFrame) -> list[str]:
    """Rows that break the promise: wrong above 5 %, or too few firm verdicts where they are owed."""
    found = []
    for row in rows.itertuples():
        name = f"{row.through}, churn {row.churn:.0%}, n {row.n:,}, true gain {row.truth:+.4f}"
        if row.limit > TARGET:
            found.append(f"{name}: wrong in {row.wrong} of {row.companies:,} (limit {row.limit:.1%})")
        if row.error <= MARGIN / 5 and row.effect in (0.0, 2.0) and row.right < 0.8:
            found.append(f"{name}: firm and right in only {row.right:.0%}")
    return found


def intervals(rows: pd.DataFrame) -> str:
    """In how many rows intervals hold the truth as often as they say, within two Monte-Carlo errors; and in which not."""
    short = rows[rows["coverage"] < LEVEL - 2 * np.sqrt(LEVEL * (1 - LEVEL) / rows["companies"])]
    if short.empty:
        return (
            f"In every row at least {LEVEL:.0%} of intervals hold the truth, within two Monte-Carlo errors."
        )
    named = join_words(
        [
            f"{row.coverage:.1%} ({row.through}, {row.churn * row.n:,.0f} events of {row.n:,}, true gain {row.truth:+.3f})"
            for row in short.itertuples()
        ]
    )
    return (
        f"In {len(rows) - len(short)} of {len(rows)} rows at least {LEVEL:.0%} of intervals hold the truth, within two "
        f"Monte-Carlo errors; in the others they are a little too short: {named}."
    )


def power(rows: pd.DataFrame) -> list[tuple[str, ...]]:
    """Customers with an answer that it takes, by churn: where the error of the rows next to the margin is small enough."""
    real = rows[rows["effect"].isin([0.9, 1.1])]
    table = []
    for churn, own in real.groupby("churn"):
        errors = own.groupby("n")["error"].apply(lambda error: float(np.sqrt(np.mean(error**2))))
        tail, one_in_five = norm.ppf((1 + LEVEL) / 2), norm.ppf(0.8)
        # seen: the interval of a gain of the margin lies above 0
        seen = _needed(errors, MARGIN / (tail + one_in_five))
        double = _needed(errors, 2 * MARGIN / (tail + one_in_five))
        three = _needed(errors, MARGIN / (norm.ppf(1 - (1 - LEVEL) / 6) + one_in_five))
        sizes = [f"{_rounded(n):,}" for n in (double, seen, three, seen * churn)]
        table.append((f"{churn:.0%}", *sizes, join_words([f"{n:,}" for n in errors.index])))
    return table


def _needed(errors: pd.Series, error: float) -> float:
    """The n at which a standard error is reached: between sizes measured on a line of logarithms, beyond as 1/√n."""
    if error >= errors.iloc[0] or error <= errors.iloc[-1]:
        nearest = errors.index[0 if error >= errors.iloc[0] else -1]
        return float(nearest * (errors[nearest] / error) ** 2)
    return float(
        np.exp(np.interp(-np.log(error), -np.log(errors.to_numpy()), np.log(errors.index.to_numpy(float))))
    )


def _rounded(n: float) -> int:
    """Two digits: more the errors do not carry."""
    return int(float(f"{n:.1e}"))


def publish() -> None:
    """Write the section of RESULTS.md."""
    rows = judged(GRID.rows())
    header = [
        "score adds through", "churn", "n", "true gain", "mean gain", "spread", "error", "coverage", "wrong", "95 % limit",
        "negligible", "material", "too few",
    ]  # fmt: skip
    body = [
        (
            row.through, f"{row.churn:.0%}", f"{row.n:,}", f"{row.truth:+.4f}", f"{row.gain:+.4f}", f"{row.spread:.4f}",
            f"{row.error:.4f}", f"{row.coverage:.1%}", f"{row.wrong} of {row.companies:,}", f"{row.limit:.2%}",
            f"{row.negligible / row.companies:.0%}", f"{row.material / row.companies:.0%}",
            f"{(row.inconclusive + row.refused) / row.companies:.0%}",
        )
        for row in rows.itertuples()
    ]  # fmt: skip
    fewer = int((rows["companies"] < COMPANIES).sum())
    short = f", but for {fewer} with fewer until run again" if fewer else ""
    header_of_power = [
        "churn",
        "gain 0.04",
        "gain 0.02",
        "0.02, three scores raced",
        "events for 0.02",
        "measured with n of",
    ]
    needed = table(header_of_power, power(rows))
    so_far = f"All {len(rows)}" if len(rows) == len(grid()) else f"So far {len(rows)} of the {len(grid())}"
    said = f"""
Question: does the score add {MARGIN} to the AUC beyond what was known without asking? Companies of known truth through the
study's own path from rows to verdict, one score raced, at the 95 % level. The true gain is that of the rule trained on n
customers, judged on fresh ones: {TRAININGS} training samples, judged by the true chances of {POOL:,} customers. "error" is
the study's standard error, "spread" the standard deviation of its gains. Wrong is "negligible" when the true gain is above
the margin, or "material" when it is not; target: the Clopper–Pearson 95 % upper limit at most 5 % in every row.
{so_far} rows of the grid, {COMPANIES:,} companies each{short}.

Customers with an answer that it takes, in 80 of 100 surveys, to tell a gain from none (its interval above 0), by the errors
above; between sizes on a straight line of logarithms, beyond them as 1/√n:

{needed}

Every row:"""
    GRID.publish(
        "Verdicts of the predictive-validity study",
        said,
        table(header, body),
        broken(rows),
        inside=rows,
        of=len(grid()),
        also=intervals(rows),
    )
    page = DOCS.read_text(encoding="utf-8")
    start, end = page.index("<!-- power -->"), page.index("<!-- /power -->")
    DOCS.write_text(f"{page[:start]}<!-- power -->\n{needed}\n{page[end:]}", encoding="utf-8")


def main() -> None:
    """Run what is missing of the grid, then write the table."""
    arguments = parser(__doc__)
    arguments.add_argument("--churn", nargs="+", type=float, default=CHURN_RATES, choices=CHURN_RATES)
    arguments.add_argument("--sizes", nargs="+", type=int, default=SIZES, choices=SIZES)
    arguments.add_argument("--effects", nargs="+", type=float, default=(0.0, *REAL), help="in margins")
    arguments.add_argument("--through", nargs="+", default=THROUGH, choices=THROUGH)
    given = arguments.parse_args()
    if not given.table:
        tasks = grid(given.churn, given.sizes, given.effects, given.through)
        GRID.work(tasks, run, companies=given.companies, workers=given.workers, address=given.address)
    publish()


if __name__ == "__main__":
    main()
