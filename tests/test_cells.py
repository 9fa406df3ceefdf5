"""Cells equal the rows they stand for; hidden groups stay hidden from someone who tries."""

from __future__ import annotations

import contextlib
import doctest
import itertools
import sqlite3
from fractions import Fraction

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import statsmodels.api as sm
from scipy import sparse
from scipy.optimize import linprog

from cxstats import NPS, cells

# ---------------------------------------------------------------------------------------- how many


@pytest.fixture
def answers() -> pa.Table:
    """Answers with texts that look missing, a missing score, a missing country and weights."""
    return pa.table(
        {
            "score": pa.array([9, 0, 9, 10, None, 9], pa.int8()),
            "country": ["NA", None, "NA", "None", "NA", "null"],
            "weight": [1.0, 2.0, 0.5, 1.0, 1.0, 3.0],
        }
    )


def test_reduce_by_hand(answers):
    counted = cells.reduce(ibis.memtable(answers), ["country", "score"], weight="weight")
    assert counted["country"].tolist() == ["NA", "NA", "None", "null", pd.NA]
    assert counted["score"].tolist() == [9, pd.NA, 10, 9, 0]
    assert counted["n"].tolist() == [2, 1, 1, 1, 1]
    assert counted["w"].tolist() == [1.5, 1.0, 1.0, 3.0, 2.0]
    assert counted["w2"].tolist() == [1.25, 1.0, 1.0, 9.0, 4.0]
    assert str(counted["score"].dtype) == "Int64"
    assert str(counted["country"].dtype) == "string"
    assert counted["n"].dtype == np.int64


def test_reduce_by_nothing_counts_all_rows(answers):
    table = ibis.memtable(answers)
    assert cells.reduce(table, [])["n"].tolist() == [6]
    assert cells.reduce(table.filter(table.score > 10), [], weight="weight").to_dict("list") == {
        "n": [0],
        "w": [0.0],
        "w2": [0.0],
    }
    assert len(cells.reduce(table.filter(table.score > 10), "country")) == 0


@pytest.fixture
def in_sqlite(tmp_path):
    """Puts rows into another engine than DuckDB."""
    with contextlib.ExitStack() as opened:

        def put(rows: pa.Table) -> ibis.Table:
            path = tmp_path / "answers.db"
            with contextlib.closing(sqlite3.connect(path)) as file, file:
                file.execute(f"create table answers ({', '.join(rows.column_names)})")
                marks = ", ".join("?" * rows.num_columns)
                values = zip(*rows.to_pydict().values(), strict=True)
                file.executemany(f"insert into answers values ({marks})", values)
            connection = ibis.sqlite.connect(path)
            opened.callback(connection.disconnect)
            types = {"score": "int64", "wave": "int64", "customer": "int64"}
            return connection.table("answers").cast(
                {name: types.get(name, "string") for name in rows.column_names}
            )

        yield put


def test_row_order_is_the_same_in_every_engine_and_run(answers, in_sqlite):
    expected = cells.reduce(ibis.memtable(answers), ["country", "score"])
    other = in_sqlite(answers.select(["score", "country"]))
    pd.testing.assert_frame_equal(cells.reduce(other, ["country", "score"]), expected)
    shuffled = answers.take(np.array([5, 3, 1, 0, 2, 4]))
    pd.testing.assert_frame_equal(cells.reduce(ibis.memtable(shuffled), ["country", "score"]), expected)


def test_dictionary_encoded_text_is_text(answers, tmp_path):
    encoded = answers.set_column(1, "country", answers["country"].dictionary_encode())
    pq.write_table(encoded, tmp_path / "answers.parquet")
    table = ibis.duckdb.connect().read_parquet(tmp_path / "answers.parquet")
    pd.testing.assert_frame_equal(
        cells.reduce(table, ["country", "score"]), cells.reduce(ibis.memtable(answers), ["country", "score"])
    )


