"""How often is the response-rate study's verdict wrong? Companies of known truth, counted.

    python benchmarks/verdicts_response_rate_bias.py [--companies 1000] [--workers 2]

Question: is the published score off by the margin because of who happened to answer? True biases of 0, ½, 0.9, 1.1
and 2 margins; response that depends on nothing, on what is known of customers, on satisfaction in a line, or on
satisfaction at both ends; 5 to 60 % response; 500 to 100,000 invitations; facts that foretell satisfaction well
(correlation 0.7), fairly (0.5) or hardly (0.3). Wrong is "negligible" when the true bias is above the margin, or
"material" when it is at most the margin. Every cell of the grid has its own Clopper–Pearson limit; cells are never
averaged. Response at both ends lies outside what the range assumes: its cells are printed, and marked.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, ndtri
from scipy.stats import beta

import cxstats as cx
from cxstats.findings import Verdict
from cxstats.simulation import executor
from cxstats.studies.response_rate_bias.frame import ANSWERED, PARTS, Frame
from cxstats.studies.response_rate_bias.numbers import Settings
from cxstats.studies.response_rate_bias.study import decide

EFFECTS = (0.0, 0.5, 0.9, 1.1, 2.0)
RATES = (0.05, 0.2, 0.6)
SIZES = (500, 5_000, 20_000, 100_000)
RESPONSES = ("nothing", "the frame", "satisfaction", "both ends")
FORETELLING = (0.7, 0.5, 0.3)
LEVEL = 0.95
SHARES = (0.15, 0.33, 0.52)  # detractors, passives, promoters of everyone invited
# customers by four facts, and what each category adds to the satisfaction that can be foretold
FACTS = {
    "segment": ((0.4, 0.3, 0.2, 0.1), (0.3, 0.0, -0.3, -0.8)),
    "use": ((0.4, 0.35, 0.25), (0.6, 0.0, -0.8)),
    "tickets": ((0.7, 0.2, 0.1), (0.3, -0.4, -1.2)),
    "tenure": ((0.25, 0.3, 0.27, 0.18), (-0.3, 0.0, 0.1, 0.4)),
}
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(61)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the grid and what became of its companies."""

    response: str
    foretelling: float
    rate: float
    n: int
    effect: float
    companies: int
    negligible: int
    material: int
    inconclusive: int
    not_answerable: int
    error: float

    @property
    def wrong(self) -> int:
        """Companies with a wrong verdict."""
        return self.negligible if self.effect > 1 else self.material

    @property
    def wrong_limit(self) -> float:
        """Clopper–Pearson 95 % upper limit of the share of wrong verdicts."""
        if self.wrong == self.companies:
            return 1.0
        return float(beta.ppf(0.95, self.wrong + 1, self.companies - self.wrong))

    @property
    def right(self) -> float:
        """Share of firm and right verdicts."""
        return (self.material if self.effect > 1 else self.negligible) / self.companies

    @property
    def assumed(self) -> bool:
        """Whether the company is one of those the range assumes."""
        return self.response != "both ends"


