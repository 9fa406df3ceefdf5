"""Ordered answers with a location and a scale per group: who is higher, and who spreads over more of the scale.

P(answer ≤ k) = F((τ_k − x'β)/exp(w'ζ)): the location–scale (heteroskedastic) ordered model, what R's
``ordinal::clm(location, scale = ~)`` fits. Thresholds τ are common to all; the reference group has location
0 and log-scale 0. It is fitted on cells, so its cost does not depend on the number of answers.

A difference in scale is a difference in *spread of answers*. Whether that is how a group uses the scale or how
different its customers are, the model cannot tell: ``scale_use.py`` shows what follows from either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from cxstats.cells import cluster_variance
from cxstats.methods.ordinal_design import OrderedProblem, build, too_few_categories
from cxstats.methods.ordinal_likelihood import LINKS, Maximum, maximise, refit, scores
from cxstats.show import definition_html
from cxstats.words import join_words

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from cxstats.methods.ordinal_checks import ModelTest, ThresholdTest
    from cxstats.methods.replicates import Replicates

__all__ = ["LocationScale", "location_scale", "too_few_categories"]

_RUNAWAY = 1e-3  # a last Newton step this large, in the latent unit: the parameter has no maximum


@dataclass(frozen=True, slots=True, eq=False)
class LocationScale:
    """A fitted location–scale ordered model.

    Attributes
    ----------
    log_likelihood : at the maximum; with weights Σw·log P, which is no likelihood of anything.
    thresholds : τ by "k|k+1", in the latent unit: standard deviations (probit) or logistic units (logit) of
        the reference group. Only categories that occur have thresholds.
    location : β by term ("country[Japan]"): how far above the reference, in the latent unit.
    log_scale : ζ by term: logarithm of the spread relative to the reference's.
    standard_errors : by (part, term), parts "thresholds", "location", "log_scale".
    covariance : of all parameters, in the same order.
    covariance_method : "observed information", "sandwich (weights)", "cluster-robust" or "jackknife".
    n : answers used.
    link : "probit" or "logit".
    iterations, converged : Newton steps; always converged, for a fit that is not is refused.
    """

    log_likelihood: float
    thresholds: pd.Series
    location: pd.Series
    log_scale: pd.Series
    standard_errors: pd.Series
    covariance: pd.DataFrame
    covariance_method: str
    n: int
    link: str
    iterations: int
    converged: bool
    problem: OrderedProblem = field(repr=False)
    information: np.ndarray = field(repr=False)
    matrix: Any = field(repr=False)

    @property
    def parameters(self) -> np.ndarray:
        """All parameters in the order of ``covariance``, shape (p,)."""
        return np.concatenate([self.thresholds, self.location, self.log_scale]).astype(float)

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""
        return len(self.covariance)

    @property
    def aic(self) -> float:
        """Akaike's information criterion; NaN where the answers are weighted."""
        return float("nan") if self.problem.weighted else 2 * self.n_parameters - 2 * self.log_likelihood

    @property
    def independent(self) -> bool:
        """Whether the log-likelihood is one: every answer another customer's and of the same weight."""
        return not self.problem.weighted and self.matrix is None and self.covariance_method != "jackknife"

    @property
    def influence(self) -> np.ndarray:
        """What one answer (or unit of weight) in each row of the cells adds to the parameters' error, (rows, p).

        0 in rows without an answer. ``cells.cluster_variance`` of it is the covariance.
        """
        problem = self.problem
        each = scores(self.parameters, problem.cells, self.link) @ np.linalg.inv(self.information)
        result = np.zeros((problem.n_rows, self.n_parameters))
        result[problem.used] = each[problem.cell_of_row]
        return result

    def groups(self, column: str) -> pd.DataFrame:
        """Location and log-scale of every level of a column, the reference (0, 0) first.

        Columns: location, log_scale, spread (e^log_scale); 0 where the column is not in that part.

        Raises
        ------
        ValueError : the column is not in the model, or holds numbers.
        """
        levels = self._levels(column)
        frame = pd.DataFrame(index=pd.Index(levels, name=column))
        for part, series in (("location", self.location), ("log_scale", self.log_scale)):
            frame[part] = [0.0, *(series.get(f"{column}[{level}]", 0.0) for level in levels[1:])]
        frame["spread"] = np.exp(frame["log_scale"])
        return frame

    def shares(self, column: str) -> pd.DataFrame:
        """Shares of answers that the model implies, per level of a column and category; rows add up to 1.

        Other covariates are as they are among the customers of the level.
        """
        from cxstats.methods.ordinal_likelihood import implied_shares

        levels = self._levels(column)
        problem = self.problem
        return pd.DataFrame(
            implied_shares(
                self.parameters, problem.cells, problem.code_of_cell(column), len(levels), self.link
            ),
            index=pd.Index(levels, name=column),
            columns=list(problem.categories),
        )

    def scale_test(self) -> ModelTest:
        """Do the groups differ in spread? All log-scales 0 against the model.

        A likelihood-ratio test; a Wald test with the robust covariance where answers are weighted or
        customers repeated.

        Raises
        ------
        ValueError : the model has no scale part.
        """
        from cxstats.methods.ordinal_checks import drop_test

        if not self.problem.scale:
            raise ValueError("the model has no scale part to test; fit it with scale=[...]")
        return drop_test(self, "log_scale", None)

    def drop_test(self, column: str, part: Literal["location", "log_scale"] = "location") -> ModelTest:
        """One column's effects in one part all 0, against the model; as :meth:`scale_test` otherwise."""
        from cxstats.methods.ordinal_checks import drop_test

        return drop_test(self, part, column)

    def nominal_test(self, column: str, *, replicates: int = 0, seed: int = 0) -> ThresholdTest:
        """Do a group's thresholds differ beyond location and scale, and by how much?

        See :func:`cxstats.methods.ordinal_checks.nominal_test`.
        """
        from cxstats.methods.ordinal_checks import nominal_test

        return nominal_test(self, column, replicates=replicates, seed=seed)

    def refit(
        self, replicates: Replicates | np.ndarray | None = None, *, masses: np.ndarray | None = None
    ) -> np.ndarray:
        """Parameters in every replicate of the cells, shape (R, p), started from here.

        Parameters
        ----------
        replicates : of the rows of the cells the model was fitted to, or their counts, shape (R, rows). A row's
            answers keep its mean weight.
        masses : or the sum of weights of each row used (``problem.used``), made anew in every replicate, (R, used).

        Returns
        -------
        A category nobody chose in a replicate has no width there; at an end of the scale its threshold is
        infinite. NaN: effects of groups with answers in fewer than three categories in the replicate, and
        rows without a maximum (the reference group's answers are too few).
        """
        problem = self.problem
        if masses is None:
            masses = problem.row_masses(getattr(replicates, "counts", replicates))
        masses, missing = _settable(problem, problem.cell_masses(masses))
        found = refit(self.parameters, problem.cells, masses, self.link)
        return np.where(missing, np.nan, found)

    def to_frame(self) -> pd.DataFrame:
        """One row per parameter: part, term, estimate, standard_error, z, p_value."""
        from scipy.stats import norm

        frame = self.covariance.index.to_frame(index=False)
        frame["estimate"] = self.parameters
        frame["standard_error"] = self.standard_errors.to_numpy()
        frame["z"] = frame["estimate"] / frame["standard_error"]
        frame["p_value"] = 2 * norm.sf(frame["z"].abs())
        return frame

    def _levels(self, column: str) -> tuple[str, ...]:
        if column not in self.problem.columns:
            raise ValueError(f"{column!r} is not in the model; it has {join_words(self.problem.columns)}")
        levels = self.problem.columns[column].levels
        if not levels:
            raise ValueError(f"{column!r} holds numbers, not groups")
        return levels

    def _repr_html_(self) -> str:
        rows = [
            (f"{row.part.replace('_', '-')}: {row.term}", f"{row.estimate:.3f} ({row.standard_error:.3f})")
            for row in self.to_frame().itertuples()
        ]
        return definition_html(
            f"Location–scale ordered {self.link} model: estimates (standard errors)",
            [
                ("answers", f"{self.n:,}"),
                ("log-likelihood", f"{self.log_likelihood:,.2f}"),
                ("errors", self.covariance_method),
                *rows,
            ],
        )