@pytest.mark.parametrize(
    ("by", "weight", "says"),
    [
        (["county"], None, "did you mean 'country'"),
        (["country", "country"], None, "named twice"),
        (["country"], "wt", "no column 'wt'"),
    ],
)
def test_reduce_says_what_is_wrong(answers, by, weight, says):
    with pytest.raises(ValueError, match=says):
        cells.reduce(ibis.memtable(answers), by, weight=weight)


def test_names_of_the_tallies_are_refused_in_any_case():
    with pytest.raises(ValueError, match="counts themselves use"):
        cells.reduce(ibis.memtable(pa.table({"N": [1]})), "N")


def test_a_missing_weight_is_not_left_out_in_silence():
    table = ibis.memtable(pa.table({"country": ["a", "a"], "weight": [1.0, None]}))
    with pytest.raises(ValueError, match="missing for 1 of 2"):
        cells.reduce(table, "country", weight="weight")


def test_regroup_equals_counting_the_recoded_rows(answers):
    table = ibis.memtable(answers)
    fine = cells.reduce(table, ["country", "score"], weight="weight")
    merged = cells.regroup(fine, {"country": {"NA": "Namibia", "null": "Namibia", "None": None}})
    recoded = answers.to_pandas().assign(country=["Namibia", None, "Namibia", None, "Namibia", "Namibia"])
    expected = cells.reduce(
        ibis.memtable(
            pa.table(
                {
                    **{c: answers[c] for c in ("score", "weight")},
                    "country": pa.array(recoded["country"], pa.string()),
                }
            )
        ),
        ["country", "score"],
        weight="weight",
    )
    pd.testing.assert_frame_equal(merged, expected)
    assert cells.regroup(fine, by=["country"])["n"].tolist() == [3, 1, 1, 1]
    assert cells.regroup(fine, by=[])["n"].tolist() == [6]


def test_regroup_takes_labels_row_by_row(answers):
    fine = cells.reduce(ibis.memtable(answers), "score")
    merged = cells.regroup(fine, {"score": ["low", "high", "high", None]})
    assert merged["score"].tolist() == ["high", "low", pd.NA]
    assert merged["n"].tolist() == [4, 1, 1]
    with pytest.raises(ValueError, match="all 4 cells, but 2 are given"):
        cells.regroup(fine, {"score": ["low", "high"]})
    with pytest.raises(ValueError, match="shape \\(4, 4\\)"):
        cells.regroup(fine, matrix=np.eye(3))
    with pytest.raises(ValueError, match="column 'n'"):
        cells.regroup(fine.drop(columns="n"))


# ------------------------------------------------------------------------------------- how certain


@pytest.fixture(scope="module")
def repeated() -> pd.DataFrame:
    """3,000 answers of 1,200 customers over two waves; taste is the customer's own, some are nameless."""
    random = np.random.default_rng(20250101)
    who = random.integers(0, 1_200, size=3_000)
    taste = random.normal(size=1_200)[who]
    rows = pd.DataFrame(
        {
            "customer": who,
            "wave": random.choice(["2024", "2025"], size=3_000),
            "country": random.choice(["AT", "DE", "JP"], size=3_000, p=[0.2, 0.5, 0.3]),
            "weight": random.gamma(4.0, 0.25, size=3_000),
        }
    )
    rows["score"] = np.clip(np.round(7 + 2 * taste + random.normal(size=3_000)), 0, 10).astype(int)
    return rows


BY = ["country", "wave", "score"]


def _by_customers(rows: pd.DataFrame, counted: pd.DataFrame, weight: str | None) -> np.ndarray:
    """t_ca in full, customers × cells, without the package: the definition of M."""
    position = {tuple(key): i for i, key in enumerate(counted[BY].itertuples(index=False))}
    who = {c: i for i, c in enumerate(rows["customer"].unique())}
    t = np.zeros((len(who), len(counted)))
    for row in rows.itertuples():
        t[who[row.customer], position[(row.country, row.wave, row.score)]] += (
            getattr(row, weight) if weight else 1
        )
    return t