@lru_cache(maxsize=4)
def frame_cells() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Frame cells, their shares, and foretold satisfaction with mean 0 and variance 1."""
    codes = np.stack(np.meshgrid(*(np.arange(len(s)) for s, _ in FACTS.values()), indexing="ij"), -1)
    codes = codes.reshape(-1, len(FACTS))
    share = np.prod([np.asarray(s)[codes[:, j]] for j, (s, _) in enumerate(FACTS.values())], axis=0)
    worth = np.sum([np.asarray(e)[codes[:, j]] for j, (_, e) in enumerate(FACTS.values())], axis=0)
    worth = worth - share @ worth
    table = pd.DataFrame({name: codes[:, j].astype(str) for j, name in enumerate(FACTS)}).astype("string")
    return table, share, worth / np.sqrt(share @ worth**2)


def probabilities(
    response: str, foretelling: float, rate: float, slope: float
) -> tuple[np.ndarray, np.ndarray]:
    """P(score, answered) and P(score, silent) per frame cell, shape (C, 3) each; all together they sum to 1."""
    _, share, proxy = frame_cells()
    cuts = ndtri(np.cumsum(SHARES)[:-1])
    rest = np.sqrt(1 - foretelling**2)
    satisfaction = foretelling * proxy[:, None] + rest * _NODES  # (C, nodes)
    drive = {
        "nothing": np.zeros_like(satisfaction),
        "the frame": np.broadcast_to(proxy[:, None], satisfaction.shape),
        "satisfaction": satisfaction,
        "both ends": (satisfaction**2 - 1) / np.sqrt(2),
    }[response]
    weight = share[:, None] * _WEIGHTS

    def answered(a: float) -> np.ndarray:
        return expit(a + slope * drive)

    a = brentq(lambda a: (weight * answered(a)).sum() - rate, -30, 30, xtol=1e-12)
    # the score's own noise is part of satisfaction here: what decides the answer is what may decide answering
    group = np.searchsorted(cuts, satisfaction)
    p = answered(a)
    yes = np.stack([(weight * p * (group == k)).sum(axis=1) for k in range(3)], axis=1)
    no = np.stack([(weight * (1 - p) * (group == k)).sum(axis=1) for k in range(3)], axis=1)
    return yes, no


def true_bias(yes: np.ndarray, no: np.ndarray) -> float:
    """Expected NPS of those who answer minus that of everyone invited."""
    values = cx.NPS.distinct_values
    everyone = (yes + no).sum(axis=0)
    return float(yes.sum(axis=0) @ values / yes.sum() - everyone @ values / everyone.sum())


@lru_cache(maxsize=256)
def company(
    response: str, foretelling: float, rate: float, effect: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Probabilities with exactly this bias (in margins); None where no such company exists."""
    target = effect * cx.NPS.margin
    if response == "nothing":
        return probabilities(response, foretelling, rate, 0.0) if effect == 0 else None
    if effect == 0:
        return None
    sign = 1.0 if response != "both ends" else None

    def off(slope: float) -> float:
        return true_bias(*probabilities(response, foretelling, rate, slope)) - target

    for end in (0.5, 1.0, 2.0, 4.0) if sign else (0.5, 1.0, 2.0, -0.5, -1.0, -2.0):
        if off(0.0) * off(end) < 0:
            return probabilities(response, foretelling, rate, brentq(off, *sorted((0.0, end)), xtol=1e-10))
    return None


