"""How certain, when customers answer more than once: the exact cluster-robust variance from cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    Matrix = np.ndarray | csr_array

__all__ = ["LeastSquares", "cluster_variance", "least_squares", "mean_scores"]


def cluster_variance(
    scores: np.ndarray, matrix: Matrix, *, customers: int | None = None
) -> float | np.ndarray:
    """Variance of estimates whose error is a sum of ``scores`` over answers: G'MG.

    The usual cluster-robust ("sandwich") variance, from cells instead of rows: a customer's answers
    may depend on each other in any way, customers are independent.

    Parameters
    ----------
    scores : G, shape (R,) or (R, p): what one answer (with weights: one unit of weight) in each cell
        adds to the estimate's error. :func:`mean_scores` has those of a mean; a total's are the
        answers' own values; a difference's are the difference of the two.
    matrix : M of :func:`cluster_matrix`, shape (R, R).
    customers : number C of customers; if given, the variance is multiplied by C/(C − 1), as
        software for row-level data does by default.

    Returns
    -------
    The variance (scores of one estimate) or the covariance matrix, shape (p, p).

    References
    ----------
    Liang & Zeger (1986), Biometrika 73, 13–22.

    Examples
    --------
    Three customers answer in wave 1, the first of them again in wave 2 (see :func:`cluster_matrix`);
    the variance of the number of answers, when customers come and go:

    >>> cluster_variance(np.array([1.0, 1.0]), np.array([[3.0, 1.0], [1.0, 1.0]]))
    6.0
    """
    scores = np.asarray(scores, dtype=float)
    if scores.ndim not in (1, 2) or matrix.shape != (len(scores), len(scores)):
        raise ValueError(
            f"scores need a row per cell and the matrix a row and a column: got shapes {scores.shape} "
            f"and {matrix.shape}"
        )
    meat = scores.T @ (matrix @ scores)
    if customers is not None:
        if customers < 2:
            raise ValueError(f"a correction for the number of customers needs at least 2, not {customers}")
        meat = meat * (customers / (customers - 1))
    return float(meat) if scores.ndim == 1 else (meat + meat.T) / 2


def mean_scores(
    values: np.ndarray, tally: np.ndarray, where: np.ndarray | None = None
) -> tuple[float, np.ndarray]:
    """The mean of ``values`` over the answers in chosen cells, and its scores for :func:`cluster_variance`.

    Parameters
    ----------
    values : worth of an answer in each cell, shape (R,); may be missing outside ``where``.
    tally : ``cells["n"]``, or ``cells["w"]`` for a weighted mean (then with the weighted M), shape (R,).
    where : which cells belong to the group, shape (R,), boolean; all by default.

    Returns
    -------
    The mean (NaN without answers) and G, shape (R,): (value − mean) / Σ tally in the group, 0 outside.
    The change between two waves is the difference of the means, its scores the difference of the G.

    Examples
    --------
    >>> mean, G = mean_scores(np.array([-100.0, 0.0, 100.0]), np.array([20, 30, 50]))
    >>> variance = cluster_variance(G, np.diag([20, 30, 50]))    # nobody answers twice: the usual error
    >>> mean, round(variance**0.5, 6)
    (30.0, 7.81025)
    """
    tally = np.asarray(tally, dtype=float)
    chosen = np.ones(len(tally), dtype=bool) if where is None else np.asarray(where, dtype=bool)
    worth = np.where(chosen, np.asarray(values, dtype=float), 0.0)
    total = tally[chosen].sum()
    if not total > 0:
        return float("nan"), np.full(len(tally), np.nan)
    mean = float(worth @ np.where(chosen, tally, 0.0) / total)
    return mean, np.where(chosen, (worth - mean) / total, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class LeastSquares:
    """Coefficients of a linear regression and their cluster-robust covariance.

    Attributes
    ----------
    coefficients : shape (p,), in the order of the design's columns.
    covariance : shape (p, p).
    scores : shape (R, p): what one answer (or unit of weight) in each cell adds to the coefficients' error.
    """

    coefficients: np.ndarray
    covariance: np.ndarray
    scores: np.ndarray

    @property
    def standard_errors(self) -> np.ndarray:
        """Standard error per coefficient, shape (p,)."""
        return np.sqrt(np.diag(self.covariance))

    def _repr_html_(self) -> str:
        from cxstats.show import definition_html

        rows = zip(self.coefficients, self.standard_errors, strict=True)
        return definition_html(
            "Least squares",
            [(f"x{i}", f"{b:.4g} (standard error {se:.3g})") for i, (b, se) in enumerate(rows)],
        )


def least_squares(
    design: np.ndarray,
    response: np.ndarray,
    tally: np.ndarray,
    matrix: Matrix,
    *,
    customers: int | None = None,
) -> LeastSquares:
    """Linear regression on cells, with the variance of repeated customers.

    The same as on the rows themselves: answers in one cell share their predictors and response.

    Parameters
    ----------
    design : predictors of the answers in each cell, shape (R, p), with a column of ones for the intercept.
    response : worth of an answer in each cell, shape (R,).
    tally : ``cells["n"]``, or ``cells["w"]`` for weighted least squares (then with the weighted M).
    matrix : M of :func:`cluster_matrix`.
    customers : as in :func:`cluster_variance`.

    Raises
    ------
    ValueError : shapes that do not fit, a missing predictor or response (leave those cells out), or
        predictors of which one follows from the others.

    References
    ----------
    Cameron & Miller (2015), Journal of Human Resources 50, 317–372.

    Examples
    --------
    >>> fit = least_squares(np.array([[1, 0], [1, 1]]), np.array([0, 1]), np.array([5, 5]), np.eye(2))
    >>> fit.coefficients.round(12).tolist()
    [0.0, 1.0]
    """
    x, y, t = (np.asarray(a, dtype=float) for a in (design, response, tally))
    if x.ndim != 2 or y.shape != (len(x),) or t.shape != (len(x),) or matrix.shape != (len(x), len(x)):
        raise ValueError(
            "design (R, p), response (R,), tally (R,) and matrix (R, R) must fit each other, but have "
            f"shapes {x.shape}, {y.shape}, {t.shape} and {matrix.shape}"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError(
            "a predictor or response is missing: leave those cells out, of the matrix too: "
            "M[np.ix_(keep, keep)]"
        )
    root = np.sqrt(t)
    q, r = np.linalg.qr(root[:, None] * x)
    size = np.abs(np.diag(r))
    if len(x) < x.shape[1] or size.min(initial=np.inf) <= 1e-10 * size.max(initial=0):
        raise ValueError("the predictors do not tell themselves apart: one of them follows from the others")
    coefficients = np.linalg.solve(r, q.T @ (root * y))
    bread = np.linalg.inv(r) @ np.linalg.inv(r).T
    scores = (x * (y - x @ coefficients)[:, None]) @ bread
    return LeastSquares(coefficients, cluster_variance(scores, matrix, customers=customers), scores)
