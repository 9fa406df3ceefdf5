"""Tests of the location–scale model: do effects differ from 0, and do groups' thresholds differ beyond a scale?

The second is the model's own assumption. A test alone says little: with a million answers it always fails, with a
hundred hardly ever. So the size stands beside it, in the latent unit and as the share of answers that would
have to be other ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxstats.cells import cluster_variance
from cxstats.methods.ordinal_design import OrderedProblem
from cxstats.methods.ordinal_likelihood import LINKS, OrderedCells, implied_shares, maximise, refit, scores
from cxstats.parameters import Seed, checked
from cxstats.show import definition_html

if TYPE_CHECKING:
    from cxstats.methods.ordinal import LocationScale

__all__ = ["ModelTest", "ThresholdTest", "drop_test", "nominal_test"]


@dataclass(frozen=True, slots=True)
class ModelTest:
    """A test of the smaller model against the larger.

    Attributes
    ----------
    statistic : chi-squared under the smaller model.
    df : number of effects tested.
    p_value : of a statistic as large.
    method : "likelihood ratio"; "Wald (…)" with the name of the covariance where answers are weighted or repeated.
    """

    statistic: float
    df: int
    p_value: float
    method: str

    def _repr_html_(self) -> str:
        return definition_html(
            "Test of a smaller model",
            [
                ("statistic", f"{self.statistic:.2f} on {self.df} degrees of freedom"),
                ("p-value", f"{self.p_value:.3g}"),
                ("method", self.method),
            ],
        )


@dataclass(frozen=True, slots=True, eq=False)
class ThresholdTest:
    """Groups with thresholds of their own, against common thresholds with a location and a scale per group.

    Attributes
    ----------
    statistic, df, p_value, method : the test. Method "likelihood ratio (chi-squared)", "likelihood ratio (simulated)" or
        "likelihood ratio (Rao–Scott)", the last for weighted or repeated answers.
    differences : one row per group and threshold: ``own`` and ``common`` threshold in the latent unit of the
        reference group, ``difference``, its ``standard_error``, ``low`` and ``high`` (95 %, one by one). Missing where
        the group has no answers beyond the threshold.
    misfit : one row per group: ``dissimilarity_share``, the share of its answers that would have to be in another
        category for the model to fit exactly; ``chance_share``, what it would be by chance alone; ``largest``, the
        largest threshold difference that is known to within a tenth of the spread.
    """

    statistic: float
    df: int
    p_value: float
    method: str
    differences: pd.DataFrame
    misfit: pd.DataFrame
    column: str = field(repr=False)

    def _repr_html_(self) -> str:
        rows = [
            (
                row.Index,
                f"{100 * row.dissimilarity_share:.1f} % of answers elsewhere ({100 * row.chance_share:.1f} % by chance)",
            )
            for row in self.misfit.itertuples()
        ]
        return definition_html(
            f"Thresholds by {self.column}, beyond location and scale",
            [
                ("statistic", f"{self.statistic:.1f} on {self.df} degrees of freedom"),
                ("p-value", f"{self.p_value:.3g} ({self.method})"),
                *rows,
            ],
        )


# ---------------------------------------------------------------------------------- effects all zero


def drop_test(fit: LocationScale, part: str, column: str | None) -> ModelTest:
    """Effects of one column (None: of all) in one part, all 0, against the fitted model.

    Raises
    ------
    ValueError : the column has no effects in that part.
    """
    from scipy.stats import chi2

    problem = fit.problem
    listed = problem.scale if part == "log_scale" else problem.location
    if column is not None and column not in listed:
        raise ValueError(
            f"{column!r} is not in the {part.replace('_', '-')} part; it has {', '.join(listed) or 'none'}"
        )
    terms = [t for name in listed if column in (None, name) for t in problem.columns[name].terms]
    index = fit.covariance.index
    tested = np.array([(p == part) and (t in terms) for p, t in index])
    df = int(tested.sum())
    if not fit.independent:
        value = fit.parameters[tested]
        matrix = fit.covariance.to_numpy()[np.ix_(tested, tested)]
        statistic = float(value @ np.linalg.solve(matrix, value))
        return ModelTest(statistic, df, float(chi2.sf(statistic, df)), f"Wald ({fit.covariance_method})")
    kept = {
        name: np.array(
            [t not in terms for n in names for t in problem.columns[n].terms]
            if name == part
            else [True for n in names for _ in problem.columns[n].terms],
            dtype=bool,
        )
        for name, names in (("location", problem.location), ("log_scale", problem.scale))
    }
    smaller = replace(
        problem.cells,
        location=problem.cells.location[:, kept["location"]],
        scale=problem.cells.scale[:, kept["log_scale"]],
    )
    found = maximise(fit.parameters[~tested], smaller, fit.link)
    if not found.converged:
        raise ValueError("the smaller model has no best fit, so the two cannot be compared")
    statistic = max(2 * (fit.log_likelihood - found.log_likelihood), 0.0)
    return ModelTest(statistic, df, float(chi2.sf(statistic, df)), "likelihood ratio")


# ------------------------------------------------------------------------------------ own thresholds


def nominal_test(fit: LocationScale, column: str, *, replicates: int = 0, seed: int = 0) -> ThresholdTest:
    """Thresholds that differ between the groups of ``column`` beyond location and scale: test and size.

    Parameters
    ----------
    fit : a model with ``column`` among its groups.
    replicates : surveys simulated from the model to take the p-value from (999 are enough for two digits): better
        than chi-squared where categories are rare. Only for a model of this one column, answers independent.
    seed : of those.

    Returns
    -------
    ThresholdTest.

    Raises
    ------
    ValueError : the column is not in the model; simulation or a robust test asked of a model with other covariates.

    Notes
    -----
    The larger model has a set of thresholds for each group, which take the place of its location, and of its scale too
    unless other covariates tell the scale apart. With no others it is the table of shares itself, so the
    statistic is G² and has (G − 1)(K − 3) degrees of freedom. Weighted or repeated answers: G² divided by the mean
    generalised design effect, with Satterthwaite's degrees of freedom (Rao & Scott 1984).

    An own threshold is put on the common latent line by the group's own location and spread: μ_g + σ_g·F⁻¹(share of
    answers up to it). The difference is what location and spread do not explain.
    """
    fit._levels(column)
    if set(fit.problem.columns) == {column}:
        return _saturated(fit, column, replicates, checked("seed", seed, Seed))
    if replicates or not fit.independent:
        raise ValueError(
            "with other covariates in the model, thresholds are tested by the likelihood ratio of independent "
            f"answers only; fit a model of {column} alone"
        )
    return _own_thresholds(fit, column)


def _saturated(fit: LocationScale, column: str, replicates: int, seed: int) -> ThresholdTest:
    """The group is all there is: the larger model is the table of shares."""
    from scipy.stats import chi2

    problem = fit.problem
    counts = problem.table(column)
    counts = counts * (problem.tally.sum() / counts.sum())  # weights: as many as there are answers
    levels, k = problem.columns[column].levels, len(problem.categories)
    model = implied_shares(fit.parameters, problem.cells, problem.code_of_cell(column), len(levels), fit.link)
    statistic = _g2(counts, model)
    moved = sum(bool(names) for names in (problem.location, problem.scale))
    df = (len(levels) - 1) * (k - 1 - moved)
    method, p_value = "likelihood ratio (chi-squared)", float(chi2.sf(statistic, df))
    if not fit.independent:
        if replicates:
            raise ValueError("surveys can be simulated only where answers are independent and unweighted")
        statistic, p_value = _rao_scott(fit, column, counts, model, statistic, df)
        method = "likelihood ratio (Rao–Scott)"
    elif replicates:
        p_value = _simulated(fit, counts, model, statistic, replicates, seed)
        method = f"likelihood ratio (simulated, {replicates:,} surveys)"
    own, common, influence = _own_in_table(fit, column, counts)
    return ThresholdTest(
        statistic=statistic,
        df=df,
        p_value=p_value,
        method=method,
        differences=_differences(fit, column, own, common, influence),
        misfit=_misfit(fit, column, counts, model, own - common, influence),
        column=column,
    )


def _g2(counts: np.ndarray, model: np.ndarray) -> float:
    """2·Σ n·log(observed/expected), shape (…, G, K) against (G, K) or the like."""
    expected = model * counts.sum(axis=-1, keepdims=True)
    given = counts > 0
    ratio = np.where(given, counts / np.where(given, expected, 1.0), 1.0)
    value = 2 * (counts * np.log(ratio)).sum(axis=(-2, -1))
    return float(max(value, 0.0)) if np.ndim(value) == 0 else value


def _simulated(
    fit: LocationScale, counts: np.ndarray, model: np.ndarray, statistic: float, replicates: int, seed: int
) -> float:
    """Share of surveys drawn from the model whose G² is as large, counting this one (Davison & Hinkley 1997)."""
    n_groups, k = counts.shape
    code, category = np.divmod(np.arange(n_groups * k), k)
    problem = fit.problem
    name = next(iter(problem.columns))
    design = np.vstack([np.zeros(n_groups - 1), np.eye(n_groups - 1)])[code]
    full = OrderedCells(
        above=np.where(category < k - 1, category, -1),
        below=category - 1,
        location=design if name in problem.location else design[:, :0],
        scale=design if name in problem.scale else design[:, :0],
        mass=(model * counts.sum(axis=1, keepdims=True)).ravel(),
        blocks=(k - 1,),
    )
    rng = np.random.default_rng(seed)
    sizes = np.rint(counts.sum(axis=1)).astype(int)
    drawn = np.stack(
        [rng.multinomial(n, share, size=replicates) for n, share in zip(sizes, model, strict=True)], axis=1
    ).astype(float)
    found = refit(fit.parameters, full, drawn.reshape(replicates, -1), fit.link)
    values = np.full(replicates, np.nan)
    for r in np.flatnonzero(np.isfinite(found[:, k - 1 :]).all(axis=1)):
        with np.errstate(invalid="ignore"):
            values[r] = _g2(drawn[r], implied_shares(found[r], full, code, n_groups, fit.link))
    known = values[np.isfinite(values)]
    if len(known) < 0.9 * replicates:
        raise ValueError(
            f"only {len(known)} of {replicates} simulated surveys have groups large enough for the model; "
            "merge small groups or rare answers first"
        )
    return float((1 + (known >= statistic).sum()) / (1 + len(known)))


def _share_influence(fit: LocationScale, column: str, counts: np.ndarray) -> np.ndarray:
    """What one answer in each used row adds to the error of the observed shares, shape (rows, G·K)."""
    problem = fit.problem
    shares = counts / counts.sum(axis=1, keepdims=True)
    total = problem.table(column).sum(axis=1)
    code = problem.columns[column].codes
    category = problem.category[problem.cell_of_row]
    result = np.zeros((len(code), *counts.shape))
    rows = np.arange(len(code))
    result[rows, code] = -shares[code] / total[code][:, None]
    result[rows, code, category] += 1 / total[code]
    return result.reshape(len(code), -1)


def _covariance(fit: LocationScale, influence: np.ndarray) -> np.ndarray:
    """Covariance of estimates from their influence per used row, under the design the fit was made for."""
    problem = fit.problem
    if fit.matrix is not None:
        return cluster_variance(influence, fit.matrix[np.ix_(problem.used, problem.used)])
    return influence.T @ (influence * problem.squares[:, None])


def _residual_influence(fit: LocationScale, column: str, counts: np.ndarray) -> np.ndarray:
    """The same of observed minus implied shares, shape (rows, G·K)."""
    problem = fit.problem
    code = problem.code_of_cell(column)
    slope = _jacobian(
        lambda theta: implied_shares(theta, problem.cells, code, len(counts), fit.link).ravel(),
        fit.parameters,
    )
    return _share_influence(fit, column, counts) - fit.influence[problem.used] @ slope.T


def _rao_scott(
    fit: LocationScale, column: str, counts: np.ndarray, model: np.ndarray, statistic: float, df: int
) -> tuple[float, float]:
    from scipy.stats import chi2

    if fit.covariance_method == "jackknife":
        raise ValueError(
            "thresholds are tested with the matrix of repeated customers (matrix=...), not with replicates: fit it so"
        )
    design = _covariance(fit, _residual_influence(fit, column, counts))
    n = counts.sum(axis=1, keepdims=True)
    # X² is a sum of squares of residuals times these; its mean under the design is their trace
    root = np.sqrt((n / np.maximum(model, 1e-12)).ravel())
    eigenvalues = np.maximum(np.sort(np.linalg.eigvalsh(design * np.outer(root, root)))[::-1][:df], 0)
    mean = eigenvalues.mean()
    spread = (eigenvalues**2).sum() / (df * mean**2)
    scaled = statistic / mean
    return scaled, float(chi2.sf(scaled / spread, df / spread))


def _jacobian(function, parameters: np.ndarray) -> np.ndarray:
    """Central differences, shape (outputs, p)."""
    step = 1e-6 * np.maximum(1.0, np.abs(parameters))
    columns = []
    for i, h in enumerate(step):
        shift = np.zeros_like(parameters)
        shift[i] = h
        columns.append((function(parameters + shift) - function(parameters - shift)) / (2 * h))
    return np.column_stack(columns)


def _own_in_table(
    fit: LocationScale, column: str, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Own thresholds (G, K − 1), common ones, and the influence of their differences per used row, (rows, G, K − 1)."""
    problem = fit.problem
    shape = LINKS[fit.link]
    groups = fit.groups(column)
    mean, spread = groups["location"].to_numpy(), groups["spread"].to_numpy()
    n_groups, k = counts.shape
    shares = counts / counts.sum(axis=1, keepdims=True)
    below = np.cumsum(shares, axis=1)[:, :-1]
    known = (below > 1e-12) & (below < 1 - 1e-12)
    z = shape.quantile(np.where(known, below, 0.5))
    own = np.where(known, mean[:, None] + spread[:, None] * z, np.nan)
    common = np.tile(fit.thresholds.to_numpy(), (n_groups, 1))

    of_share = np.cumsum(_share_influence(fit, column, counts).reshape(-1, n_groups, k), axis=2)[:, :, :-1]
    of_parameters = fit.influence[problem.used]
    index = list(fit.covariance.index)
    m = problem.cells.n_thresholds
    influence = of_share * (spread[:, None] / shape.density(z))[None]
    influence -= of_parameters[:, None, :m]
    for g, level in enumerate(problem.columns[column].levels):
        for part, slope in (("location", np.ones(k - 1)), ("log_scale", spread[g] * z[g])):
            if (part, f"{column}[{level}]") in index:
                influence[:, g] += of_parameters[:, [index.index((part, f"{column}[{level}]"))]] * slope
    return own, common, influence


