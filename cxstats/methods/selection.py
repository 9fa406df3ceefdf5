"""Selection models and what randomised reminders say about those who did not answer.

A selection model reads the score of those who did not answer out of something that moves response and not the score. Such
a thing must be *declared*, and randomised: without it, what identifies the model is the shape of the normal
distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxstats.methods.limits import critical_value
from cxstats.metrics import Metric
from cxstats.parameters import Level, checked
from cxstats.show import definition_html

__all__ = [
    "Heckman",
    "InstrumentContrast",
    "SelectionModel",
    "heckman",
    "instrument_contrast",
    "selection_model",
]

WEAK = 10.0
"""Below this χ² per degree of freedom an instrument moves response too little (Staiger & Stock 1997's rule for F)."""


# -------------------------------------------------------------------------------------- Heckman two-step


@dataclass(frozen=True, slots=True, eq=False)
class Heckman:
    """A linear outcome seen only for the selected.

    Attributes
    ----------
    coefficients, standard_errors : of the outcome's design, then of the inverse Mills ratio; shape (p + 1,). Errors are
        corrected for the first step.
    selection : probit coefficients, shape (q,).
    selection_covariance : their covariance, shape (q, q).
    sigma : standard deviation of the outcome's error.
    correlation : of the two errors, cut off at ±1.
    n, n_selected : rows, and those selected.
    """

    coefficients: np.ndarray
    standard_errors: np.ndarray
    selection: np.ndarray
    selection_covariance: np.ndarray
    sigma: float
    correlation: float
    n: int
    n_selected: int

    def _repr_html_(self) -> str:
        rows = [
            (f"x{i}" if i < len(self.coefficients) - 1 else "inverse Mills ratio", b, se)
            for i, (b, se) in enumerate(zip(self.coefficients, self.standard_errors, strict=True))
        ]
        return definition_html(
            "Selection model, two-step",
            [(name, f"{b:.4g} (standard error {se:.3g})") for name, b, se in rows]
            + [("correlation of the errors", f"{self.correlation:.2f}")],
        )


def heckman(
    outcome: np.ndarray, design: np.ndarray, selected: np.ndarray, selection_design: np.ndarray
) -> Heckman:
    """Two-step estimator of a linear model for an outcome that only the selected show.

    Parameters
    ----------
    outcome : shape (n,); read where ``selected``.
    design : shape (n, p), with a column of ones; read where ``selected``.
    selected : shape (n,), boolean.
    selection_design : shape (n, q), with a column of ones and at least one column that ``design`` lacks.

    Returns
    -------
    Heckman.

    Raises
    ------
    ValueError : nobody or everybody is selected, more coefficients than selected rows, a missing value, or no column
        that moves selection alone.

    Notes
    -----
    Probit of selection; inverse Mills ratio λ = φ(z'γ)/Φ(z'γ) added to least squares; σ² = e'e/n + b_λ²·mean(λ(λ + z'γ)),
    ρ = b_λ/σ; covariance with the first step's (Heckman 1979, *Econometrica* 47; Greene 2003, 22.4.3).
    A score is ordered, not linear, and whoever answers is asked to be so by something: for surveys see
    :func:`selection_model`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> z, noise = rng.normal(size=(4_000, 2)), rng.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], 4_000)
    >>> ones = np.ones(len(z))
    >>> fit = heckman(5 + z[:, 0] + noise[:, 1], np.column_stack([ones, z[:, 0]]),
    ...               0.2 + z[:, 1] + noise[:, 0] > 0, np.column_stack([ones, z]))
    >>> bool(abs(fit.coefficients[0] - 5) < 3 * fit.standard_errors[0])
    True
    """
    import statsmodels.api as sm
    from scipy.special import log_ndtr

    chosen = np.asarray(selected, dtype=bool)
    z, x_all, y_all = (np.asarray(part, dtype=float) for part in (selection_design, design, outcome))
    if not (len(z) == len(x_all) == len(y_all) == len(chosen)):
        raise ValueError(
            f"outcome, designs and selected need the same number of rows, but have {len(y_all)}, {len(x_all)}, "
            f"{len(z)} and {len(chosen)}"
        )
    x, y = x_all[chosen], y_all[chosen]
    if chosen.all() or not chosen.any():
        raise ValueError("a selection model needs rows that are selected and rows that are not")
    if not (np.isfinite(z).all() and np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("a selection model needs every predictor of every row, and every selected outcome")
    if np.linalg.matrix_rank(np.column_stack([x_all[chosen], z[chosen]])) <= np.linalg.matrix_rank(x):
        raise ValueError(
            "nothing moves selection that is not in the outcome's design as well: the model would be identified by "
            "the normal distribution alone. Add an instrument to selection_design"
        )
    first = sm.Probit(chosen.astype(float), z).fit(disp=False)
    gamma, v_gamma = np.asarray(first.params), np.asarray(first.cov_params())
    index = z[chosen] @ gamma
    mills = np.exp(-0.5 * index**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(index))
    delta = mills * (mills + index)
    full = np.column_stack([x, mills])
    if np.linalg.matrix_rank(full) < full.shape[1] or len(full) <= full.shape[1]:
        raise ValueError(
            "the outcome's predictors and the inverse Mills ratio cannot be told apart: some predictor follows from the "
            "others, or too few rows are selected"
        )
    b, *_ = np.linalg.lstsq(full, y, rcond=None)
    residual = y - full @ b
    sigma2 = residual @ residual / len(y) + b[-1] ** 2 * delta.mean()
    rho = b[-1] / np.sqrt(sigma2)
    bread = np.linalg.inv(full.T @ full)
    # the first step's share of the error
    pull = full.T @ (delta[:, None] * z[chosen])
    meat = full.T @ ((1 - rho**2 * delta)[:, None] * full) + rho**2 * pull @ v_gamma @ pull.T
    covariance = sigma2 * bread @ meat @ bread
    return Heckman(
        coefficients=b,
        standard_errors=np.sqrt(np.diag(covariance)),
        selection=gamma,
        selection_covariance=v_gamma,
        sigma=float(np.sqrt(sigma2)),
        correlation=float(np.clip(rho, -1, 1)),
        n=len(z),
        n_selected=len(y),
    )


# --------------------------------------------------------------------- ordered score with an instrument


@dataclass(frozen=True, slots=True, eq=False)
class SelectionModel:
    """An ordered or binary score with response as a probit that a randomised instrument moves.

    Attributes
    ----------
    metric : the metric.
    value : among respondents.
    everyone, standard_error, low, high : value of everyone invited under the model.
    bias, bias_standard_error, bias_low, bias_high : respondents minus everyone.
    shares : of everyone, by distinct value of the metric ascending, shape (D,).
    correlation, correlation_low, correlation_high : of what moves response and what moves the score, facts of the frame
        held fixed. Above 0: who answers is happier than the frame says.
    instrument_chi2, instrument_df : Wald statistic of the instrument in the response equation.
    log_likelihood : at the maximum.
    converged : whether the maximum was found.
    warnings : what to know before using it; () if nothing.
    level : of intervals.
    """

    metric: Metric
    value: float
    everyone: float
    standard_error: float
    low: float
    high: float
    bias: float
    bias_standard_error: float
    bias_low: float
    bias_high: float
    shares: np.ndarray
    correlation: float
    correlation_low: float
    correlation_high: float
    instrument_chi2: float
    instrument_df: int
    log_likelihood: float
    converged: bool
    warnings: tuple[str, ...]
    level: float

    def _repr_html_(self) -> str:
        unit = self.metric.unit
        return definition_html(
            f"{self.metric.short} of everyone, selection model",
            [
                (
                    "value",
                    f"{self.everyone:.2f} {unit} ({self.level:.0%}: {self.low:.2f} to {self.high:.2f})",
                ),
                ("bias", f"{self.bias:+.2f} {unit} ({self.bias_low:+.2f} to {self.bias_high:+.2f})"),
                ("correlation", f"{self.correlation:.2f}"),
                *(("note", text) for text in self.warnings),
            ],
        )


def selection_model(
    cells: pd.DataFrame,
    metric: Metric,
    by: Sequence[str],
    *,
    instrument: str,
    score: str,
    responded: str = "responded",
    part: str = "part",
    level: float = 0.95,
) -> SelectionModel:
    """Value of everyone from an ordered probit with probit response, identified by a randomised instrument.

    Parameters
    ----------
    cells : everyone invited: rows with ``n``, ``score`` (missing where not answered), ``by``, ``instrument`` and,
        where customers repeat, ``part``.
    metric : what an answer is worth; its distinct values are the categories.
    by : facts of the frame, in both equations, as main effects.
    instrument : column with the arms of something that was randomised, moves response and cannot move the score:
        reminders, time of sending. Incentives may move the score.
    level : of intervals.

    Raises
    ------
    ValueError : nobody answered or everyone did, an instrument of one arm or one that does not move response at all.

    Notes
    -----
    Response R = 1(z'γ + v > 0), latent score U = x'β + e, (v, e) bivariate normal with correlation ρ; maximum
    likelihood (Van de Ven & Van Praag 1981, *J. Econometrics* 17, for binary scores; Greene & Hensher 2010, chapter 10,
    for ordered ones). Standard errors by linearisation, customers (``part``) as clusters. Under a weak instrument (χ² per
    degree of freedom below 10) the normal distribution identifies the model instead: said in ``warnings``.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> cells = pd.DataFrame({
    ...     "reminders": ["1"] * 4 + ["2"] * 4, "nps": pd.array([10, 8, 3, None] * 2, dtype="Int64"),
    ...     "n": [1000, 600, 400, 8000, 1300, 840, 660, 7200]})
    >>> result = selection_model(cells, NPS, [], instrument="reminders", score="nps")
    >>> bool(result.everyone < result.value), round(result.instrument_chi2)
    (True, 175)
    """
    level = checked("level", level, Level)
    data = _selection_data(cells, metric, list(by), instrument, score, responded, part)
    fit = _maximise(data)
    return _summary(data, fit, metric, level)


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    x: np.ndarray  # (rows, p) score equation, without constant
    z: np.ndarray  # (rows, q) response equation, with constant; the instrument's columns last
    category: np.ndarray  # −1: did not answer
    n: np.ndarray
    part: np.ndarray | None
    values: np.ndarray
    place: np.ndarray  # which distinct values of the metric occur
    arms: int
    pattern: np.ndarray  # which (x, z) each row has
    first: np.ndarray  # a row of each pattern


def _selection_data(
    cells: pd.DataFrame, metric: Metric, by: list[str], instrument: str, score: str, responded: str, part: str
) -> _Data:
    from cxstats.methods.proxy import _category, _require

    _require(cells, ["n", score, instrument, *by])
    if instrument in by:
        raise ValueError(f"{instrument!r} cannot be both the instrument and a fact of the frame")
    category = _category(cells[score], metric)
    if responded in cells.columns:
        category = np.where(cells[responded].fillna(False).to_numpy(dtype=bool), category, -1)
    n = cells["n"].to_numpy(dtype=float)
    if not n[category >= 0].sum() > 0 or not n[category < 0].sum() > 0:
        raise ValueError(
            f"{metric.short}: a selection model needs customers who answered and customers who did not"
        )
    blocks = [reference_coded(cells[column], n) for column in by]
    arms = reference_coded(cells[instrument], n)
    if arms.shape[1] == 0:
        raise ValueError(f"the instrument {instrument!r} has one arm only: nothing was varied")
    x = np.hstack(blocks) if blocks else np.zeros((len(cells), 0))
    present = (
        np.bincount(category[category >= 0], weights=n[category >= 0], minlength=len(metric.distinct_values))
        > 0
    )
    if present.sum() < 2:
        raise ValueError(f"all answers to {metric.short} are worth the same: there is nothing to model")
    category = np.where(category >= 0, (np.cumsum(present) - 1)[np.maximum(category, 0)], -1)
    # rows that differ in nothing but columns not asked for are one row
    clusters = pd.factorize(cells[part])[0] if part in cells.columns else np.zeros(len(cells), dtype=int)
    key = np.column_stack([x, arms, category, clusters])
    _, first, group = np.unique(key, axis=0, return_index=True, return_inverse=True)
    n = np.bincount(group.ravel(), weights=n)
    x, z = x[first], np.column_stack([np.ones(len(first)), x[first], arms[first]])
    _, head, pattern = np.unique(z, axis=0, return_index=True, return_inverse=True)
    keep_part = clusters[first] if part in cells.columns and len(np.unique(clusters)) >= 10 else None
    return _Data(
        x,
        z,
        category[first],
        n,
        keep_part,
        metric.distinct_values[present],
        present,
        arms.shape[1],
        pattern.ravel(),
        head,
    )


def reference_coded(column: pd.Series, n: np.ndarray) -> np.ndarray:
    """Indicators of all categories but the largest; a missing one is a category."""
    code, labels = pd.factorize(column, sort=True, use_na_sentinel=False)
    size = np.bincount(code, weights=n, minlength=len(labels))
    return (code[:, None] == np.delete(np.arange(len(labels)), size.argmax())).astype(float)


def _bivariate_normal(h: np.ndarray, k: np.ndarray, r: float) -> np.ndarray:
    """P(X ≤ h, Y ≤ k), correlation r in (−1, 1), by Owen's T function; infinite limits allowed."""
    from scipy.special import ndtr, owens_t

    h, k = np.broadcast_arrays(np.asarray(h, dtype=float), np.asarray(k, dtype=float))
    # Owen's formula divides by h and k: a hair beside zero is as good
    h0 = np.where(np.abs(h) < 1e-12, 1e-12, np.clip(h, -38, 38))
    k0 = np.where(np.abs(k) < 1e-12, 1e-12, np.clip(k, -38, 38))
    root = np.sqrt(1 - r**2)
    both = (
        0.5 * (ndtr(h0) + ndtr(k0))
        - owens_t(h0, (k0 - r * h0) / (h0 * root))
        - owens_t(k0, (h0 - r * k0) / (k0 * root))
        - np.where(h0 * k0 < 0, 0.5, 0.0)
    )
    return np.clip(both, 0.0, np.minimum(ndtr(h), ndtr(k)))


def _unpack(theta: np.ndarray, data: _Data) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """γ, β, cut-points, ρ from the free parameters (γ, β, first cut, log steps, artanh ρ)."""
    q, p, d = data.z.shape[1], data.x.shape[1], len(data.values)
    gamma, beta, cuts, angle = np.split(theta, [q, q + p, q + p + d - 1])
    return gamma, beta, np.cumsum(np.concatenate([cuts[:1], np.exp(cuts[1:])])), float(np.tanh(angle[0]))


def _outcome_scores(theta: np.ndarray, data: _Data) -> tuple[np.ndarray, np.ndarray]:
    """Log-probability of every row and its gradient, shapes (rows,) and (rows, parameters)."""
    from scipy.special import log_ndtr, ndtr

    gamma, beta, cuts, rho = _unpack(theta, data)
    q, p, d = data.z.shape[1], data.x.shape[1], len(data.values)
    a, shift = data.z @ gamma, data.x @ beta
    r, root = -rho, np.sqrt(1 - rho**2)

    def pdf(u: np.ndarray) -> np.ndarray:
        return np.exp(-0.5 * u**2) / np.sqrt(2 * np.pi)

    log_p, gradient = np.empty(len(a)), np.zeros((len(a), len(theta)))
    silent = data.category < 0
    log_p[silent] = log_ndtr(-a[silent])
    gradient[silent, :q] = (
        -(np.exp(-0.5 * a[silent] ** 2 - log_p[silent]) / np.sqrt(2 * np.pi))[:, None] * data.z[silent]
    )

    given = ~silent
    a, shift, k = a[given], shift[given], data.category[given]
    edges = np.concatenate([[-np.inf], cuts, [np.inf]])
    low, high = edges[k] - shift, edges[k + 1] - shift
    share = np.maximum(_bivariate_normal(a, high, r) - _bivariate_normal(a, low, r), 1e-300)
    log_p[given] = np.log(share)
    to_a = pdf(a) * (ndtr((high - r * a) / root) - ndtr((low - r * a) / root))
    # infinite limits: the density is 0 there, and 0·∞ must not arise
    safe_low, safe_high = np.where(np.isfinite(low), low, 0.0), np.where(np.isfinite(high), high, 0.0)
    at_low = np.where(np.isfinite(low), pdf(safe_low) * ndtr((a - r * safe_low) / root), 0.0)
    at_high = np.where(np.isfinite(high), pdf(safe_high) * ndtr((a - r * safe_high) / root), 0.0)

    def joint(u: np.ndarray, safe: np.ndarray) -> np.ndarray:
        density = np.exp(-0.5 * (a**2 - 2 * r * a * safe + safe**2) / root**2) / (2 * np.pi * root)
        return np.where(np.isfinite(u), density, 0.0)

    to_r = joint(high, safe_high) - joint(low, safe_low)
    rows = np.flatnonzero(given)
    gradient[rows, :q] = (to_a / share)[:, None] * data.z[given]
    gradient[rows, q : q + p] = ((at_low - at_high) / share)[:, None] * data.x[given]
    to_cuts = np.zeros((len(a), d + 1))
    to_cuts[np.arange(len(a)), k + 1] += at_high / share
    to_cuts[np.arange(len(a)), k] -= at_low / share
    to_cuts = to_cuts[:, 1:d]
    # cuts = first + Σ exp(steps): a step moves all cuts above it
    steps = np.concatenate([[1.0], np.exp(theta[q + p + 1 : q + p + d - 1])])
    from_above = np.cumsum(to_cuts[:, ::-1], axis=1)[:, ::-1]
    gradient[rows, q + p : q + p + d - 1] = from_above * steps
    gradient[rows, -1] = -to_r / share * (1 - rho**2)
    return log_p, gradient


def _maximise(data: _Data) -> tuple[np.ndarray, float, bool]:
    """Maximum likelihood from three starts: the likelihood in ρ can have more than one hill."""
    from scipy.optimize import minimize
    from scipy.special import ndtri

    n = data.n
    given = data.category >= 0
    below = np.cumsum(np.bincount(data.category[given], weights=n[given], minlength=len(data.values)))[:-1]
    cuts = ndtri(below / n[given].sum())
    base = np.zeros(data.z.shape[1] + data.x.shape[1] + len(cuts) + 1)
    base[0] = ndtri(n[given].sum() / n.sum())
    base[-len(cuts) - 1 : -1] = np.concatenate([cuts[:1], np.log(np.diff(cuts))])

    def surprise(theta: np.ndarray) -> tuple[float, np.ndarray]:
        log_p, gradient = _outcome_scores(theta, data)
        return -float(n @ log_p) / n.sum(), -(n @ gradient) / n.sum()

    best = None
    for angle in (0.0, -0.6, 0.6):
        start = base if best is None else best.x.copy()
        start[-1] = angle
        # |ρ| is kept below .995: beyond it the likelihood is flat and the answer worthless anyway
        bounds = [(None, None)] * (len(base) - 1) + [(-3.0, 3.0)]
        found = minimize(
            surprise,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-8},
        )
        if best is None or found.fun < best.fun - 1e-12:
            best = found
    inside = abs(best.x[-1]) < 2.99
    small = float(np.abs(surprise(best.x)[1]).max()) < 1e-4
    return best.x, -float(best.fun) * float(n.sum()), bool(inside and small)


def _information(theta: np.ndarray, data: _Data) -> np.ndarray:
    """Expected information: scores of every possible outcome of every pattern, weighted by its probability."""
    from dataclasses import replace

    mass = np.bincount(data.pattern, weights=data.n)
    total = np.zeros((len(theta), len(theta)))
    for k in range(-1, len(data.values)):
        rows = data.first
        outcome = replace(data, x=data.x[rows], z=data.z[rows], category=np.full(len(rows), k), n=mass)
        log_p, gradient = _outcome_scores(theta, outcome)
        total += (gradient * (mass * np.exp(log_p))[:, None]).T @ gradient
    return total


def _summary(
    data: _Data, fit: tuple[np.ndarray, float, bool], metric: Metric, level: float
) -> SelectionModel:
    from scipy.special import ndtr

    theta, log_likelihood, converged = fit
    q, p, d = data.z.shape[1], data.x.shape[1], len(data.values)
    _, beta, cuts, rho = _unpack(theta, data)
    n, total = data.n, data.n.sum()

    def model_value(at: np.ndarray) -> np.ndarray:
        _, b, c, _ = _unpack(at, data)
        edge = ndtr(c - (data.x @ b)[:, None])
        return np.diff(edge, axis=1, prepend=0.0, append=1.0) @ data.values

    per_row = model_value(theta)
    everyone = float(n @ per_row / total)
    given = data.category >= 0
    worth = np.where(given, data.values[np.maximum(data.category, 0)], 0.0)
    answered = n[given].sum()
    value = float(n @ worth / answered)
    slope = np.zeros(len(theta))
    for j in range(q, q + p + d - 1):
        step = np.zeros(len(theta))
        step[j] = 1e-5
        slope[j] = n @ (model_value(theta + step) - model_value(theta - step)) / (2e-5 * total)
    inverse = np.linalg.pinv(_information(theta, data))
    scores = _outcome_scores(theta, data)[1]
    to_theta = scores @ inverse
    to_everyone = to_theta @ slope + (per_row - everyone) / total
    to_value = np.where(given, worth - value, 0.0) / answered
    influence = np.column_stack(
        [to_everyone, to_value - to_everyone, to_theta[:, -1], to_theta[:, q - data.arms : q]]
    )
    covariance = clustered(influence, n, data.part)
    z = critical_value(level)
    se, bias_se, angle_se = np.sqrt(np.diag(covariance)[:3])
    gamma = theta[q - data.arms : q]
    chi2 = float(gamma @ np.linalg.solve(covariance[3:, 3:], gamma))
    notes = []
    if chi2 / data.arms < WEAK:
        notes.append(
            f"The instrument moves response too little (χ² {chi2:.1f} on {data.arms} degrees of freedom): what identifies "
            "the model is the shape of the normal distribution."
        )
    if not converged:
        notes.append(
            "No maximum of the likelihood was found inside ±0.99 of the correlation: do not use the value."
        )
    edge = ndtr(cuts - (data.x @ beta)[:, None])
    shares = np.zeros(len(data.place))
    shares[data.place] = n @ np.diff(edge, axis=1, prepend=0.0, append=1.0) / total
    angle = theta[-1]
    return SelectionModel(
        metric=metric,
        value=value,
        everyone=everyone,
        standard_error=float(se),
        low=max(float(everyone - z * se), metric.low),
        high=min(float(everyone + z * se), metric.high),
        bias=value - everyone,
        bias_standard_error=float(bias_se),
        bias_low=float(value - everyone - z * bias_se),
        bias_high=float(value - everyone + z * bias_se),
        shares=shares,
        correlation=rho,
        correlation_low=float(np.tanh(angle - z * angle_se)),
        correlation_high=float(np.tanh(angle + z * angle_se)),
        instrument_chi2=chi2,
        instrument_df=data.arms,
        log_likelihood=log_likelihood,
        converged=converged,
        warnings=tuple(notes),
        level=level,
    )


def clustered(influence: np.ndarray, n: np.ndarray, part: np.ndarray | None) -> np.ndarray:
    """Covariance of sums of influences: independent answers, or parts of customers as clusters."""
    if part is None:
        return (influence * n[:, None]).T @ influence
    code = np.unique(part, return_inverse=True)[1]
    sums = np.zeros((code.max() + 1, influence.shape[1]))
    np.add.at(sums, code, influence * n[:, None])
    sums -= sums.mean(axis=0)
    parts = len(sums)
    return parts / (parts - 1) * sums.T @ sums


# ---------------------------------------------------------------------------- contrast of randomised arms


@dataclass(frozen=True, slots=True, eq=False)
class InstrumentContrast:
    """Scores between the arms of something randomised that moves response.

    Attributes
    ----------
    metric : the metric.
    table : one row per arm: ``arm``, ``invited``, ``answered``, ``response_rate``, ``value`` (of those who answered),
        ``difference`` (to the first arm, within facts of the frame), ``standard_error``, ``low``, ``high``.
    p_value : of no difference between the arms' scores. Small: response depends on the score.
    response_p_value : of no difference between the response rates. Large: the arms cannot show anything.
    balance_p_value : smallest over the facts of the frame, times their number: did the draw make equal arms.
    marginal, marginal_low, marginal_high : value of customers who answer only in the arm with the highest response
        rate and not in that with the lowest; NaN where the rates do not differ.
    level : of intervals.
    warnings : what to know before using it; () if nothing.
    """

    metric: Metric
    table: pd.DataFrame
    p_value: float
    response_p_value: float
    balance_p_value: float
    marginal: float
    marginal_low: float
    marginal_high: float
    level: float
    warnings: tuple[str, ...]

    def _repr_html_(self) -> str:
        rows = [
            (f"arm {r.arm}", f"{r.value:.2f} {self.metric.unit}, {r.response_rate:.1%} answered")
            for r in self.table.itertuples()
        ]
        return definition_html(
            f"{self.metric.short} by randomised arm",
            [*rows, ("p-value", f"{self.p_value:.3g}"), *(("note", text) for text in self.warnings)],
        )


def instrument_contrast(
    cells: pd.DataFrame,
    metric: Metric,
    instrument: str,
    by: Sequence[str] = (),
    *,
    score: str,
    responded: str = "responded",
    part: str = "part",
    level: float = 0.95,
) -> InstrumentContrast:
    """Does a randomised push to answer change the score of those who answer?

    Parameters
    ----------
    cells : everyone invited: rows with ``n``, ``score`` (missing where not answered), ``instrument``, ``by`` and, where
        customers repeat, ``part``.
    metric : what an answer is worth.
    instrument : column with the arms, randomised.
    by : facts of the frame: arms are compared within their main effects.
    level : of intervals.

    Raises
    ------
    ValueError : fewer than two arms with answers.

    Notes
    -----
    Least squares of the score on arm and facts among those who answered, robust covariance with customers (``part``) as
    clusters, Wald test (Bailey 2024, *Polling at a Crossroads*). Under response that depends on the frame alone the arms'
    respondents have the same score. Value of the pushed: (f₁θ₁ − f₀θ₀)/(f₁ − f₀) (Imbens & Angrist 1994), if nobody
    answers less for being pushed.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> cells = pd.DataFrame({
    ...     "reminders": ["1"] * 4 + ["2"] * 4, "nps": pd.array([10, 8, 3, None] * 2, dtype="Int64"),
    ...     "n": [1000, 600, 400, 8000, 1200, 800, 700, 7300]})
    >>> result = instrument_contrast(cells, NPS, "reminders", score="nps")
    >>> result.table["value"].round(1).tolist(), round(result.marginal, 1), result.p_value < 0.001
    ([30.0, 18.5], -14.3, True)
    """
    from scipy.special import chdtrc

    from cxstats.methods.proxy import _category, _require

    level = checked("level", level, Level)
    by = list(by)
    _require(cells, ["n", score, instrument, *by])
    n = cells["n"].to_numpy(dtype=float)
    category = _category(cells[score], metric)
    if responded in cells.columns:
        category = np.where(cells[responded].fillna(False).to_numpy(dtype=bool), category, -1)
    given = category >= 0
    worth = metric.distinct_values[np.maximum(category, 0)]
    arm, labels = pd.factorize(cells[instrument], sort=True)
    known = arm >= 0
    invited, answered = (
        np.bincount(arm[where], weights=n[where], minlength=len(labels)) for where in (known, known & given)
    )
    if len(labels) < 2 or (answered < 2).any():
        raise ValueError(
            f"{instrument!r} needs two arms or more with answers in each, but has "
            + ", ".join(f"{label}: {count:,.0f}" for label, count in zip(labels, answered, strict=True))
        )
    rate = answered / invited
    clusters = pd.factorize(cells[part])[0] if part in cells.columns and cells[part].nunique() >= 10 else None
    used = known & given
    value = np.bincount(arm[used], weights=(n * worth)[used], minlength=len(labels)) / answered

    others = (arm[:, None] == np.arange(1, len(labels))).astype(float)
    frame = np.hstack([reference_coded(cells[c], n) for c in by]) if by else np.zeros((len(cells), 0))
    k = len(labels) - 1

    def contrasts(outcome: np.ndarray, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Differences of the arms to the first, and their covariance, from a regression on arm and facts."""
        design = np.column_stack([others, np.ones(len(cells)), frame])[where]
        y, mass = outcome[where], n[where]
        bread = np.linalg.pinv((design * mass[:, None]).T @ design)
        beta = bread @ design.T @ (mass * y)
        influence = (design @ bread)[:, :k] * (y - design @ beta)[:, None]
        return beta[:k], clustered(influence, mass, None if clusters is None else clusters[where])

    difference, covariance = contrasts(worth, used)
    response, response_covariance = contrasts(given.astype(float), known)
    p_value, response_p = (
        float(chdtrc(k, d @ np.linalg.pinv(v) @ d))
        for d, v in ((difference, covariance), (response, response_covariance))
    )
    z = critical_value(level)
    errors = np.concatenate([[0.0], np.sqrt(np.diag(covariance))])
    gap = np.concatenate([[0.0], difference])
    table = pd.DataFrame(
        {
            "arm": labels.astype(str),
            "invited": invited.astype(int),
            "answered": answered.astype(int),
            "response_rate": rate,
            "value": value,
            "difference": gap,
            "standard_error": errors,
            "low": gap - z * errors,
            "high": gap + z * errors,
        }
    )
    marginal = _marginal(n, worth, given, arm, rate, value, invited, clusters, z)
    balance = _balance(cells, by, arm, n, known)
    notes = []
    if response_p > 0.05:
        notes.append(
            "The arms' response rates do not differ: they cannot show whether response depends on the score."
        )
    if balance < 0.01:
        notes.append("The arms differ in facts of the frame: was the draw random?")
    return InstrumentContrast(
        metric, table, p_value, response_p, balance, *marginal, level=level, warnings=tuple(notes)
    )


def _marginal(
    n: np.ndarray,
    worth: np.ndarray,
    given: np.ndarray,
    arm: np.ndarray,
    rate: np.ndarray,
    value: np.ndarray,
    invited: np.ndarray,
    clusters: np.ndarray | None,
    z: float,
) -> tuple[float, float, float]:
    """Value of those who answer only when pushed, by Fieller's interval for the ratio of two differences."""
    low, high = int(rate.argmin()), int(rate.argmax())
    if rate[low] == rate[high]:
        return float("nan"), float("nan"), float("nan")
    sign = (arm == high) / invited[high] - np.where(arm == low, 1.0, 0.0) / invited[low]
    total = rate * value
    own = (
        np.where(arm >= 0, total[np.maximum(arm, 0)], 0.0),
        np.where(arm >= 0, rate[np.maximum(arm, 0)], 0.0),
    )
    influence = np.column_stack(
        [sign * (np.where(given, worth, 0.0) - own[0]), sign * (given.astype(float) - own[1])]
    )
    covariance = clustered(influence, n, clusters)
    a, b = total[high] - total[low], rate[high] - rate[low]
    # {t : (a − tb)² ≤ z²(v₁₁ − 2t·v₁₂ + t²·v₂₂)}
    square = b**2 - z**2 * covariance[1, 1]
    cross = a * b - z**2 * covariance[0, 1]
    root = cross**2 - square * (a**2 - z**2 * covariance[0, 0])
    if square <= 0 or root < 0:
        return float(a / b), -np.inf, np.inf
    return float(a / b), float((cross - np.sqrt(root)) / square), float((cross + np.sqrt(root)) / square)


def _balance(
    cells: pd.DataFrame, by: Sequence[str], arm: np.ndarray, n: np.ndarray, known: np.ndarray
) -> float:
    """Smallest p-value of equal composition of the arms over the facts, times their number (Bonferroni)."""
    from scipy.special import chdtrc

    smallest = 1.0
    for column in by:
        code = pd.factorize(cells[column], use_na_sentinel=False)[0]
        table = np.zeros((arm.max() + 1, code.max() + 1))
        np.add.at(table, (arm[known], code[known]), n[known])
        table = table[:, table.sum(axis=0) > 0]
        expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
        degrees = (table.shape[0] - 1) * (table.shape[1] - 1)
        if degrees > 0:
            smallest = min(smallest, float(chdtrc(degrees, ((table - expected) ** 2 / expected).sum())))
    return min(1.0, smallest * max(len(by), 1))
