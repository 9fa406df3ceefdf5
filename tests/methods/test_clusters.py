"""Covariance from scores: independent rows, customers, parts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from response_reference import cells, rows

from cxstats.methods.clusters import clusters_of


def scores(table: pd.DataFrame) -> np.ndarray:
    return np.column_stack([table["nps"] - 7.0, table["responded"] - 0.44])


def by_hand(group: pd.Series, weight: np.ndarray) -> np.ndarray:
    frame = rows()
    values = scores(frame) * weight[:, None]
    total = pd.DataFrame(values).groupby(group.to_numpy()).sum().to_numpy()
    return total.T @ total


@pytest.mark.parametrize("weighted", [False, True])
def test_customers_are_the_sums_of_squared_totals(weighted: bool) -> None:
    table, matrix = cells("nps", "responded", weighted=weighted)
    frame = rows()
    weight = frame["weight"].to_numpy() if weighted else np.ones(600)
    got = clusters_of(table, matrix=matrix).covariance(scores(table))
    np.testing.assert_allclose(got, by_hand(frame["customer"], weight), rtol=1e-10)
    alone = clusters_of(table).covariance(scores(table))
    np.testing.assert_allclose(alone, by_hand(pd.Series(range(600)), weight), rtol=1e-10)


def test_parts_are_centred_and_corrected() -> None:
    table, _ = cells("nps", "responded", "part")
    got = clusters_of(table, part="part").covariance(scores(table))
    frame = rows()
    total = pd.DataFrame(scores(frame)).groupby(frame["part"].to_numpy()).sum().to_numpy()
    total = total - total.mean(axis=0)
    np.testing.assert_allclose(got, total.T @ total * 64 / 63, rtol=1e-10)


def test_a_part_without_rows_left_still_counts() -> None:
    table = pd.DataFrame({"part": [0, 1, 2], "x": [1.0, 2.0, 3.0], "n": 1})
    whole = clusters_of(table, part="part")
    kept = whole.rows(np.array([True, True, False]))
    total = np.array([1.0, 2.0, 0.0])
    assert kept.variance(np.array([1.0, 2.0])) == pytest.approx(((total - 1) ** 2).sum() * 3 / 2)
    assert kept.degrees_of_freedom == 2


@pytest.mark.parametrize(
    ("table", "match"),
    [
        ({"x": [1]}, "need a column 'n'"),
        ({"n": [1, None]}, "none missing"),
        ({"n": [1, 1], "part": [1, None]}, "1 rows of cells have no 'part'"),
        ({"n": [1, 1], "part": [3, 3]}, "holds only one"),
    ],
)
def test_what_cannot_be_used_is_named(table: dict, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        clusters_of(pd.DataFrame(table), part="part" if "part" in table else None)