def _differences(
    fit: LocationScale, column: str, own: np.ndarray, common: np.ndarray, influence: np.ndarray
) -> pd.DataFrame:
    from cxstats.methods.limits import critical_value

    errors = _errors(fit, influence)
    z = critical_value(0.95)
    levels = fit.problem.columns[column].levels
    gap = own - common
    frame = pd.DataFrame(
        {
            column: np.repeat(levels, own.shape[1]),
            "threshold": np.tile(fit.thresholds.index.to_numpy(), len(levels)),
            "own": own.ravel(),
            "common": common.ravel(),
            "difference": gap.ravel(),
            "standard_error": np.where(np.isfinite(gap), errors, np.nan).ravel(),
        }
    )
    frame["low"] = frame["difference"] - z * frame["standard_error"]
    frame["high"] = frame["difference"] + z * frame["standard_error"]
    return frame


def _errors(fit: LocationScale, influence: np.ndarray) -> np.ndarray:
    return np.sqrt(_variances(fit, influence.reshape(len(influence), -1))).reshape(influence.shape[1:])


def _variances(fit: LocationScale, influence: np.ndarray) -> np.ndarray:
    """The diagonal of :func:`_covariance`."""
    problem = fit.problem
    if fit.matrix is None:
        return problem.squares @ influence**2
    product = fit.matrix[np.ix_(problem.used, problem.used)] @ influence
    return np.maximum((influence * product).sum(axis=0), 0.0)