@pytest.mark.parametrize("weight", [None, "weight"])
def test_matrix_is_the_sum_over_customers(repeated, weight):
    counted, matrix = cells.cluster_matrix(
        ibis.memtable(pa.Table.from_pandas(repeated)), BY, "customer", weight=weight
    )
    pd.testing.assert_frame_equal(
        counted,
        cells.reduce(ibis.memtable(pa.Table.from_pandas(repeated)), BY, weight=weight),
        check_exact=False,
        rtol=1e-12,
    )
    t = _by_customers(repeated, counted, weight)
    np.testing.assert_allclose(matrix, t.T @ t, rtol=1e-12)
    np.testing.assert_allclose(t.sum(axis=0), counted["w" if weight else "n"], rtol=1e-12)


def test_rows_without_a_customer_stand_alone():
    table = ibis.memtable(
        pa.table({"customer": ["a", None, None, "a"], "wave": [1, 1, 1, 1], "weight": [1.0, 2.0, 3.0, 4.0]})
    )
    assert cells.cluster_matrix(table, "wave", "customer")[1].tolist() == [[4.0 + 1 + 1]]
    assert cells.cluster_matrix(table, "wave", "customer", weight="weight")[1].tolist() == [[25.0 + 4 + 9]]
    assert cells.cluster_matrix(table, [], "customer")[1].tolist() == [[6.0]]
    assert cells.n_customers(table, "customer") == 3


def test_missing_labels_are_cells_of_the_matrix_too():
    table = ibis.memtable(pa.table({"customer": [1, 1, 2], "score": pa.array([None, 9, None], pa.int64())}))
    counted, matrix = cells.cluster_matrix(table, "score", "customer")
    assert counted["score"].tolist() == [9, pd.NA]
    assert matrix.tolist() == [[1.0, 1.0], [1.0, 2.0]]


def test_matrix_in_another_engine(in_sqlite):
    rows = pa.table(
        {
            "customer": [1, 1, 1, 2, 2, None],
            "wave": [1, 2, 2, 1, 1, 1],
            "country": ["a", None, "a", "a", "a", "a"],
        }
    )
    counted, matrix = cells.cluster_matrix(ibis.memtable(rows), ["wave", "country"], "customer")
    other, same = cells.cluster_matrix(in_sqlite(rows), ["wave", "country"], "customer")
    pd.testing.assert_frame_equal(other, counted)
    np.testing.assert_array_equal(same, matrix)
    assert matrix.tolist() == [[1 + 4 + 1, 1, 1], [1, 1, 1], [1, 1, 1]]


