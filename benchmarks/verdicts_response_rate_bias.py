"""How often is the response-rate study's verdict wrong? Companies of known truth, counted.

    python benchmarks/verdicts_response_rate_bias.py [--companies 1000] [--workers 2] [--table]

Question: is the published score off by the margin because of who happened to answer? True biases of 0, ½, 0.9, 1.1
and 2 margins; response that depends on nothing, on what is known of customers, on satisfaction in a line, or on
satisfaction at both ends; 5 to 60 % response; 500 to 100,000 invitations; facts that foretell satisfaction well
(correlation 0.7), or, of 100,000 of whom 20 % answered, fairly (0.5) or hardly (0.3). Wrong is "negligible" when the
true bias is above the margin, or "material" when it is at most the margin. Every cell of the grid has its own
Clopper–Pearson limit; cells are never averaged. Response at both ends lies outside what the range assumes: its cells
are printed, and marked.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from measure import table
from scipy.optimize import brentq
from scipy.special import expit, ndtri
from verdict_grid import TARGET, Grid, parser, wrong_limit

import cxstats as cx
from cxstats.findings import Verdict
from cxstats.studies.response_rate_bias.frame import ANSWERED, PARTS, Frame
from cxstats.studies.response_rate_bias.numbers import Settings
from cxstats.studies.response_rate_bias.study import decide, verdict_of

EFFECTS = (0.0, 0.5, 0.9, 1.1, 2.0)
RATES = (0.2, 0.05, 0.6)
SIZES = (100_000, 5_000, 500)
RESPONSES = ("satisfaction", "the frame", "nothing", "both ends")
FORETELLING = (0.7, 0.5, 0.3)
USUAL = (
    0.2,
    100_000,
)  # answered of invited; others are counted where facts foretell best and verdicts are firmest
LEVEL = 0.95
GRID = Grid("response_rate_bias", ("response", "foretelling", "rate", "n", "effect"), rule=2)
SHARES = (0.15, 0.33, 0.52)  # detractors, passives, promoters of everyone invited
SCORES = (3, 8, 10)  # an answer of each
IN_FULL = 25  # companies of a row that are measured as for a page: their errors are the row's
# customers by four facts, and what each category adds to the satisfaction that can be foretold
FACTS = {
    "segment": ((0.4, 0.3, 0.2, 0.1), (0.3, 0.0, -0.3, -0.8)),
    "use": ((0.4, 0.35, 0.25), (0.6, 0.0, -0.8)),
    "tickets": ((0.7, 0.2, 0.1), (0.3, -0.4, -1.2)),
    "tenure": ((0.25, 0.3, 0.27, 0.18), (-0.3, 0.0, 0.1, 0.4)),
}
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(61)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@lru_cache(maxsize=4)
def frame_cells() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes of the facts in each frame cell (C, 4), the cells' shares, and foretold satisfaction, mean 0, variance 1."""
    codes = np.stack(np.meshgrid(*(np.arange(len(s)) for s, _ in FACTS.values()), indexing="ij"), -1)
    codes = codes.reshape(-1, len(FACTS))
    share = np.prod([np.asarray(s)[codes[:, j]] for j, (s, _) in enumerate(FACTS.values())], axis=0)
    worth = np.sum([np.asarray(e)[codes[:, j]] for j, (_, e) in enumerate(FACTS.values())], axis=0)
    worth = worth - share @ worth
    return codes, share, worth / np.sqrt(share @ worth**2)


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
    codes, _, _ = frame_cells()
    p = np.concatenate([yes.ravel(), no.sum(axis=1)])
    parts = rng.multinomial(rng.multinomial(n, np.full(PARTS, 1 / PARTS)), p / p.sum())  # (parts, cells)
    part, at = np.nonzero(parts)
    by_part = cells_of(codes, at, yes.size, parts[part, at]).assign(part=part)
    whole = np.flatnonzero(parts.sum(axis=0))
    together = cells_of(codes, whole, yes.size, parts.sum(axis=0)[whole])
    return Frame(together, by_part, together, {name: name for name in FACTS}, (), (), "", True)


