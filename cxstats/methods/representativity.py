"""How much alike the answers and the invitations are: R-indicator, coefficient of variation, partial indicators.

Everything here is about response propensities, given what is known about everyone invited. If all kinds of customers
answer equally readily the R-indicator is 1; half of the customers answering for sure and half never makes it 0. The
coefficient of variation (CV) of the propensities bounds the bias of any mean of a quantity that the same frame variables
explain: at most CV standard deviations. **It bounds nothing that the frame variables do not see.**
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from cxstats.methods.clusters import truth_of
from cxstats.methods.frame_variables import EXPECTED, cross_classify
from cxstats.methods.propensity import Propensity, fit
from cxstats.metrics import Metric
from cxstats.parameters import Level, checked
from cxstats.show import definition_html
from cxstats.words import count, share

__all__ = ["LargestBias", "Representativity", "representativity"]


@dataclass(frozen=True, slots=True)
class LargestBias:
    """The largest bias that differences between frame groups could cause in a metric, in its own unit.

    Not a bound on the whole bias: customers alike in every frame variable may answer or not for reasons of their own.

    Attributes
    ----------
    value : CV × standard deviation of the answers.
    low, high : the same with the ends of the CV's interval.
    standard_deviation : of the answers given; that of all customers is not known.
    any_answers : CV × the largest standard deviation the scale allows (half of its range).
    unit : of all of these.
    """

    value: float
    low: float
    high: float
    standard_deviation: float
    any_answers: float
    unit: str

    def _repr_html_(self) -> str:
        return definition_html(
            "Largest bias these frame variables could carry",
            [
                ("value", f"{self.value:.2f} {self.unit}"),
                ("interval", f"{self.low:.2f} to {self.high:.2f}"),
                ("whatever the answers", f"{self.any_answers:.2f}"),
            ],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Representativity:
    """Indicators of how representative the answers are of the customers invited.

    Attributes
    ----------
    r_indicator : 1 − 2·S(ρ̂), as counted; 0 to 1, 1 is best. Too low in small surveys.
    r_indicator_adjusted : the same without the spread that the estimated model adds; the one to report.
    r_indicator_se : standard error of either.
    r_low, r_high : interval of the true R-indicator.
    cv, cv_adjusted : S(ρ̂)/ρ̄ as counted and adjusted: the largest bias in standard deviations. cv_se : standard error.
    cv_low, cv_high : interval of the true CV.
    bias_factor : adjusted variance of the propensities over the counted one, 0 to 1.
    partial : one row per variable (``category`` missing) and per category: ``variable``, ``category``, ``n`` (invited),
        ``response_rate``, ``unconditional``, ``unconditional_se``, ``conditional``, ``conditional_se``, and per
        variable ``unconditional_adjusted``, ``conditional_adjusted``. Unconditional: how far response differs by the
        variable, per category with its sign (+ answers more than its share); conditional: how far it still does among
        customers alike in all other variables. All in the unit of S(ρ): 0 is best, 0.5 the worst.
    response_rate : answered/invited (weighted where weights are). n : invited. level : of the intervals.
    warnings : what was put together, left out or cannot be stood for. propensity : the model behind it all.
    """

    r_indicator: float
    r_indicator_adjusted: float
    r_indicator_se: float
    r_low: float
    r_high: float
    cv: float
    cv_adjusted: float
    cv_se: float
    cv_low: float
    cv_high: float
    bias_factor: float
    partial: pd.DataFrame
    response_rate: float
    n: int
    level: float
    warnings: tuple[str, ...]
    propensity: Propensity = field(repr=False)

    def largest_bias(self, counts: Sequence[float] | np.ndarray, metric: Metric) -> LargestBias:
        """The largest bias these frame variables could carry, in the metric's unit; no bound on the whole bias.

        Parameters
        ----------
        counts : answers per category ordered by the scale, as for ``cx.estimate``.
        metric : what an answer is worth.

        Notes
        -----
        \\|bias\\| = \\|Cov(ρ, y)\\|/ρ̄ ≤ S(ρ)·S(y)/ρ̄ = CV·S(y) (Schouten, Cobben & Bethlehem 2009, section 3).
        """
        spread = float(np.sqrt(metric.variance(counts)))
        half = (metric.high - metric.low) / 2
        return LargestBias(
            value=self.cv_adjusted * spread,
            low=self.cv_low * spread,
            high=self.cv_high * spread,
            standard_deviation=spread,
            any_answers=self.cv_adjusted * half,
            unit=metric.unit,
        )

    def _repr_html_(self) -> str:
        return definition_html(
            "Representativity",
            [
                ("R-indicator", f"{self.r_indicator_adjusted:.3f}"),
                (f"{self.level:.0%} interval", f"{self.r_low:.3f} to {self.r_high:.3f}"),
                ("coefficient of variation", f"{self.cv_adjusted:.3f}"),
                (f"{self.level:.0%} interval of it", f"{self.cv_low:.3f} to {self.cv_high:.3f}"),
                ("response rate", share(self.response_rate, 1)),
                ("invited", count(self.n)),
                *[("note", note) for note in self.warnings],
            ],
        )


def representativity(
    cells: pd.DataFrame,
    by: Sequence[str],
    *,
    responded: str = "responded",
    interactions: Sequence[tuple[str, str]] = (),
    weights: Sequence[float] | np.ndarray | None = None,
    matrix: np.ndarray | None = None,
    part: str | None = None,
    population: float | None = None,
    level: float = 0.95,
    expected: float = EXPECTED,
) -> Representativity:
    """R-indicator, coefficient of variation and partial indicators of the response.

    Parameters
    ----------
    cells, by, responded, interactions, weights, matrix, part, expected : as in
        :func:`cxstats.methods.propensity.fit`, whose model this describes.
    population : customers of whom those invited are a random sample; then the indicators speak about all of them,
        and their errors (but for those of single categories) say so. None: they speak about the customers invited.
    level : of the intervals.

    Returns
    -------
    Representativity.

    Raises
    ------
    ValueError : as :func:`cxstats.methods.propensity.fit`.

    Notes
    -----
    The customers invited are the population: nothing is sampled but who answers. Schouten, Cobben & Bethlehem (2009);
    bias and variance of the R-indicator after Shlomo, Skinner & Schouten (2012); partial indicators after Schouten,
    Shlomo & Skinner (2011). Indicators of two surveys compare only with the same variables in the same categories.
    ``docs/methods/representativity.md`` gives the formulas.

    Examples
    --------
    >>> cells = pd.DataFrame({"channel": ["app", "app", "mail", "mail"], "responded": [True, False] * 2,
    ...                       "n": [600, 400, 400, 600]})
    >>> result = representativity(cells, ["channel"])
    >>> round(result.r_indicator, 3), round(result.r_indicator_adjusted, 3), round(result.cv, 3)
    (0.8, 0.802, 0.2)
    """
    level = checked("level", level, Level)
    model = fit(
        cells,
        by,
        responded=responded,
        interactions=interactions,
        weights=weights,
        matrix=matrix,
        part=part,
        expected=expected,
    )
    spread = _Spread.of(model, population)
    r, r_variance, factor = spread.r_indicator(), spread.r_variance(), spread.bias_factor()
    rho = spread.mean
    cv = (1 - r) / 2 / rho
    low, high = spread.interval(level)
    cv_low, cv_high = spread.relative_interval(level)
    return Representativity(
        r_indicator=r,
        r_indicator_adjusted=1 - (1 - r) * float(np.sqrt(factor)),
        r_indicator_se=float(np.sqrt(r_variance)),
        r_low=1 - 2 * high,
        r_high=1 - 2 * low,
        cv=cv,
        cv_adjusted=cv * float(np.sqrt(factor)),
        cv_se=float(np.sqrt(r_variance / (4 * rho**2) + cv**4 / spread.n)),
        cv_low=cv_low,
        cv_high=cv_high,
        bias_factor=factor,
        partial=_partial(model, spread, truth_of(cells, responded, "whether a customer answered"), factor),
        response_rate=model.response_rate,
        n=model.n,
        level=level,
        warnings=model.warnings,
        propensity=model,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Spread:
    """Variance of fitted propensities over the customers invited, and how well it is known.

    With weights w of the K frame cells scaled to the n customers, z = ρ(1 − ρ)x the gradient of a propensity and Σ the
    covariance of the coefficients.
    """

    weight: np.ndarray  # customers per frame cell, weighted, summing to n; (K,)
    propensity: np.ndarray  # (K,)
    gradient: np.ndarray  # z, (K, p)
    covariance: np.ndarray  # Σ, (p, p)
    n: float
    degrees: float
    drawn: float  # 1 − n/N: how far those invited are a draw from more; 0 where they are everyone

    @classmethod
    def of(cls, model: Propensity, population: float | None) -> _Spread:
        propensity = model.cells["propensity"].to_numpy()
        name = "weight" if "weight" in model.cells.columns else "invited"
        weight = model.cells[name].to_numpy(dtype=float)
        return cls(
            weight * (model.n / weight.sum()),
            propensity,
            (propensity * (1 - propensity))[:, None] * model.design,
            model.covariance,
            float(model.n),
            model.clusters.degrees_of_freedom,
            _drawn(model.n, population),
        )

    @property
    def mean(self) -> float:
        return float(self.weight @ self.propensity / self.n)

    @property
    def squares(self) -> float:
        """S² with divisor n."""
        return float(self.weight @ (self.propensity - self.mean) ** 2 / self.n)

    def r_indicator(self) -> float:
        return 1 - 2 * float(np.sqrt(self.squares * self.n / (self.n - 1)))

    def bias_factor(self) -> float:
        """(S² − λ₁/n)(1 + f/n)/S² between 0 and 1; f = 1 − n/N, and the published 1 where those invited are everyone."""
        first = float(np.einsum("k,ki,ij,kj->", self.weight, self.gradient, self.covariance, self.gradient))
        unbiased = self.squares * self.n / (self.n - 1)
        if not unbiased > 0:
            return 0.0
        frame = 1 + (self.drawn or 1.0) / self.n
        return float(np.clip((unbiased - first / self.n) * frame / unbiased, 0, 1))

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """A = Cov(z, ρ), shape (p,), and B = Cov(z), shape (p, p)."""
        centred = self.gradient - self.weight @ self.gradient / self.n
        a = centred.T @ (self.weight * (self.propensity - self.mean)) / self.n
        return a, (centred * self.weight[:, None]).T @ centred / self.n

    def r_variance(self) -> float:
        """Variance of R: that of S² over S² (its first and second order), by the delta method."""
        a, b = self.moments()
        if not self.squares > 0:
            return 0.0
        first = 4 * float(a @ self.covariance @ a)
        return (first + 2 * self.second_order(b) + self.frame_variance()) / self.squares

    def frame_variance(self) -> float:
        """Variance of S² because other customers might have been invited: C/N² of Shlomo et al."""
        square = (self.propensity - self.mean) ** 2
        return self.drawn * float(self.weight @ (square - self.squares) ** 2) / (self.n * (self.n - 1))

    def second_order(self, b: np.ndarray) -> float:
        """tr(BΣBΣ)."""
        product = b @ self.covariance
        return _squared_trace(product, self.degrees)

    def interval(self, level: float) -> tuple[float, float]:
        """Interval of S(ρ), by inverting the test of every value."""
        a, b = self.moments()
        return _invert(
            self.squares,
            4 * float(a @ self.covariance @ a),
            float(np.trace(b @ self.covariance)),
            2 * self.second_order(b) + self.frame_variance(),
            level,
        )

    def relative_interval(self, level: float) -> tuple[float, float]:
        """Interval of S(ρ)/ρ̄: the same for propensities in units of their own mean."""
        scale = self.mean
        mean_gradient = self.weight @ self.gradient / self.n
        # ρ/ρ̄ − 1 has the gradient z/ρ̄ − (ρ/ρ̄)·z̄/ρ̄: its covariances follow from those of z and ρ
        relative = self.gradient / scale - np.outer(self.propensity / scale, mean_gradient / scale)
        centred = relative - self.weight @ relative / self.n
        a = centred.T @ (self.weight * (self.propensity / scale - 1)) / self.n
        b = (centred * self.weight[:, None]).T @ centred / self.n
        return _invert(
            self.squares / scale**2,
            4 * float(a @ self.covariance @ a),
            float(np.trace(b @ self.covariance)),
            2 * self.second_order(b) + self.frame_variance() / scale**4,
            level,
        )


def _squared_trace(product: np.ndarray, degrees: float) -> float:
    """tr(BΣBΣ) from BΣ̂; without the bias that a Σ̂ from few parts (a Wishart matrix) brings."""
    squared, plain = float(np.sum(product * product.T)), float(np.trace(product))
    if not np.isfinite(degrees) or degrees < 2:
        return squared
    v = degrees
    return max(v / ((v - 1) * (v + 2)) * (v * squared - plain**2), plain**2 / len(product))


def _invert(squares: float, first: float, bias: float, rest: float, level: float) -> tuple[float, float]:
    """Interval of a root mean square S₀ from its estimated square.

    The estimate of S₀² varies around S₀² + ``bias`` with variance ``first`` + ``rest``, of which ``first`` is
    proportional to S₀². The values S₀² whose standardised distance from the estimate is at most z solve a quadratic.
    """
    from scipy.special import ndtri

    z2 = float(ndtri((1 + level) / 2)) ** 2
    centre = squares - bias
    # (centre − t)² ≤ z²(slope·t + rest)
    slope = first / squares if squares > 0 else 0.0
    half = z2 * slope / 2
    root = np.sqrt(max(half**2 + z2 * (slope * centre + rest), 0.0))
    low, high = centre + half - root, centre + half + root
    return float(np.sqrt(max(low, 0.0))), float(np.sqrt(max(high, 0.0)))


def _drawn(n: float, population: float | None) -> float:
    """1 − n/N, 0 where the customers invited are everyone."""
    if population is None:
        return 0.0
    if not population >= n:
        raise ValueError(f"the population is {population:g}, but {n:,} customers were invited from it")
    return 1 - n / population


# ------------------------------------------------------------------------------------ partial indicators


def _partial(model: Propensity, spread: _Spread, answered: np.ndarray, factor: float) -> pd.DataFrame:
    """One row per variable and per category."""
    invited, answers = (model.cells[name].to_numpy(dtype=float) for name in ("invited", "answered"))
    adjust = float(np.sqrt(factor))
    columns: dict[str, list] = {name: [] for name in _PARTIAL}
    for i, (variable, code) in enumerate(zip(model.variables, model.frame_codes, strict=True)):
        others = [other for j, other in enumerate(model.frame_codes) if j != i]
        size, shown = len(variable.categories), list(variable.order)
        own, own_se = _unconditional(spread, code, size)
        given, given_se, whole_se = _conditional(spread, code, size, others)
        asked = np.bincount(code, weights=invited, minlength=size)
        got = np.bincount(code, weights=answers, minlength=size)
        total, whole = float(np.sqrt(own @ own)), float(np.sqrt(given @ given))
        blank = [np.nan] * len(shown)
        single = _single_variable_error(model, spread, answered, code, size)
        block = (
            [variable.name] * (1 + len(shown)),
            [None, *[variable.categories[c] for c in shown]],
            [round(asked.sum()), *np.rint(asked[shown]).astype(int)],
            [got.sum() / asked.sum(), *(got / asked)[shown]],
            [total, *own[shown]],
            [single, *own_se[shown]],
            [total * adjust, *blank],
            [whole, *given[shown]],
            [whole_se, *given_se[shown]],
            [whole * adjust, *blank],
        )
        for name, values in zip(_PARTIAL, block, strict=True):
            columns[name] += values
    texts = {name: pd.array(columns.pop(name), dtype="string") for name in ("variable", "category")}
    return pd.DataFrame(texts | columns)


_PARTIAL = (
    "variable",
    "category",
    "n",
    "response_rate",
    "unconditional",
    "unconditional_se",
    "unconditional_adjusted",
    "conditional",
    "conditional_se",
    "conditional_adjusted",
)


def _unconditional(spread: _Spread, code: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """√(n_h/n)(ρ̄_h − ρ̄) per category with its standard error (delta method), each shape (H,)."""
    weight = np.bincount(code, weights=spread.weight, minlength=size)
    mean = np.bincount(code, weights=spread.weight * spread.propensity, minlength=size) / weight
    member = (code[:, None] == np.arange(size)) * spread.weight[:, None]
    gradient = (member / weight).T @ spread.gradient - spread.weight @ spread.gradient / spread.n
    root = np.sqrt(weight / spread.n)
    variance = np.einsum("hi,ij,hj->h", gradient, spread.covariance, gradient)
    return root * (mean - spread.mean), root * np.sqrt(np.maximum(variance, 0))


def _single_variable_error(
    model: Propensity, spread: _Spread, answered: np.ndarray, code: np.ndarray, size: int
) -> float:
    """Standard error of a variable's unconditional indicator: half that of R in the model of this variable alone.

    In that model the propensity of a category is its response rate; its covariance is that of the rates.
    """
    rows = code[model.frame_cell]
    mass = model.clusters.mass
    weight = np.bincount(rows, weights=mass, minlength=size)
    rate = np.bincount(rows, weights=mass * answered, minlength=size) / weight
    member = rows[:, None] == np.arange(size)
    plain = model.clusters.independent and np.array_equal(mass, model.clusters.square)
    covariance = (
        np.diag(rate * (1 - rate) / weight)
        if plain
        else model.clusters.covariance(member * (answered - rate[rows])[:, None] / weight[rows][:, None])
    )
    alone = _Spread(
        weight * (spread.n / weight.sum()),
        rate,
        np.eye(size),
        covariance,
        spread.n,
        spread.degrees,
        spread.drawn,
    )
    return 0.5 * float(np.sqrt(alone.r_variance()))


def _conditional(
    spread: _Spread, code: np.ndarray, size: int, others: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, float]:
    """Spread within customers alike in all other variables: per category, its standard errors, and of the whole."""
    group = cross_classify(others)[0] if others else np.zeros(len(code), dtype=int)
    n_groups = int(group.max()) + 1
    weight = np.bincount(group, weights=spread.weight, minlength=n_groups)
    columns = np.column_stack([spread.propensity, spread.gradient])
    mean = np.column_stack(
        [np.bincount(group, weights=spread.weight * c, minlength=n_groups) for c in columns.T]
    )
    centred = columns - (mean / weight[:, None])[group]
    rho, gradient = centred[:, 0], centred[:, 1:]
    square = np.bincount(code, weights=spread.weight * rho**2, minlength=size)
    errors = np.zeros(size + 1)
    for h in range(size + 1):
        w = spread.weight if h == size else spread.weight * (code == h)
        total = square.sum() if h == size else square[h]
        if total <= 0:
            continue
        a = gradient.T @ (w * rho)
        b = (gradient * w[:, None]).T @ gradient
        variance = 4 * a @ spread.covariance @ a + 2 * spread.second_order(b)
        # of a spread smaller than its own noise the root's derivative knows nothing: it is taken at the noise
        noise = float(np.trace(b @ spread.covariance))
        errors[h] = 0.5 * np.sqrt(variance / (spread.n * max(total, noise)))
    return np.sqrt(square / spread.n), errors[:size], float(errors[size])