def _misfit(
    fit: LocationScale,
    column: str,
    counts: np.ndarray,
    model: np.ndarray,
    gap: np.ndarray,
    influence: np.ndarray,
) -> pd.DataFrame:
    n = counts.sum(axis=1, keepdims=True)
    errors = _errors(fit, influence)
    spread = fit.groups(column)["spread"].to_numpy()[:, None]
    sure = np.isfinite(gap) & (errors < 0.1 * spread)
    largest = np.where(sure, np.abs(gap), -1).max(axis=1)
    # half of E|observed − implied| added up: what sampling alone would do, the fit having followed the sample
    residual = _residual_influence(fit, column, counts)
    chance = np.sqrt(2 / np.pi) * np.sqrt(_variances(fit, residual)).reshape(counts.shape).sum(axis=1) / 2
    return pd.DataFrame(
        {
            "n": np.rint(n[:, 0]).astype(int),
            "dissimilarity_share": np.abs(counts / n - model).sum(axis=1) / 2,
            "chance_share": chance,
            "largest": np.where(largest >= 0, largest, np.nan),
        },
        index=pd.Index(fit.problem.columns[column].levels, name=column),
    )


def _own_thresholds(fit: LocationScale, column: str) -> ThresholdTest:
    """The larger model with a set of thresholds per group, fitted by Newton's method."""
    from scipy.stats import chi2

    problem = fit.problem
    code = problem.code_of_cell(column)
    levels, k = problem.columns[column].levels, len(problem.categories)
    cells, start, place = _stratified(fit, column, code)
    found = maximise(start, cells, fit.link)
    if not found.converged:
        raise ValueError(
            f"the model with thresholds of its own for each {column} has no best fit: merge small groups or rare answers"
        )
    statistic = max(2 * (found.log_likelihood - fit.log_likelihood), 0.0)
    df = len(levels) * (k - 1) + cells.n_parameters - cells.n_thresholds - fit.n_parameters

    # the two models' thresholds for the average customer of each group, on the common latent line
    def line(theta: np.ndarray, model: OrderedCells, where: np.ndarray) -> np.ndarray:
        m, q = model.n_thresholds, model.location.shape[1]
        result = np.full((len(levels), k - 1), np.nan)
        for g in range(len(levels)):
            inside = code == g
            share = problem.cells.mass[inside] / problem.cells.mass[inside].sum()
            at = share @ model.location[inside] @ theta[m : m + q]
            wide = np.exp(share @ model.scale[inside] @ theta[m + q :])
            known = where[g] >= 0
            result[g, known] = (theta[:m][where[g, known]] - at) / wide
        return result

    same = np.tile(np.arange(k - 1), (len(levels), 1))
    z_small = line(fit.parameters, problem.cells, same)
    z_large = line(found.parameters, cells, place)
    mean, spread = (
        np.array(
            [_average(problem, code == g, problem.cells.location, fit.location) for g in range(len(levels))]
        ),
        np.exp(
            [_average(problem, code == g, problem.cells.scale, fit.log_scale) for g in range(len(levels))]
        ),
    )
    own = mean[:, None] + spread[:, None] * z_large
    common = mean[:, None] + spread[:, None] * z_small
    each = scores(found.parameters, cells, fit.link) @ np.linalg.inv(found.information)
    small = scores(fit.parameters, problem.cells, fit.link) @ np.linalg.inv(fit.information)
    known = np.isfinite(own).ravel()
    slope_large = _jacobian(lambda t: np.nan_to_num(line(t, cells, place)).ravel(), found.parameters)
    slope_small = _jacobian(lambda t: line(t, problem.cells, same).ravel(), fit.parameters)
    by_cell = (each @ slope_large.T - small @ slope_small.T) * np.repeat(spread, k - 1) * known
    influence = by_cell[problem.cell_of_row].reshape(-1, len(levels), k - 1)
    counts = problem.table(column)
    model = implied_shares(fit.parameters, problem.cells, code, len(levels), fit.link)
    return ThresholdTest(
        statistic=statistic,
        df=df,
        p_value=float(chi2.sf(statistic, df)),
        method="likelihood ratio (chi-squared)",
        differences=_differences(fit, column, own, common, influence),
        misfit=_misfit(fit, column, counts, model, own - common, influence),
        column=column,
    )