def cells_of(codes: np.ndarray, at: np.ndarray, answers: int, n: np.ndarray) -> pd.DataFrame:
    """Rows of counts as the study has them, from places: answers first (cell by cell, three scores), then the silent."""
    answered = at < answers
    cell = np.where(answered, at // 3, at - answers)
    score = pd.arrays.IntegerArray(np.asarray(SCORES)[at % 3], ~answered)
    return pd.DataFrame(
        {
            # labels as text, of which each is written once: reading them is not what is measured here
            **{
                name: pd.Categorical.from_codes(codes[cell, j], [str(k) for k in range(len(shares))])
                for j, (name, (shares, _)) in enumerate(FACTS.items())
            },
            "nps": score,
            "n": n,
            ANSWERED: answered,
        },
        copy=False,
    )


def run(task: dict[str, Any]) -> dict[str, Any] | None:
    """One row of the grid: how many companies got which verdict."""
    response, foretelling, rate, n, effect = (task[name] for name in GRID.settings)
    truth = company(response, foretelling, rate, effect)
    if truth is None:
        return None
    chosen = Settings("nps", cx.NPS.margin, LEVEL, None, "raking", None, None, 10, task["seed"])
    key = [RESPONSES.index(response), int(100 * foretelling), int(100 * rate), n, int(10 * effect)]
    rng = np.random.default_rng([task["seed"], *key])
    found = dict.fromkeys(Verdict, 0)
    errors = []
    for number in range(task["companies"]):
        frame = draw(rng, *truth, n)
        if frame.n_answered < chosen.smallest_group:
            found[Verdict.INCONCLUSIVE] += 1
            continue
        reached = verdict_of(frame, cx.NPS, chosen)
        found[reached] += 1
        if number < IN_FULL:
            decided, parts, _, _ = decide(frame, cx.NPS, chosen)
            if decided is not reached:
                raise RuntimeError(f"{task}: the page says {decided.words}, the short way {reached.words}")
            if (region := parts.get("region")) is not None:
                errors.append(max(region.lowest - region.low, region.high - region.highest) / 1.96)
    error = float(np.median(errors)) / cx.NPS.margin if errors else float("nan")
    return {
        "negligible": found[Verdict.NEGLIGIBLE],
        "material": found[Verdict.MATERIAL],
        "inconclusive": found[Verdict.INCONCLUSIVE],
        "not_answerable": found[Verdict.NOT_ANSWERABLE],
        "error": round(error, 4),
    }


def grid(
    responses=RESPONSES, foretelling=FORETELLING, rates=RATES, sizes=SIZES, effects=EFFECTS
) -> list[dict[str, Any]]:
    """The tasks, the most telling first.

    Well-informed companies first; near the margin before far from it, many invitations (where a wrong model shows, not
    chance) before few, and no bias at all as soon as a bias of two margins.
    """
    tasks = [
        {"response": response, "foretelling": r, "rate": rate, "n": n, "effect": effect}
        for response in responses
        for r in foretelling
        for rate in rates
        for n in sizes
        for effect in effects
        if (response == "nothing") == (effect == 0) and ((rate, n) == USUAL or r == FORETELLING[0])
    ]

    def place(task: dict[str, Any]) -> tuple[int, ...]:
        response, n = RESPONSES.index(task["response"]), SIZES.index(task["n"])
        near = (1.1, 0.9, 2.0, 0.0, 0.5).index(task["effect"])
        outside = int(task["response"] == "both ends")
        far = RATES.index(task["rate"]) + n + (near > 1) + (near > 3)
        return FORETELLING.index(task["foretelling"]), far + outside, near, n, response

    return sorted(tasks, key=place)


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows in the order of a reader, with the share of wrong verdicts and of firm and right ones."""
    numbers = ("foretelling", "rate", "n", "effect")
    rows = rows.astype(dict.fromkeys(numbers, float)).astype({"n": int})
    above = rows["effect"] > 1
    wrong = rows["negligible"].where(above, rows["material"])
    right = rows["material"].where(above, rows["negligible"]) / rows["companies"]
    limit = [wrong_limit(w, c) for w, c in zip(wrong, rows["companies"], strict=True)]
    order = rows["response"].map(("nothing", "the frame", "satisfaction", "both ends").index)
    rows = rows.assign(wrong=wrong, limit=limit, right=right, order=order)
    return rows.sort_values(
        ["order", "foretelling", "rate", "n", "effect"],
        ascending=[True, False, True, True, True],
        ignore_index=True,
    )


def broken(rows: pd.DataFrame) -> list[str]:
    """Rows that break the promise: wrong above 5 %, or too few firm verdicts where they are owed."""
    found = []
    for row in rows[rows["response"] != "both ends"].itertuples():
        name = (
            f"{row.response}, correlation {row.foretelling:g}, {row.rate:.0%} of {row.n:,} answered, true bias "
            f"{row.effect:g} margins"
        )
        if row.limit > TARGET:
            found.append(f"{name}: wrong in {row.wrong} of {row.companies:,}")
        owed = row.error <= 0.2 and (row.effect == 0 or (row.effect >= 2 and row.response == "the frame"))
        if row.foretelling >= 0.5 and owed and row.right < 0.8:
            found.append(f"{name}: firm and right in only {row.right:.0%}")
    return found


HEADER = [
    "response depends on",
    "correlation",
    "answered",
    "invited",
    "error/margin",
    "true bias/margin",
    "wrong",
    "95 % limit",
    "no difference",
    "a difference",
    "too few",
    "cannot say",
]


def publish() -> None:
    """Write the section of RESULTS.md."""
    rows = judged(GRID.rows())
    body = [
        (
            row.response + (" (not assumed)" if row.response == "both ends" else ""),
            f"{row.foretelling:g}", f"{row.rate:.0%}", f"{row.n:,}", f"{row.error:.2f}", f"{row.effect:g}",
            f"{row.wrong} of {row.companies:,}", f"{row.limit:.1%}",
            *(f"{count / row.companies:.0%}" for count in (
                row.negligible, row.material, row.inconclusive, row.not_answerable)),
        )
        for row in rows.itertuples()
    ]  # fmt: skip
    said = f"""
Question: is the published NPS off by the margin (5 points) because of who happened to answer? Companies of known truth
through the study's own path from counts to verdict, at the 95 % level. Correlation is that of satisfaction with what is
known of customers. Wrong is "no difference" when the true bias is above the margin, or "a difference" when it is at most the
margin; target: the Clopper–Pearson 95 % upper limit at most 5 % in every row, but those where both ends of the scale answer
more, which the range does not assume. Error is that of the end of the range nearest to the margin. {len(rows)} rows; a bias
that no such company can have has none."""
    GRID.publish(
        "Verdicts of the response-rate study",
        said,
        table(HEADER, body),
        broken(rows),
        inside=rows[rows["response"] != "both ends"],
        of=sum(task["response"] != "both ends" for task in grid()),
    )


def main() -> None:
    """Run what is missing of the grid, then write the table."""
    arguments = parser(__doc__)
    arguments.add_argument("--responses", nargs="+", default=RESPONSES, choices=RESPONSES)
    arguments.add_argument("--foretelling", nargs="+", type=float, default=FORETELLING)
    arguments.add_argument("--rates", nargs="+", type=float, default=RATES)
    arguments.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    arguments.add_argument("--effects", nargs="+", type=float, default=EFFECTS)
    given = arguments.parse_args()
    if not given.table:
        tasks = grid(given.responses, given.foretelling, given.rates, given.sizes, given.effects)
        GRID.work(tasks, run, companies=given.companies, workers=given.workers, address=given.address)
    publish()


if __name__ == "__main__":
    main()