def test_many_cells_give_a_sparse_matrix(repeated, monkeypatch):
    table = ibis.memtable(pa.Table.from_pandas(repeated))
    counted, dense = cells.cluster_matrix(table, BY, "customer")
    labels = {"score": {score: score // 2 for score in range(11)}}
    merged, small = cells.regroup(counted, labels, matrix=dense)
    monkeypatch.setattr(cells.counting, "DENSE_CELLS", 10)
    _, thin = cells.cluster_matrix(table, BY, "customer")
    assert sparse.issparse(thin)
    np.testing.assert_array_equal(thin.toarray(), dense)
    scores = np.arange(2.0 * len(counted)).reshape(-1, 2)
    np.testing.assert_allclose(cells.cluster_variance(scores, thin), cells.cluster_variance(scores, dense))
    also_merged, thin_small = cells.regroup(counted, labels, matrix=thin)
    pd.testing.assert_frame_equal(also_merged, merged)
    np.testing.assert_array_equal(thin_small.toarray(), small)


def test_regrouped_matrix_is_that_of_the_recoded_rows(repeated):
    counted, matrix = cells.cluster_matrix(ibis.memtable(pa.Table.from_pandas(repeated)), BY, "customer")
    merged, matrix = cells.regroup(
        counted, {"score": {s: min(s, 7) for s in range(11)}}, matrix=matrix, by=["wave", "score"]
    )
    recoded = repeated.assign(score=repeated["score"].clip(upper=7))
    expected, direct = cells.cluster_matrix(
        ibis.memtable(pa.Table.from_pandas(recoded)), ["wave", "score"], "customer"
    )
    pd.testing.assert_frame_equal(merged, expected)
    np.testing.assert_array_equal(matrix, direct)


def _row_meat(scores: np.ndarray, customers: pd.Series) -> np.ndarray:
    """The row-level sandwich by hand: sum each customer's scores, then their outer products."""
    summed = pd.DataFrame(scores).groupby(customers.to_numpy()).sum().to_numpy()
    return summed.T @ summed


@pytest.fixture(scope="module", params=[None, "weight"], ids=["unweighted", "weighted"])
def both(request, repeated):
    """Rows and cells of the same answers: (rows, weight per row, cells, tally per cell, M)."""
    table = ibis.memtable(pa.Table.from_pandas(repeated))
    counted, matrix = cells.cluster_matrix(table, BY, "customer", weight=request.param)
    weight = repeated["weight"].to_numpy() if request.param else np.ones(len(repeated))
    return repeated, weight, counted, counted["w" if request.param else "n"].to_numpy(), matrix


def test_total_equals_the_row_level_sandwich(both):
    rows, weight, counted, _, matrix = both
    by_row = _row_meat((weight * rows["score"].to_numpy())[:, None], rows["customer"])[0, 0]
    by_cell = cells.cluster_variance(counted["score"].to_numpy(float), matrix)
    assert by_cell == pytest.approx(by_row, rel=1e-10)


def test_mean_equals_statsmodels_cluster(both):
    rows, weight, counted, tally, matrix = both
    nps = np.asarray(NPS.values)
    fit = sm.WLS(nps[rows["score"]], np.ones(len(rows)), weights=weight).fit(
        cov_type="cluster", cov_kwds={"groups": rows["customer"], "use_correction": True}
    )
    mean, scores = cells.mean_scores(nps[counted["score"].astype(int)], tally)
    # statsmodels' correction is C/(C − 1) · (n − 1)/(n − p), and p is 1 here
    variance = cells.cluster_variance(scores, matrix, customers=rows["customer"].nunique())
    assert mean == pytest.approx(fit.params[0], rel=1e-10)
    assert variance**0.5 == pytest.approx(fit.bse[0], rel=1e-10)


def test_change_between_waves_of_the_same_customers(both):
    rows, weight, counted, tally, matrix = both
    score = rows["score"].to_numpy(float)
    by_row, change = np.zeros(len(rows)), 0.0
    by_cell, difference = np.zeros(len(counted)), 0.0
    for sign, wave in ((-1, "2024"), (1, "2025")):
        here = (rows["wave"] == wave).to_numpy()
        mean = np.average(score[here], weights=weight[here])
        by_row += sign * np.where(here, weight * (score - mean) / weight[here].sum(), 0)
        change += sign * mean
        value, scores = cells.mean_scores(counted["score"].to_numpy(float), tally, counted["wave"].eq(wave))
        by_cell += sign * scores
        difference += sign * value
    assert difference == pytest.approx(change, rel=1e-10)
    expected = _row_meat(by_row[:, None], rows["customer"])[0, 0]
    assert cells.cluster_variance(by_cell, matrix) == pytest.approx(expected, rel=1e-10)
    # and as a regression on the wave, which statsmodels knows
    fit = sm.WLS(score, sm.add_constant((rows["wave"] == "2025").to_numpy(float)), weights=weight).fit(
        cov_type="cluster", cov_kwds={"groups": rows["customer"], "use_correction": False}
    )
    assert cells.cluster_variance(by_cell, matrix) ** 0.5 == pytest.approx(fit.bse[1], rel=1e-10)


def test_regression_equals_statsmodels_cluster(both):
    rows, weight, counted, tally, matrix = both

    def design(frame):
        return np.column_stack(
            [
                np.ones(len(frame)),
                frame["country"].eq("DE"),
                frame["country"].eq("JP"),
                frame["wave"].eq("2025"),
                frame["country"].eq("JP") & frame["wave"].eq("2025"),
            ]
        ).astype(float)

    customers = rows["customer"].nunique()
    fit = sm.WLS(rows["score"].to_numpy(float), design(rows), weights=weight).fit(
        cov_type="cluster", cov_kwds={"groups": rows["customer"], "use_correction": True}
    )
    ours = cells.least_squares(
        design(counted), counted["score"].to_numpy(float), tally, matrix, customers=customers
    )
    degrees = (len(rows) - 1) / (len(rows) - 5)
    np.testing.assert_allclose(ours.coefficients, fit.params, rtol=1e-10)
    np.testing.assert_allclose(ours.covariance * degrees, fit.cov_params(), rtol=1e-10)
    np.testing.assert_allclose(ours.standard_errors * degrees**0.5, fit.bse, rtol=1e-10)
    assert "Least squares" in ours._repr_html_()


def test_nobody_twice_is_the_usual_sandwich(repeated):
    rows = repeated.assign(customer=np.arange(len(repeated)))
    counted, matrix = cells.cluster_matrix(ibis.memtable(pa.Table.from_pandas(rows)), BY, "customer")
    np.testing.assert_array_equal(matrix, np.diag(counted["n"]))
    mean, scores = cells.mean_scores(counted["score"].to_numpy(float), counted["n"])
    assert mean == pytest.approx(rows["score"].mean(), rel=1e-12)
    assert cells.cluster_variance(scores, matrix) == pytest.approx(
        rows["score"].var(ddof=0) / len(rows), rel=1e-10
    )


def test_marginal_tallies_are_not_enough():
    """Two waves of the same customers: the error of the change is .511, and the cells alone say .795.

    22,900 customers answer in both waves, 58.7 % of them the same both times. What the cells of each
    wave know (how many answers, even of how many customers) leaves out that the same people answered
    twice: M without its off-diagonal.
    """
    random = np.random.default_rng(7)
    n_customers = 22_900
    before = random.choice([0, 8, 10], size=n_customers, p=[0.3, 0.25, 0.45])
    anew = random.choice([0, 8, 10], size=n_customers, p=[0.3, 0.25, 0.45])
    after = np.where(random.random(n_customers) < 0.587, before, anew)
    rows = pa.table(
        {
            "customer": np.tile(np.arange(n_customers), 2),
            "wave": np.repeat([1, 2], n_customers),
            "score": np.concatenate([before, after]),
        }
    )
    counted, matrix = cells.cluster_matrix(ibis.memtable(rows), ["wave", "score"], "customer")
    worth = np.asarray(NPS.values)[counted["score"].astype(int)]
    _, first = cells.mean_scores(worth, counted["n"], counted["wave"].eq(1))
    _, second = cells.mean_scores(worth, counted["n"], counted["wave"].eq(2))
    right = cells.cluster_variance(second - first, matrix) ** 0.5
    marginal = cells.cluster_variance(second - first, np.diag(np.diag(matrix))) ** 0.5
    change = np.asarray(NPS.values)[after] - np.asarray(NPS.values)[before]
    assert right == pytest.approx(change.std() / n_customers**0.5, rel=1e-10)  # each customer's own change
    assert right == pytest.approx(0.511, abs=0.005)
    assert marginal == pytest.approx(0.795, abs=0.005)


def test_estimators_say_what_does_not_fit():
    with pytest.raises(ValueError, match="a row per cell"):
        cells.cluster_variance(np.ones(3), np.eye(2))
    with pytest.raises(ValueError, match="at least 2"):
        cells.cluster_variance(np.ones(2), np.eye(2), customers=1)
    with pytest.raises(ValueError, match="follows from the others"):
        cells.least_squares(np.ones((3, 2)), np.ones(3), np.ones(3), np.eye(3))
    with pytest.raises(ValueError, match="leave those cells out"):
        cells.least_squares(np.ones((2, 1)), np.array([1, np.nan]), np.ones(2), np.eye(2))
    with pytest.raises(ValueError, match="must fit each other"):
        cells.least_squares(np.ones((2, 1)), np.ones(3), np.ones(2), np.eye(2))
    mean, scores = cells.mean_scores(np.ones(2), np.zeros(2))
    assert np.isnan(mean)
    assert np.isnan(scores).all()
    with pytest.raises(ValueError, match="would be single people"):
        cells.cluster_matrix(ibis.memtable(pa.table({"customer": [1]})), "customer", "customer")


# ------------------------------------------------------------------------------- what may be shown


def _shown_with_totals(inner: np.ndarray) -> pd.DataFrame:
    """A table with all its totals as rows ("All"), in long form."""
    axes = [
        [*(f"{name}{i}" for i in range(size)), "All"] for name, size in zip("abc", inner.shape, strict=False)
    ]
    full = inner
    for axis in range(inner.ndim):
        full = np.concatenate([full, full.sum(axis=axis, keepdims=True)], axis=axis)
    keys = list(itertools.product(*axes))
    frame = pd.DataFrame(keys, columns=list("abc")[: inner.ndim])
    return frame.assign(n=full.ravel(), value=np.arange(full.size) / 7)


def _attacker(published: pd.DataFrame, columns: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """What a reader knows: one equation per total, over the hidden rows. Returns A, b of A x = b."""
    hidden = np.flatnonzero(published["n"].isna())
    number = {row: i for i, row in enumerate(hidden)}
    rows, right = [], []
    for column in columns:
        others = [name for name in columns if name != column]
        groups = (
            published.groupby(others, sort=False).indices.values() if others else [np.arange(len(published))]
        )
        for line in groups:
            equation, known = np.zeros(len(hidden)), 0
            for row in line:
                sign = -1 if published[column].iloc[row] == "All" else 1
                if row in number:
                    equation[number[row]] = sign
                else:
                    known += sign * int(published["n"].iloc[row])
            if equation.any():
                rows.append(equation)
                right.append(-known)
    return np.array(rows).reshape(-1, len(hidden)), np.array(right, dtype=float)


def _solved_by_elimination(equations: np.ndarray) -> list[int]:
    """Unknowns that Gaussian elimination, in exact fractions, gives a single value."""
    rows = [[Fraction(int(value)) for value in row] for row in equations]
    pivot = 0
    for column in range(equations.shape[1]):
        best = next((i for i in range(pivot, len(rows)) if rows[i][column]), None)
        if best is None:
            continue
        rows[pivot], rows[best] = rows[best], rows[pivot]
        rows[pivot] = [value / rows[pivot][column] for value in rows[pivot]]
        for i, row in enumerate(rows):
            if i != pivot and row[column]:
                rows[i] = [value - row[column] * lead for value, lead in zip(row, rows[pivot], strict=True)]
        pivot += 1
    return [at[0] for row in rows if len(at := [i for i, value in enumerate(row) if value]) == 1]


def _ranges(equations: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Least and greatest value of each unknown: whole numbers, 1 or more; shape (unknowns, 2)."""
    found = []
    for i in range(equations.shape[1]):
        aim = np.eye(equations.shape[1])[i]
        ends = [
            linprog(sign * aim, A_eq=equations, b_eq=right, bounds=(1, 1e6), integrality=1)
            for sign in (1, -1)
        ]
        assert all(end.status == 0 for end in ends)
        found.append([ends[0].fun, -ends[1].fun])
    return np.array(found).reshape(-1, 2)


def _assert_safe(frame: pd.DataFrame, columns: list[str], threshold: int = 10) -> cells.Suppressed:
    shown = cells.suppress(frame, by=columns, threshold=threshold, total="All")
    assert frame["n"][shown.hidden].gt(0).all()
    assert not frame["n"][~shown.hidden].between(1, threshold - 1).any()
    assert shown.table.loc[shown.hidden, ["n", "value"]].isna().all(axis=None)
    pd.testing.assert_frame_equal(shown.table[~shown.hidden], frame[~shown.hidden], check_dtype=False)
    if shown.hidden.any():
        equations, right = _attacker(shown.table, columns)
        assert _solved_by_elimination(equations) == []
        ranges = _ranges(equations, right)
        truth = frame["n"][shown.hidden].to_numpy()
        assert (ranges[:, 0] <= truth + 1e-6).all()
        assert (truth - 1e-6 <= ranges[:, 1]).all()
        assert (ranges[:, 1] - ranges[:, 0] > 0.99).all()
    return shown


def seeds(n: int, quick: int) -> list:
    """Seeds 0 to n − 1; those from ``quick`` on with the long simulations."""
    return [seed if seed < quick else pytest.param(seed, marks=pytest.mark.simulation) for seed in range(n)]


@pytest.mark.parametrize("seed", range(40))
def test_one_way_tables_withstand_an_attack(seed):
    random = np.random.default_rng(seed)
    counts = np.round(random.lognormal(2.5, 1.5, size=random.integers(1, 8))).astype(int)
    _assert_safe(_shown_with_totals(counts), ["a"])


@pytest.mark.parametrize("seed", seeds(60, quick=20))
def test_two_way_tables_withstand_an_attack(seed):
    random = np.random.default_rng(1_000 + seed)
    size = random.integers(1, 7, size=2)
    counts = np.round(random.lognormal(random.choice([0.5, 2.0, 3.0]), 1.3, size=size)).astype(int)
    _assert_safe(_shown_with_totals(counts), ["a", "b"], threshold=int(random.choice([3, 5, 10, 20])))


@pytest.mark.parametrize("seed", seeds(12, quick=4))
def test_three_way_tables_withstand_an_attack(seed):
    random = np.random.default_rng(2_000 + seed)
    counts = np.round(random.lognormal(2.0, 1.2, size=random.integers(2, 4, size=3))).astype(int)
    _assert_safe(_shown_with_totals(counts), ["a", "b", "c"])


@pytest.mark.parametrize(
    "counts",
    [
        [[1, 1], [1, 12]],
        [[1] * 10],
        [[1, 1, 30], [1, 1, 40], [30, 40, 50]],
        [[0, 3], [12, 0]],
        [[5, 0, 0], [0, 12, 0], [0, 0, 40]],
    ],
)
def test_tables_of_ones_and_empty_cells(counts):
    """Where hidden counts cannot be smaller, sums alone can give them away; nested tables share totals."""
    _assert_safe(_shown_with_totals(np.array(counts)), ["a", "b"])


def test_the_attacker_of_these_tests_can_attack():
    """Hiding only the small ones is found out, by either attack."""
    frame = _shown_with_totals(np.array([4, 900, 120]))
    naive = frame.assign(n=frame["n"].astype("Int64").mask(frame["n"] < 10))
    equations, right = _attacker(naive, ["a"])
    assert _solved_by_elimination(equations) == [0]
    np.testing.assert_allclose(_ranges(equations, right), [[4, 4]])
    ones = _shown_with_totals(np.array([1] * 10))
    naive = ones.assign(n=ones["n"].astype("Int64").mask(ones["n"] < 10))
    equations, right = _attacker(naive, ["a"])
    assert _solved_by_elimination(equations) == []  # sums alone do not, that none is empty does
    np.testing.assert_allclose(_ranges(equations, right), np.ones((10, 2)))


def test_one_small_group_hides_the_next_smallest():
    frame = pd.DataFrame(
        {"country": ["AT", "DE", "JP", "FR"], "n": [4, 900, 120, 300], "nps": [1.0, 2.0, 3.0, 4.0]}
    )
    shown = cells.suppress(frame, by="country")
    assert shown.hidden.tolist() == [True, False, True, False]
    assert shown.hidden_totals == ()
    assert shown.rule == (
        "Groups with fewer than 10 answers are not shown, nor those that would give them away by "
        "subtraction from a total."
    )
    assert frame["n"].tolist() == [4, 900, 120, 300]  # what was given is not changed
    assert cells.suppress(frame, by="country", total=False).hidden.tolist() == [True, False, False, False]


def test_two_small_groups_that_are_small_together_hide_a_third():
    frame = pd.DataFrame({"country": ["AT", "DE", "JP"], "n": [4, 5, 120]})
    assert cells.suppress(frame, by="country").hidden.tolist() == [True, True, True]
    frame["n"] = [4, 6, 120]
    assert cells.suppress(frame, by="country").hidden.tolist() == [True, True, False]


def test_no_small_group_hides_nothing():
    frame = pd.DataFrame({"country": ["AT", "DE"], "n": [10, 0], "nps": [1.0, None]})
    shown = cells.suppress(frame, by="country")
    assert not shown.hidden.any()
    assert shown.status.tolist() == ["shown", "no data"]
    assert shown.text("nps", "{:.1f}").tolist() == ["1.0", "no data"]


def test_too_few_and_no_data_read_differently():
    frame = pd.DataFrame({"group": ["<i>", "b", "c", "d"], "n": [3, 0, 50, 60], "nps": [1.0, None, 2.0, 3.0]})
    shown = cells.suppress(frame, by="group")
    assert shown.text("n").tolist() == ["too few", "no data", "too few", "60"]
    html = shown._repr_html_()
    assert "too few" in html
    assert "no data" in html
    assert "&lt;i&gt;" in html
    assert "<i>" not in html


def test_a_lowered_threshold_is_on_record():
    frame = pd.DataFrame({"group": ["a", "b", "c"], "n": [6, 50, 60]})
    shown = cells.suppress(frame, by="group", threshold=5)
    assert not shown.hidden.any()
    assert shown.lowered
    assert shown.threshold == 5
    assert "fewer than 5 answers" in shown.rule
    assert "lowered from the usual 10" in shown.rule
    assert not cells.suppress(frame, by="group").lowered


def test_totals_beside_the_table_are_named_when_they_must_go():
    frame = pd.DataFrame(
        {"country": ["AT", "AT", "DE", "DE"], "wave": ["1", "2", "1", "2"], "n": [3, 4, 50, 60]}
    )
    shown = cells.suppress(frame, by=["country", "wave"])
    assert shown.hidden.all()
    # Austria has 7 answers in all; with Germany's total, subtraction would give it
    assert {"country": "AT"} in shown.hidden_totals
    assert {"country": "DE"} in shown.hidden_totals
    assert {} not in shown.hidden_totals


def test_a_missing_label_is_a_group():
    frame = pd.DataFrame({"country": pd.array(["AT", None, "DE"], "string"), "n": [50, 4, 60]})
    assert cells.suppress(frame, by="country").hidden.tolist() == [True, True, False]


def test_only_the_named_values_are_blank():
    frame = pd.DataFrame({"group": ["a", "b"], "label": ["A", "B"], "n": [3, 50], "ok": [True, False]})
    shown = cells.suppress(frame, by="group", values=["ok"]).table
    assert shown["label"].tolist() == ["A", "B"]
    assert shown["n"].isna().all()
    assert shown["ok"].isna().all()


@pytest.mark.parametrize(
    ("frame", "options", "says"),
    [
        ({"g": ["a", "a"], "n": [1, 2]}, {}, "has more"),
        ({"g": ["a"], "n": [1.5]}, {}, "whole numbers"),
        ({"g": ["a"], "n": [-1]}, {}, "whole numbers"),
        ({"g": ["a"], "n": [None]}, {}, "whole numbers"),
        ({"g": ["a"], "n": [1]}, {"threshold": 0}, "threshold"),
        ({"g": ["a"], "n": [1]}, {"threshold": True}, "threshold"),
        ({"g": ["a"], "n": [1]}, {"values": ["m"]}, "no column 'm'"),
        ({"g": ["a"], "n": [1]}, {"by": []}, "by must name"),
        ({"g": ["a", "All"], "n": [5, 8]}, {"total": "All"}, "add up to 5"),
    ],
)
def test_suppress_says_what_is_wrong(frame, options, says):
    with pytest.raises(ValueError, match=says):
        cells.suppress(pd.DataFrame(frame), **{"by": "g", **options})


def test_empty_table():
    shown = cells.suppress(pd.DataFrame({"g": [], "n": []}), by="g")
    assert len(shown.table) == 0
    assert shown.hidden_totals == ()


def test_examples_in_the_docstrings():
    assert doctest.testmod(cells).failed == 0
