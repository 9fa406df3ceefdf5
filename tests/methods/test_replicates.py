"""Replicates of cells: jackknife by part, bootstrap by multinomial draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxstats.cells import regroup
from cxstats.methods.replicates import merged_part_jackknife, multinomial, part_jackknife


def _cells(seed: int = 1, parts: int = 64) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    size = 5 * 3 * parts
    frame = pd.DataFrame(
        {
            "score": pd.array(np.tile([1, 2, 3, 4, None], 3 * parts), dtype="Int64"),
            "country": pd.array(np.repeat(["A", "B", None], 5 * parts), dtype="string"),
            "part": np.tile(np.repeat(np.arange(parts), 5), 3),
        }
    )
    return frame.assign(n=rng.poisson(3, size))


def test_a_jackknife_replicate_holds_everybody_but_one_part():
    cells = _cells()
    jackknife = part_jackknife(cells)
    assert jackknife.counts.shape == (64, len(cells))
    for part in (0, 17, 63):
        assert jackknife.counts[part].sum() == cells.loc[cells["part"] != part, "n"].sum()
    assert np.array_equal(jackknife.counts.sum(axis=0), 63 * cells["n"].to_numpy())
    assert (jackknife.factor, jackknife.degrees_of_freedom) == (63 / 64, 63.0)


def test_the_jackknife_of_a_mean_of_equal_parts_is_the_textbook_error():
    # every part one answer: the jackknife of a mean is s/√n exactly (Tukey 1958)
    values = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0])
    cells = pd.DataFrame({"part": np.arange(8), "n": 1})
    jackknife = part_jackknife(cells)
    means = jackknife.apply(lambda n: n @ values / n.sum())
    assert jackknife.standard_error(means) == pytest.approx(values.std(ddof=1) / np.sqrt(8), rel=1e-12)


def test_covariance_holds_the_variances_and_a_total_is_expanded():
    cells = _cells()
    jackknife = part_jackknife(cells)
    x = np.column_stack([cells["score"].fillna(0).to_numpy(float), (cells["country"] == "A").fillna(False)])
    totals = jackknife.expansion * jackknife.apply(lambda n: n @ x)
    covariance = jackknife.covariance(totals)
    assert np.allclose(np.diag(covariance), jackknife.variance(totals))
    # the mean of the expanded replicates of a total is the total
    assert np.allclose(totals.mean(axis=0), cells["n"].to_numpy() @ x)


def test_repeated_customers_are_kept_together():
    # each customer answers three times the same: the error is that of a third of the answers
    rng = np.random.default_rng(3)
    part = np.arange(6_400) % 64
    value = rng.choice([-100.0, 0.0, 100.0], 6_400)
    cells = pd.DataFrame({"value": np.repeat(value, 3), "part": np.repeat(part, 3), "n": 1})
    mean = lambda n: n @ cells["value"].to_numpy() / n.sum()  # noqa: E731
    jackknife = part_jackknife(cells)
    naive = cells["value"].std() / np.sqrt(len(cells))
    assert jackknife.standard_error(jackknife.apply(mean)) == pytest.approx(naive * np.sqrt(3), rel=0.2)
    bootstrap = multinomial(cells, 400, seed=1)
    assert bootstrap.standard_error(bootstrap.apply(mean)) == pytest.approx(naive, rel=0.15)


def test_the_bootstrap_agrees_with_the_multinomial_covariance():
    n = np.array([20, 30, 50])
    drawn = multinomial(pd.DataFrame({"n": n}), 40_000, seed=5)
    assert np.all(drawn.counts.sum(axis=1) == 100)
    p = n / 100
    exact = 100 * (np.diag(p) - np.outer(p, p))
    # largest Monte-Carlo error of an entry: about 25·√(2/40,000) = 0.18
    assert np.abs(drawn.covariance(drawn.counts) - exact).max() < 0.6


@pytest.mark.parametrize("by", [["score", "country"], ["country"], []])
def test_merged_cells_have_merged_replicates(by):
    cells = _cells()
    jackknife = part_jackknife(cells)
    merged, replicates = jackknife.regroup(cells, by)
    assert merged["n"].sum() == cells["n"].sum()
    for r in (0, 5):
        again = cells.assign(n=jackknife.counts[r])
        expected = again.groupby(by, dropna=False, sort=True)["n"].sum() if by else [again["n"].sum()]
        assert replicates.counts[r].tolist() == list(expected)


def test_merging_and_replicating_in_one_go_is_the_same():
    cells = _cells().assign(w=lambda c: 2.0 * c["n"])
    by = ["country", "score"]
    merged, replicates = part_jackknife(cells).regroup(cells, by)
    again, counts = merged_part_jackknife(cells, by)
    pd.testing.assert_frame_equal(merged, regroup(cells, by=by))
    pd.testing.assert_frame_equal(again, merged)
    np.testing.assert_array_equal(counts.counts, replicates.counts)


def test_merging_keeps_the_order_of_the_cells_whatever_their_index():
    cells = _cells().sample(frac=1, random_state=0)
    merged, replicates = part_jackknife(cells).regroup(cells, ["score"])
    without = cells[cells["part"] != 0].groupby("score", dropna=False)["n"].sum()
    assert replicates.counts[0].tolist() == without.tolist()
    assert merged["score"].isna().tolist() == [False] * 4 + [True]


def test_what_is_refused():
    cells = pd.DataFrame({"part": [0, 1], "n": [1, 2]})
    with pytest.raises(ValueError, match="need a column 'part'"):
        part_jackknife(cells[["n"]])
    with pytest.raises(ValueError, match="at least 2"):
        part_jackknife(cells.assign(part=0))
    with pytest.raises(ValueError, match="1 cells have no 'part'"):
        part_jackknife(cells.assign(part=[0, None]))
    with pytest.raises(ValueError, match="whole numbers"):
        part_jackknife(cells.assign(n=[0.5, 1]))
    with pytest.raises(ValueError, match="nothing to replicate"):
        multinomial(cells.assign(n=0), 10, seed=1)
    with pytest.raises(ValueError, match="at least 2 replicates"):
        multinomial(cells, 1, seed=1)
    jackknife = part_jackknife(cells)
    with pytest.raises(ValueError, match="one result per replicate"):
        jackknife.variance([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="1 of 2 replicates have no result"):
        jackknife.variance([1.0, np.nan])
    with pytest.raises(ValueError, match="row of p results"):
        jackknife.covariance([1.0, 2.0])
    with pytest.raises(ValueError, match="make replicates from the cells"):
        jackknife.regroup(cells.iloc[:1], [])


def test_it_shows_itself():
    html = part_jackknife(pd.DataFrame({"part": [0, 1], "n": [1, 2]}))._repr_html_()
    assert "delete-a-part jackknife" in html