def draw(rng: np.random.Generator, yes: np.ndarray, no: np.ndarray, n: int) -> Frame:
    """One company's invitations, as the study counts them."""
    table, _, _ = frame_cells()
    scores = (3, 8, 10)
    p = np.concatenate([yes.ravel(), no.sum(axis=1)])
    parts = rng.multinomial(rng.multinomial(n, np.full(PARTS, 1 / PARTS)), p / p.sum())  # (parts, cells)
    part, at = np.nonzero(parts)
    answered = at < yes.size
    cell = np.where(answered, at // 3, at - yes.size)
    score = pd.array(np.where(answered, np.asarray(scores)[at % 3], 0), dtype="Int64")
    score[~answered] = pd.NA
    frame = (
        table.iloc[cell]
        .reset_index(drop=True)
        .assign(nps=score, n=parts[part, at], part=part, **{ANSWERED: answered})
    )
    by = [*FACTS, "nps", ANSWERED]
    together = frame.groupby(by, dropna=False, observed=True, as_index=False)["n"].sum()
    return Frame(together, frame, together, {name: name for name in FACTS}, (), (), "", True)


def run(task: tuple[str, float, float, int, float, int, int]) -> Cell | None:
    """One cell of the grid."""
    response, foretelling, rate, n, effect, companies, seed = task
    truth = company(response, foretelling, rate, effect)
    if truth is None:
        return None
    chosen = Settings("nps", cx.NPS.margin, LEVEL, None, "raking", None, None, 10, seed)
    key = [seed, RESPONSES.index(response), int(100 * foretelling), int(100 * rate), n, int(10 * effect)]
    rng = np.random.default_rng(key)
    found = dict.fromkeys(Verdict, 0)
    errors = []
    for _ in range(companies):
        frame = draw(rng, *truth, n)
        if frame.n_answered < chosen.smallest_group:
            found[Verdict.INCONCLUSIVE] += 1
            continue
        decided, parts, _, _ = decide(frame, cx.NPS, chosen)
        found[decided] += 1
        if (region := parts.get("region")) is not None:
            errors.append(max(region.lowest - region.low, region.high - region.highest) / 1.96)
    return Cell(
        response, foretelling, rate, n, effect, companies,
        found[Verdict.NEGLIGIBLE], found[Verdict.MATERIAL], found[Verdict.INCONCLUSIVE], found[Verdict.NOT_ANSWERABLE],
        float(np.median(errors)) / cx.NPS.margin if errors else float("nan"),
    )  # fmt: skip


def grid(
    companies: int,
    seed: int = 20250401,
    *,
    responses=RESPONSES,
    foretelling=FORETELLING,
    rates=RATES,
    sizes=SIZES,
    effects=EFFECTS,
) -> Iterator[tuple]:
    """The tasks."""
    for response in responses:
        for r in foretelling:
            for rate in rates:
                for n in sizes:
                    for effect in effects:
                        if (response == "nothing") == (effect == 0):
                            yield response, r, rate, n, effect, companies, seed


def failures(cells: list[Cell]) -> list[str]:
    """Cells that break the promise: wrong above 5 %, or too few firm verdicts where they are owed."""
    broken = []
    for c in cells:
        name = (
            f"{c.response}, correlation {c.foretelling:g}, {c.rate:.0%} of {c.n:,}, bias {c.effect:g} margins"
        )
        if c.assumed and c.wrong_limit > 0.05:
            few = " (so few companies cannot prove 5 %)" if not c.wrong else ""
            broken.append(f"{name}: wrong in {c.wrong} of {c.companies}{few}")
        owed = c.error <= 0.2 and (c.effect == 0 or (c.effect >= 2 and c.response == "the frame"))
        if c.assumed and c.foretelling >= 0.5 and owed and c.right < 0.8:
            broken.append(f"{name}: firm and right in only {c.right:.0%}")
    return broken


def main() -> None:
    """Print the grid as a table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--companies", type=int, default=1000)
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--responses", nargs="+", default=RESPONSES, choices=RESPONSES)
    arguments.add_argument("--foretelling", nargs="+", type=float, default=FORETELLING)
    arguments.add_argument("--rates", nargs="+", type=float, default=RATES)
    arguments.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    arguments.add_argument("--effects", nargs="+", type=float, default=EFFECTS)
    arguments.add_argument("--address", help="a Dask scheduler, to spread the work over a cluster")
    given = arguments.parse_args()
    tasks = grid(
        given.companies,
        responses=given.responses,
        foretelling=given.foretelling,
        rates=given.rates,
        sizes=given.sizes,
        effects=given.effects,
    )
    with executor(given.address, workers=given.workers) as pool:
        cells = [cell for cell in pool.map(run, list(tasks)) if cell is not None]
    print(
        "| response by | correlation | rate | invited | error/margin | bias/margin | wrong | 95 % limit | negligible | "
        "material | too few | cannot say |"
    )
    print("| --- " * 12 + "|")
    for c in cells:
        outside = "" if c.assumed else " (outside)"
        print(
            f"| {c.response}{outside} | {c.foretelling:g} | {c.rate:.0%} | {c.n:,} | {c.error:.2f} | {c.effect:g} | "
            f"{c.wrong} of {c.companies:,} | {c.wrong_limit:.1%} | {c.negligible / c.companies:.0%} | "
            f"{c.material / c.companies:.0%} | {c.inconclusive / c.companies:.0%} | {c.not_answerable / c.companies:.0%} |"
        )
    broken = failures(cells)
    print("\nEvery cell keeps the promise." if not broken else "\nBroken:\n" + "\n".join(broken))


if __name__ == "__main__":
    main()