def location_scale(
    cells: pd.DataFrame,
    *,
    score: str,
    location: str | Sequence[str],
    scale: str | Sequence[str] | None = None,
    link: Literal["probit", "logit"] = "probit",
    reference: Mapping[str, str] | None = None,
    matrix: np.ndarray | csr_array | None = None,
    customers: int | None = None,
    replicates: Replicates | None = None,
) -> LocationScale:
    """Fit the location–scale ordered model to cells, by maximum likelihood.

    Parameters
    ----------
    cells : rows with ``n`` (answers), the score and the covariates; with ``w`` and ``w2`` (sums of weights and of
        squared weights) a weighted fit. Rows with n = 1 are cells too. Rows without an answer are left out.
    score : column of the answers: whole numbers, or an ordered categorical. Categories nobody chose do not count.
    location, scale : columns that move the location, and those that stretch the scale. Texts, booleans and
        categoricals are groups (a missing one is "not known"), numbers have one linear effect.
    link : "probit" (normal latent answers) or "logit".
    reference : reference level by column; the first otherwise (sorted, or a categorical's own order).
    matrix : M of ``cells.cluster_matrix`` over the rows of ``cells``, where customers answered more than once: the
        covariance is then cluster-robust. ``customers`` is their number, for the factor C/(C − 1).
    replicates : replicates of the rows of ``cells`` (``replicates.part_jackknife``): the covariance comes from
        fitting the model to each.

    Returns
    -------
    LocationScale.

    Raises
    ------
    ValueError : a column that is missing or constant; texts without an order; a group in the scale part with answers
        in fewer than three categories, or one in the location part whose answers are all at one end (both named);
        effects that run away to infinity; both a matrix and replicates.

    Notes
    -----
    McCullagh 1980; Christensen 2019 (R package ordinal). Newton's method with the analytic Hessian. With common
    thresholds one group of three categories or more has a location and a spread; with two categories, none.

    Examples
    --------
    Bitterness of wine by serving temperature and contact with the skins (Randall 1989), as counts:

    >>> cells = pd.DataFrame(
    ...     {
    ...         "rating": [1, 2, 3, 4, 5] * 4,
    ...         "temp": ["cold"] * 10 + ["warm"] * 10,
    ...         "contact": (["no"] * 5 + ["yes"] * 5) * 2,
    ...         "n": [4, 9, 5, 0, 0, 1, 7, 8, 2, 0, 0, 5, 8, 3, 2, 0, 1, 5, 7, 5],
    ...     }
    ... )
    >>> fit = location_scale(cells, score="rating", location=["temp", "contact"], scale="temp", link="logit")
    >>> round(fit.log_likelihood, 3), fit.location.round(4).to_dict(), fit.log_scale.round(4).to_dict()
    (-86.439, {'temp[warm]': 2.6294, 'contact[yes]': 1.5878}, {'temp[warm]': 0.0954})
    """
    if matrix is not None and replicates is not None:
        raise ValueError("give either the matrix of repeated customers or replicates, not both")
    if matrix is not None and matrix.shape != (len(cells), len(cells)):
        raise ValueError(f"the matrix is {matrix.shape}, but there are {len(cells)} rows of cells")
    problem = build(
        cells,
        score=score,
        location=_listed(location),
        scale=_listed(scale),
        link=link,
        reference=reference or {},
    )
    found = _maximum(problem)
    index = problem.index
    m, q = problem.cells.n_thresholds, problem.cells.location.shape[1]
    terms = index.get_level_values("term")
    parts = [
        pd.Series(found.parameters[part], index=pd.Index(terms[part], name="term"), name=name)
        for part, name in (
            (slice(0, m), "thresholds"),
            (slice(m, m + q), "location"),
            (slice(m + q, None), "log_scale"),
        )
    ]
    inverse = np.linalg.inv(found.information)

    def result(covariance: np.ndarray, method: str) -> LocationScale:
        return LocationScale(
            log_likelihood=found.log_likelihood,
            thresholds=parts[0],
            location=parts[1],
            log_scale=parts[2],
            standard_errors=pd.Series(np.sqrt(np.diag(covariance)), index=index, name="standard_error"),
            covariance=pd.DataFrame(covariance, index=index, columns=index),
            covariance_method=method,
            n=int(problem.tally.sum()),
            link=link,
            iterations=found.iterations,
            converged=found.converged,
            problem=problem,
            information=found.information,
            matrix=matrix,
        )

    plain = result((inverse + inverse.T) / 2, "observed information")
    if replicates is not None:
        values = plain.refit(replicates)
        if not np.isfinite(values).all():
            raise ValueError(
                f"{int((~np.isfinite(values).all(axis=1)).sum())} of {len(values)} replicates have groups too small for "
                "the model: merge small groups or rare answers, or give the matrix of repeated customers instead"
            )
        return result(replicates.covariance(values), replicates.kind)
    if matrix is not None:
        return result(cluster_variance(plain.influence, matrix, customers=customers), "cluster-robust")
    if problem.weighted:
        influence = plain.influence[problem.used]
        return result(influence.T @ (influence * problem.squares[:, None]), "sandwich (weights)")
    return plain


