"""Facts that pull response against the score: the pull against statsmodels, what is found, and how often by mistake."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit

from cxstats.methods.fact_directions import OPPOSED, fact_directions
from cxstats.methods.nonignorable import net_score_bias
from cxstats.methods.proxy import proxy_data
from cxstats.metrics import NPS

FACTS = ("plan", "use", "tenure", "region")
CATEGORIES = np.array([-1.0, 0.0, 1.0])


def invitations(
    n: int, seed: int, *, slope: float, against: float, rate: float = -1.2, correlation: float = 0.7
) -> pd.DataFrame:
    """Answers decided by satisfaction (``slope``) and, the other way, by one fact by itself (``against``)."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, size=(n, len(FACTS)))
    proxy = CATEGORIES[codes].sum(axis=1) / np.sqrt(len(FACTS) * 2 / 3)
    satisfaction = correlation * proxy + np.sqrt(1 - correlation**2) * rng.normal(size=n)
    drive = rate + slope * satisfaction - against * CATEGORIES[codes[:, 0]]
    answered = rng.uniform(size=n) < expit(drive)
    score = pd.array(np.array([3, 8, 10])[np.searchsorted([-0.8, 0.1], satisfaction)], dtype="Int64")
    truth = np.asarray(score)
    score[~answered] = pd.NA
    rows = pd.DataFrame({name: codes[:, j].astype(str) for j, name in enumerate(FACTS)})
    rows = rows.assign(nps=score, part=rng.integers(0, 64, n), responded=answered)
    cells = rows.groupby([*FACTS, "nps", "part", "responded"], dropna=False).size().rename("n").reset_index()
    cells.attrs["bias"] = 100 * (np.sign(truth - 8)[answered].mean() - np.sign(truth - 8).mean())
    return cells


def found(cells: pd.DataFrame):
    return fact_directions(proxy_data(cells, NPS, FACTS, score="nps"), FACTS)


def test_pulls_are_the_covariance_of_two_least_squares_fits() -> None:
    cells = invitations(60_000, 1, slope=0.5, against=0.6)
    dummies = pd.get_dummies(cells[list(FACTS)], drop_first=True).astype(float)
    answers = cells["responded"].to_numpy()
    design = sm.add_constant(dummies)
    response = sm.WLS(answers.astype(float), design, weights=cells["n"]).fit()
    worth = 100 * np.sign(cells["nps"].fillna(8).to_numpy(dtype=float) - 8)
    score = sm.WLS(worth[answers], design[answers], weights=cells["n"][answers]).fit()
    wanted = []
    for name in FACTS:
        own = [c for c in dummies.columns if c.startswith(f"{name}_")]
        parts = [dummies[own].to_numpy() @ fit.params[own].to_numpy() for fit in (response, score)]
        wanted.append(np.cov(*parts, fweights=cells["n"], ddof=0)[0, 1])
    # ours leans on ten answers at the mean per category, and a fold learns the score from the others: not to the digit
    np.testing.assert_allclose(found(cells).pull, wanted, rtol=0.02)


def test_a_fact_that_goes_the_other_way_is_named() -> None:
    directions = found(invitations(40_000, 2, slope=0.5, against=0.4))
    assert directions.against == ("plan",)
    assert directions.opposition > OPPOSED
    assert not directions.holds


@pytest.mark.parametrize("slope", [0.5, -0.5, 0.0])
def test_response_that_follows_satisfaction_has_no_such_fact(slope: float) -> None:
    directions = found(invitations(20_000, 3, slope=slope, against=0.0))
    assert directions.holds
    assert directions.against == ()


def test_a_fact_with_hardly_any_pull_is_forgiven() -> None:
    # the proxy's shift falls short by a few percent: less than the tolerance of the other checks
    directions = found(invitations(40_000, 4, slope=0.5, against=0.22))
    assert directions.opposition < OPPOSED


def test_one_fact_alone_has_nothing_to_go_against() -> None:
    cells = invitations(5_000, 5, slope=0.5, against=0.0)
    directions = fact_directions(proxy_data(cells, NPS, ["plan"], score="nps"), ["plan"])
    assert directions.opposition == 0


def test_the_range_is_not_trusted_and_says_why() -> None:
    result = net_score_bias(
        invitations(40_000, 2, slope=0.5, against=0.4), NPS, FACTS, score="nps", draws=200
    )
    assert not result.trusted
    assert "pull response against the score: plan" in " ".join(result.reasons)
    row = result.checks.set_index("check").loc["facts against one another"]
    assert not row["holds"]


@pytest.mark.simulation
def test_how_often_a_fact_is_accused_or_missed() -> None:
    honest = [found(invitations(10_000, 100 + i, slope=0.4, against=0.0)).holds for i in range(60)]
    hidden = [found(invitations(10_000, 200 + i, slope=0.4, against=0.5)).holds for i in range(60)]
    assert np.mean(honest) > 0.93
    assert np.mean(hidden) < 0.1


@pytest.mark.simulation
def test_firm_and_wrong_verdicts_fall_and_honest_companies_keep_theirs() -> None:
    def verdicts(against: float, slope: float, runs: int) -> list[tuple[float, bool, bool, bool]]:
        """True bias, whether the range lies within 5 points, what the other checks say, and what all say."""
        out = []
        for i in range(runs):
            cells = invitations(40_000, 900 + i, slope=slope, against=against)
            result = net_score_bias(cells, NPS, FACTS, score="nps", draws=500)
            holds = result.checks.set_index("check")["holds"]
            small = result.region.low > -5 and result.region.high < 5
            out.append(
                (cells.attrs["bias"], small, holds.drop("facts against one another").all(), holds.all())
            )
        return out

    hidden = verdicts(0.5, 0.3, 20)
    assert min(bias for bias, *_ in hidden) > 5
    before = [small and others for _, small, others, _ in hidden]
    after = [small and trusted for _, small, _, trusted in hidden]
    assert np.mean(before) > 0.15
    assert sum(after) == 0
    honest = verdicts(0.0, 0.05, 20)
    assert max(abs(bias) for bias, *_ in honest) < 5
    kept = [trusted for _, small, others, trusted in honest if small and others]
    assert len(kept) > 5
    assert np.mean(kept) > 0.9