def _average(problem: OrderedProblem, inside: np.ndarray, design: np.ndarray, effects: pd.Series) -> float:
    share = problem.cells.mass[inside] / problem.cells.mass[inside].sum()
    return float(share @ design[inside] @ effects.to_numpy(dtype=float))


def _stratified(
    fit: LocationScale, column: str, code: np.ndarray
) -> tuple[OrderedCells, np.ndarray, np.ndarray]:
    """Cells with a set of thresholds per group, starting values, and which threshold is where, (G, K − 1), −1 for none.

    A category that nobody in a group chose has no width there, so one threshold stands for two.
    """
    problem = fit.problem
    old, k = problem.cells, len(problem.categories)
    others = [name for name in problem.location if name != column]
    keep = {
        "location": np.array(
            [n != column for n in problem.location for _ in problem.columns[n].terms], dtype=bool
        ),
        # the group's spread is told apart only by what other covariates do within it
        "scale": np.array(
            [n != column or bool(others) for n in problem.scale for _ in problem.columns[n].terms], dtype=bool
        ),
    }
    above, below = np.full(len(code), -1), np.full(len(code), -1)
    place = np.full((len(problem.columns[column].levels), k - 1), -1)
    start, blocks, first = [], [], 0
    groups = fit.groups(column)
    thresholds = fit.thresholds.to_numpy()
    keeps_scale = keep["scale"].sum() == len(keep["scale"])
    for g in range(len(place)):
        inside = code == g
        kept = np.unique(problem.category[inside])
        rank = np.searchsorted(kept, problem.category[inside])
        above[inside] = np.where(rank < len(kept) - 1, first + rank, -1)
        below[inside] = np.where(rank > 0, first + rank - 1, -1)
        at = np.searchsorted(kept, np.arange(k - 1), side="right") - 1
        place[g] = np.where((at >= 0) & (at < len(kept) - 1), first + at, -1)
        mean, spread = groups["location"].iloc[g], 1.0 if keeps_scale else groups["spread"].iloc[g]
        middle = (thresholds[kept[:-1]] + thresholds[kept[1:] - 1]) / 2
        start.append((middle - mean) / spread)
        blocks.append(len(kept) - 1)
        first += len(kept) - 1
    cells = replace(
        old,
        above=above,
        below=below,
        location=old.location[:, keep["location"]],
        scale=old.scale[:, keep["scale"]],
        blocks=tuple(blocks),
    )
    start += [fit.location.to_numpy()[keep["location"]], fit.log_scale.to_numpy()[keep["scale"]]]
    return cells, np.concatenate(start), place
