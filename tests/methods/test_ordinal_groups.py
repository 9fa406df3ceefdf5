"""Many tables of groups fitted at once: the same maxima as the general model finds, replicate by replicate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxstats.methods.ordinal import location_scale
from cxstats.methods.ordinal_groups import fit_groups, grouped_cells, refit_groups
from cxstats.methods.ordinal_likelihood import hessian, log_likelihood, maximise, refit, scores

# wine by temperature (Randall 1989), contact summed over
WINE = np.array([[5, 16, 13, 2, 0], [0, 6, 13, 10, 7]])


def drawn(groups: int, n: int, size: int, replicates: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A table of answers with every category in use, and bootstrap replicates of it."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(size, 4.0), groups)
    table = np.stack([rng.multinomial(n, row) for row in shares]) + 1
    again = np.stack([rng.multinomial(row.sum(), row / row.sum(), replicates) for row in table], axis=1)
    return table, again.astype(float)


@pytest.mark.parametrize("link", ["probit", "logit"])
def test_the_survey_is_fitted_as_the_general_model_fits_it(link: str) -> None:
    score, group = np.tile(np.arange(5), 2), np.repeat(["cold", "warm"], 5)
    cells = pd.DataFrame({"score": score, "temp": group, "n": WINE.ravel()})
    other = location_scale(cells, score="score", location="temp", scale="temp", link=link)
    assert fit_groups(WINE, link) == pytest.approx(other.parameters, abs=1e-7)


@pytest.mark.parametrize("link", ["probit", "logit"])
@pytest.mark.parametrize(("groups", "n", "size"), [(2, 40, 5), (4, 80, 11), (12, 200, 7)])
def test_replicates_are_fitted_as_one_by_one(link: str, groups: int, n: int, size: int) -> None:
    table, again = drawn(groups, n, size, 12, seed=groups)
    found = fit_groups(table, link)
    together = refit_groups(found, again, link)
    apart = refit(found, grouped_cells(table), again.reshape(len(again), -1), link)
    both = np.isfinite(together) & np.isfinite(apart)
    assert np.array_equal(np.isnan(together), np.isnan(apart))
    assert together[both] == pytest.approx(apart[both], abs=1e-5)


def test_at_the_maximum_the_scores_add_up_to_nothing() -> None:
    table, again = drawn(5, 300, 11, 6, seed=3)
    cells = grouped_cells(table)
    for parameters, one in zip(refit_groups(fit_groups(table), again), again, strict=True):
        if (one.sum(axis=0) > 0).all():
            gradient = one.ravel() @ scores(parameters, cells, "probit")
            information = -hessian(parameters, cells, "probit", one.ravel())
            # within a ten-millionth of a standard error
            assert gradient @ np.linalg.solve(information, gradient) < 1e-14


def test_a_far_start_and_weights_end_at_the_same_maximum() -> None:
    table, _ = drawn(3, 500, 11, 1, seed=9)
    weights = np.random.default_rng(1).uniform(0.2, 3.0, table.shape) * table
    near = maximise(fit_groups(table), grouped_cells(weights), "probit")
    far = np.concatenate([np.linspace(-3, 3, 10), [0.9, -0.9], [0.7, -0.7]])
    for start in (near.parameters, far):
        found = refit_groups(start, weights[None])[0]
        assert found == pytest.approx(near.parameters, abs=1e-6)
        assert log_likelihood(found, grouped_cells(weights), "probit") == pytest.approx(near.log_likelihood)


def test_a_category_nobody_chose_has_no_width_and_an_end_no_threshold() -> None:
    table, again = drawn(2, 200, 5, 3, seed=4)
    again[0, :, 2], again[1, :, 0], again[2, :, 4] = 0, 0, 0
    cuts = refit_groups(fit_groups(table), again)[:, :4]
    assert cuts[0, 1] == cuts[0, 2]
    assert cuts[1, 0] == -np.inf
    assert cuts[2, 3] == np.inf
    assert np.isfinite(cuts[:, 1:3]).all()


def test_a_replicate_without_a_maximum_is_not_a_number() -> None:
    table, again = drawn(2, 200, 5, 2, seed=5)
    again[0, 1] = [0, 0, 0, 0, 200]
    found = refit_groups(fit_groups(table), again)
    assert np.isnan(found[0]).any()
    assert np.isfinite(found[1]).all()


def test_a_survey_without_a_maximum_is_refused() -> None:
    with pytest.raises(ValueError, match="no maximum"):
        fit_groups(np.array([[20, 30, 20], [0, 0, 90]]))