def _listed(columns: str | Sequence[str] | None) -> tuple[str, ...]:
    if columns is None:
        return ()
    return (columns,) if isinstance(columns, str) else tuple(columns)


# -------------------------------------------------------------------------------------- the maximum


def _maximum(problem: OrderedProblem) -> Maximum:
    found = maximise(starting_values(problem), problem.cells, problem.link)
    bound = np.abs(found.largest_step) > _RUNAWAY
    if found.converged and not bound.any():
        return found
    part, term = problem.index[
        int(np.argmax(np.where(np.isfinite(found.largest_step), np.abs(found.largest_step), 0)))
    ]
    what = {"location": "location", "log_scale": "spread", "thresholds": "threshold"}[part]
    raise ValueError(
        f"the model has no best fit: the {what} {term} runs away without end (after {found.iterations} steps it stands "
        f"at {found.parameters[problem.index.get_loc((part, term))]:.1f}). Its customers' answers are separated "
        "from the others', all at one end or all in the same categories: merge groups or leave the column out"
    )


def starting_values(problem: OrderedProblem) -> np.ndarray:
    """Thresholds, locations and log-scales close to the maximum.

    With one grouping in both parts: each group's quantiles F⁻¹(cumulative share) are nearly a straight line in the
    pooled ones, with slope 1/σ and intercept −μ/σ. Otherwise the fit without a scale part, whose likelihood has one
    maximum (Pratt 1981), found from the pooled quantiles.
    """
    cells = problem.cells
    quantile = LINKS[problem.link].quantile
    total = np.bincount(problem.category, weights=cells.mass)
    pooled = quantile(np.cumsum(total)[:-1] / total.sum())
    same = problem.location == problem.scale and len(problem.location) == 1
    if same and problem.columns[problem.location[0]].levels:
        return starting_lines(problem.table(problem.location[0]), problem.link)
    from dataclasses import replace

    start = np.concatenate([pooled, np.zeros(cells.location.shape[1])])
    if not cells.scale.shape[1]:
        return start
    common = maximise(start, replace(cells, scale=cells.scale[:, :0]), problem.link)
    return np.concatenate([common.parameters, np.zeros(cells.scale.shape[1])])


def starting_lines(counts: np.ndarray, link: str) -> np.ndarray:
    """Thresholds, locations and log-scales close to the maximum, from counts per group and category, (G, K)."""
    total = counts.sum(axis=0)
    pooled = LINKS[link].quantile(np.cumsum(total)[:-1] / total.sum())
    mean, spread = _lines(counts, pooled, link)
    return np.concatenate(
        [(pooled - mean[0]) / spread[0], (mean[1:] - mean[0]) / spread[0], np.log(spread[1:] / spread[0])]
    )


def _lines(counts: np.ndarray, pooled: np.ndarray, link: str) -> tuple[np.ndarray, np.ndarray]:
    """Location and spread per group, shape (G,) each, from the line through its quantiles."""
    shape = LINKS[link]
    n = counts.sum(axis=1, keepdims=True)
    below = np.cumsum(counts, axis=1)[:, :-1]
    share = (below + 0.25) / (n + 0.5)  # an empty end has no quantile
    z = shape.quantile(share)
    weight = n * shape.density(z) ** 2 / (share * (1 - share))
    middle = (weight * pooled).sum(axis=1, keepdims=True) / weight.sum(axis=1, keepdims=True)
    height = (weight * z).sum(axis=1, keepdims=True) / weight.sum(axis=1, keepdims=True)
    slope = (weight * (pooled - middle) * (z - height)).sum(axis=1) / (weight * (pooled - middle) ** 2).sum(
        axis=1
    )
    slope = np.clip(slope, 0.05, 20.0)
    return middle[:, 0] - height[:, 0] / slope, 1 / slope


def _settable(problem: OrderedProblem, masses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Replicates without the groups that have no maximum in them, and which parameters are missing, (R, p)."""
    index = problem.index
    missing = np.zeros((len(masses), len(index)), dtype=bool)
    masses = masses.copy()
    for name, column in problem.columns.items():
        if not column.levels:
            continue
        code = problem.code_of_cell(name)
        for level, label in enumerate(column.levels):
            inside = code == level
            chosen = np.stack(
                [
                    (masses[:, inside & (problem.category == k)] > 0).any(axis=1)
                    for k in range(len(problem.categories))
                ],
                axis=1,
            )
            lost = ~chosen.any(axis=1)
            if name in problem.scale:
                lost |= chosen.sum(axis=1) < 3
            if name in problem.location:
                lost |= (chosen.sum(axis=1) == 1) & (chosen[:, 0] | chosen[:, -1])
            if not lost.any():
                continue
            masses[np.ix_(lost, inside)] = 0.0
            gone = index.get_level_values("term") == f"{name}[{label}]"
            missing[np.ix_(lost, gone if level else np.ones(len(index), dtype=bool))] = True
    return masses, missing
