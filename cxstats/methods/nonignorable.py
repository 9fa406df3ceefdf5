"""What weighting cannot fix: bias of response that depends on the answer itself.

Direction of every bias here: respondents minus everyone, so a positive one says that the published score is too high.

φ says what response follows: at 0 the proxy (what the frame knows; then weighting suffices), at 1 the score itself, in
between a mixture of the two. The data cannot tell φ; the range over φ is the honest answer, and φ in [0, 1] assumes
that response goes with the score as it goes with the proxy. ``docs/methods/nonignorable.md`` gives formulas, sources
and what none of this can do. Bounds, tipping points and pattern mixtures live in ``cxstats.methods.bounds``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from cxstats.methods.bounds import (
    Bounds,
    PatternMixture,
    Tipping,
    monotone_bounds,
    pattern_mixture,
    tipping,
    worst_case,
)
from cxstats.methods.fact_directions import OPPOSED, FactDirections, fact_directions
from cxstats.methods.limits import critical_value as normal_quantile
from cxstats.methods.proxy import LARGEST_BATCH, ProxyData, proxy_data
from cxstats.methods.proxy_measures import (
    cut_points,
    isotonic,
    monotone_p_value,
    normal_scores,
    polyserial_correlation,
    straight_variance_ratio,
)
from cxstats.methods.regions import Region, critical_value
from cxstats.methods.score import score_limits
from cxstats.metrics import Metric
from cxstats.parameters import Count, Level, Seed, checked
from cxstats.show import definition_html

__all__ = [
    "Bounds",
    "NetScoreBias",
    "PatternMixture",
    "SmubPosterior",
    "Tipping",
    "monotone_bounds",
    "mubp",
    "net_score_bias",
    "pattern_mixture",
    "smab",
    "smub",
    "smub_posterior",
    "tipping",
    "worst_case",
]

MIN_CORRELATION = 0.4
VARIANCE_RATIO = (0.9, 1.1)
REVERSAL = 0.1
"""Largest fall of the response rate against its direction over proxy deciles, as a share of the overall rate."""

_GRID = np.linspace(0, 1, 21)

_RHO, _SHIFT, _RATIO, _ODDS, _EXCESS = range(-5, 0)
"""Where a vector of measured quantities holds what; the cut-points come before."""
_CUTS = -5


# ------------------------------------------------------------------------------ from published moments


def smub(
    correlation: float | np.ndarray,
    selected_mean: float | np.ndarray,
    selected_sd: float | np.ndarray,
    population_mean: float | np.ndarray,
    phi: float | Sequence[float] | np.ndarray = (0.0, 0.5, 1.0),
) -> np.ndarray:
    """Standardised measure of unadjusted bias of a mean: bias in standard deviations of the score.

    Parameters
    ----------
    correlation : of score and proxy among respondents, in (0, 1].
    selected_mean, selected_sd : mean and standard deviation of the proxy among respondents.
    population_mean : mean of the proxy of everyone invited.
    phi : values in [0, 1].

    Returns
    -------
    SMUB(φ), the shape of ``phi``. Times the standard deviation of the score it is the bias of the mean (MUB).

    Raises
    ------
    ValueError : a correlation outside (0, 1], a standard deviation of 0, φ outside [0, 1].

    Notes
    -----
    [φ + (1 − φ)r]/[φr + 1 − φ]·(x̄_resp − X̄)/s_x: Little, West, Boonstra & Hu 2020, *J. Survey Statistics and
    Methodology* 8, 932–964, equation 2.3.

    Examples
    --------
    Months worked last year, smartphone owners of the National Survey of Family Growth (published: .055 .070 .088):

    >>> smub(0.7909, 7.63249, 4.07227, 7.34867).round(3).tolist()
    [0.055, 0.07, 0.088]
    """
    phi = _checked_phi(phi)
    _check_moments(correlation, selected_sd)
    shift = (np.asarray(selected_mean, dtype=float) - population_mean) / selected_sd
    return _stretch(phi, correlation) * shift


def smab(
    correlation: float | np.ndarray,
    selected_mean: float | np.ndarray,
    selected_sd: float | np.ndarray,
    population_mean: float | np.ndarray,
    phi: float | Sequence[float] | np.ndarray = (0.5, 1.0),
) -> np.ndarray:
    """Standardised measure of adjusted bias: what is left after weighting to the proxy, SMUB(φ) − SMUB(0).

    Parameters, errors and source as in :func:`smub`.

    Examples
    --------
    >>> smab(0.7909, 7.63249, 4.07227, 7.34867).round(3).tolist()
    [0.015, 0.033]
    """
    measured = smub(correlation, selected_mean, selected_sd, population_mean, phi)
    return measured - smub(correlation, selected_mean, selected_sd, population_mean, 0.0)


def mubp(
    share: float,
    correlation: float,
    selected_mean: float,
    selected_variance: float,
    nonselected_mean: float,
    nonselected_variance: float,
    response_rate: float,
    phi: float | Sequence[float] | np.ndarray = (0.0, 0.5, 1.0),
) -> np.ndarray:
    """Measure of unadjusted bias of a proportion: share among respondents minus share of everyone.

    Parameters
    ----------
    share : among respondents, in (0, 1).
    correlation : biserial, of answer and proxy among respondents, in (0, 1)
        (``cxstats.methods.proxy_measures.polyserial_correlation``).
    selected_mean, selected_variance, nonselected_mean, nonselected_variance : of the proxy, among those who
        answered and those who did not.
    response_rate : share of those invited who answered, in (0, 1].
    phi : values in [0, 1].

    Returns
    -------
    MUBP(φ) as a share, the shape of ``phi``.

    Raises
    ------
    ValueError : a number out of its range.

    Notes
    -----
    A latent normal variable behind the answer; the proxy and it are jointly normal among respondents and among
    the others: Andridge, West, Little, Boonstra & Alvarado-Leiton 2019, *J. R. Statist. Soc. C* 68. Where the
    implied variance among non-respondents is not above 0, it is taken as next to 0.

    Examples
    --------
    Never married, National Survey of Family Growth (published: −.002 and −.005 at φ = 0 and 1):

    >>> mubp(0.46646, 0.7285, -0.02265, 1.20750, 0.02688, 1.20046, 0.8172).round(4).tolist()
    [-0.0024, -0.0033, -0.0045]
    """
    phi = _checked_phi(phi)
    _check_moments(correlation, np.sqrt(selected_variance))
    if not (0 < share < 1 and 0 < response_rate <= 1 and nonselected_variance >= 0):
        raise ValueError(
            "mubp needs a share in (0, 1), a response rate in (0, 1] and variances of 0 or more, but got "
            f"{share}, {response_rate} and {nonselected_variance}"
        )
    shift = (nonselected_mean - selected_mean) / np.sqrt(selected_variance)
    shares = _silent_shares(
        cut_points(np.array([1 - share, share]) * 1e12),
        correlation,
        shift,
        nonselected_variance / selected_variance,
        phi,
    )
    return (1 - response_rate) * (share - shares[..., 1])


def _stretch(phi: np.ndarray, correlation: float | np.ndarray) -> np.ndarray:
    """g(φ): from the proxy's shift, in its standard deviations, to the score's."""
    return (phi + (1 - phi) * correlation) / (phi * correlation + 1 - phi)


def _silent_shares(
    cuts: np.ndarray,
    correlation: float | np.ndarray,
    shift: float | np.ndarray,
    variance_ratio: float | np.ndarray,
    phi: np.ndarray,
) -> np.ndarray:
    """Shares of the D categories among those who did not answer, shape (..., D): they sum to 1 by construction.

    One latent variable, standard normal among respondents, cut at ``cuts`` (..., D − 1). Among the others its mean is
    g·shift and its variance 1 + g²(ratio − 1), ratio and shift being the proxy's (non-respondents over respondents).
    """
    from scipy.special import ndtr

    g = _stretch(phi, correlation)
    sd = np.sqrt(np.maximum(1 + g**2 * (np.asarray(variance_ratio) - 1), 1e-6))
    edge = ndtr((cuts - (g * shift)[..., None]) / sd[..., None])
    return np.diff(edge, axis=-1, prepend=0.0, append=1.0)


def _checked_phi(phi: float | Sequence[float] | np.ndarray) -> np.ndarray:
    phi = np.asarray(phi, dtype=float)
    if phi.size == 0 or not np.all((phi >= 0) & (phi <= 1)):
        raise ValueError(
            f"phi lies between 0 (response follows the frame) and 1 (the score itself), but is {phi.tolist()}"
        )
    return phi


def _check_moments(correlation: float | np.ndarray, sd: float | np.ndarray) -> None:
    if not np.all((np.asarray(correlation) > 0) & (np.asarray(correlation) <= 1)):
        raise ValueError(
            f"the correlation of score and proxy must be above 0 and at most 1, but is {correlation}: "
            "a proxy that does not go with the score says nothing about those who did not answer"
        )
    if not np.all(np.asarray(sd) > 0):
        raise ValueError("the proxy is the same for all respondents: it says nothing about the others")


# ---------------------------------------------------------------------------------- Bayesian interval


@dataclass(frozen=True, slots=True, eq=False)
class SmubPosterior:
    """Draws of SMUB and SMAB under φ uniform on [0, 1], and SMUB(0) from the same draws.

    Attributes
    ----------
    smub, smub_at_zero, phi, correlation : one value per draw, shape (draws,).
    level : of the intervals.
    """

    smub: np.ndarray
    smub_at_zero: np.ndarray
    phi: np.ndarray
    correlation: np.ndarray
    level: float

    @property
    def interval(self) -> tuple[float, float]:
        """Central credible interval of SMUB, φ unknown."""
        return self._central(self.smub)

    @property
    def interval_at_zero(self) -> tuple[float, float]:
        """The same if response followed the frame alone (φ = 0)."""
        return self._central(self.smub_at_zero)

    @property
    def adjusted_interval(self) -> tuple[float, float]:
        """Central credible interval of SMAB, the bias weighting leaves."""
        return self._central(self.smub - self.smub_at_zero)

    def _central(self, draws: np.ndarray) -> tuple[float, float]:
        low, high = np.quantile(draws, [(1 - self.level) / 2, (1 + self.level) / 2])
        return float(low), float(high)

    def _repr_html_(self) -> str:
        rows = [
            ("SMUB", self.interval),
            ("SMUB(0)", self.interval_at_zero),
            ("SMAB", self.adjusted_interval),
        ]
        return definition_html(
            f"Standardised bias, {self.level:.0%} credible intervals",
            [(name, f"{low:+.3f} to {high:+.3f}") for name, (low, high) in rows],
        )


def smub_posterior(
    mean_selected: np.ndarray,
    covariance_selected: np.ndarray,
    n_selected: int,
    mean_nonselected: np.ndarray,
    covariance_nonselected: np.ndarray,
    n_nonselected: int,
    *,
    draws: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> SmubPosterior:
    """Credible interval of SMUB from sufficient statistics: no rows are needed.

    Parameters
    ----------
    mean_selected, covariance_selected : of (score, frame variables) among respondents, shapes (1 + p,) and
        (1 + p, 1 + p).
    n_selected, n_nonselected : how many.
    mean_nonselected, covariance_nonselected : of the frame variables among the others, shapes (p,) and (p, p).
    draws, seed, level : posterior draws, their seed, and the level of intervals.

    Raises
    ------
    ValueError : shapes that do not fit, too few respondents, or frame variables of which one follows from the others.

    Notes
    -----
    Little et al. 2020, section 2.4, non-informative priors, φ ~ uniform(0, 1): the regression's σ² and β; given them
    the proxy's moments among both, the joint covariance of proxy and score inverse-Wishart, means normal.
    Draws with a correlation at or below 0 are drawn again.

    Examples
    --------
    >>> posterior = smub_posterior(
    ...     [0, 0], [[1, 0.6], [0.6, 1]], 500, [-0.3], [[1]], 1_500, draws=4_000, seed=1)
    >>> low, high = posterior.interval_at_zero
    >>> bool(low < 0.6 * 0.3 * 0.75 < high)
    True
    """
    draws, seed, level = (
        checked("draws", draws, Count),
        checked("seed", seed, Seed),
        checked("level", level, Level),
    )
    mean_s = np.asarray(mean_selected, dtype=float)
    cov_s = np.asarray(covariance_selected, dtype=float)
    mean_n = np.asarray(mean_nonselected, dtype=float)
    cov_n = np.asarray(covariance_nonselected, dtype=float)
    p = len(mean_n)
    if mean_s.shape != (p + 1,) or cov_s.shape != (p + 1, p + 1) or cov_n.shape != (p, p):
        raise ValueError(
            "moments of the score and p frame variables are needed among respondents, of the p variables among the "
            f"others, but got {mean_s.shape}, {cov_s.shape}, {mean_n.shape} and {cov_n.shape}"
        )
    if n_selected <= p + 2 or n_nonselected < 2:
        raise ValueError(
            f"{n_selected} respondents and {n_nonselected} others are too few for {p} frame variables"
        )
    rng = np.random.default_rng(seed)
    frame = cov_s[1:, 1:]
    try:
        slope = np.linalg.solve(frame, cov_s[1:, 0])
        root = np.linalg.cholesky(np.linalg.inv(frame * (n_selected - 1)))
    except np.linalg.LinAlgError as error:
        raise ValueError("one of the frame variables follows from the others: leave it out") from error
    degrees = n_selected - p - 1
    residual = (cov_s[0, 0] - slope @ cov_s[1:, 0]) * (n_selected - 1)
    sigma2 = residual / rng.chisquare(degrees, draws)
    beta = slope + (rng.normal(size=(draws, p)) @ root.T) * np.sqrt(sigma2)[:, None]
    # proxies are measured from the respondents' mean of the frame, which frees them of the intercept
    shift_n = beta @ (mean_n - mean_s[1:])
    var_xs = np.einsum("ij,jk,ik->i", beta, frame, beta)
    var_xn = np.einsum("ij,jk,ik->i", beta, cov_n, beta)
    cov_xy = beta @ cov_s[1:, 0]

    xx, xy, yy = (np.empty(draws) for _ in range(3))
    todo = np.arange(draws)
    for _ in range(1_000):
        xx[todo], xy[todo], yy[todo] = _inverse_wishart(
            rng, n_selected + 1, n_selected, var_xs[todo], cov_xy[todo], np.full(len(todo), cov_s[0, 0])
        )
        todo = todo[xy[todo] <= 0]
        if not len(todo):
            break
    else:
        raise ValueError("score and frame do not go together: the proxy says nothing about the others")
    rho = np.minimum(xy / np.sqrt(xx * yy), 1.0)
    noise = rng.normal(size=(2, draws))
    mean_x = noise[0] * np.sqrt(xx / n_selected)
    mean_y = (xy / np.sqrt(xx) * noise[0] + np.sqrt(yy - xy**2 / xx) * noise[1]) / np.sqrt(n_selected)
    var_xn = var_xn * (n_nonselected - 1) / rng.chisquare(n_nonselected - 1, draws)
    mean_xn = shift_n + rng.normal(size=draws) * np.sqrt(var_xn / n_nonselected)
    phi = rng.uniform(size=draws)
    silent = n_nonselected / (n_selected + n_nonselected)

    def measure(at: np.ndarray) -> np.ndarray:
        others = mean_y + _stretch(at, rho) * np.sqrt(yy / xx) * (mean_xn - mean_x)
        # against the mean of the answers at hand, which is known
        return -silent * others / np.sqrt(yy)

    return SmubPosterior(measure(phi), measure(np.zeros(draws)), phi, rho, level)


def _inverse_wishart(
    rng: np.random.Generator, df: int, n: int, xx: np.ndarray, xy: np.ndarray, yy: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws of 2×2 covariances, inverse-Wishart with ``df`` and scale n·[[xx, xy], [xy, yy]] (Bartlett)."""
    size = len(xx)
    # scale = L L'; draw = L A⁻ᵀ A⁻¹ L' with A the Bartlett factor of a standard Wishart
    l11 = np.sqrt(n * xx)
    l21 = n * xy / l11
    l22 = np.sqrt(np.maximum(n * yy - l21**2, 0))
    a11 = np.sqrt(rng.chisquare(df, size))
    a22 = np.sqrt(rng.chisquare(df - 1, size))
    a21 = rng.normal(size=size)
    # B = L A⁻ᵀ, A⁻ᵀ = [[1/a11, −a21/(a11·a22)], [0, 1/a22]]
    b11, b12 = l11 / a11, -l11 * a21 / (a11 * a22)
    b21, b22 = l21 / a11, -l21 * a21 / (a11 * a22) + l22 / a22
    return b11**2 + b12**2, b11 * b21 + b12 * b22, b21**2 + b22**2


# -------------------------------------------------------------------------------- a net score, from cells


@dataclass(frozen=True, slots=True, eq=False)
class NetScoreBias:
    """Bias of a metric over φ, with its sampling error, and whether the range can be trusted.

    Biases are respondents minus everyone invited, in the metric's unit.

    Attributes
    ----------
    metric : the metric.
    value : among respondents.
    n_invited, n_answered : customers in the cells, and those who answered this question.
    response_rate : n_answered/n_invited.
    table : one row per φ: ``phi``, ``bias`` with ``standard_error``, ``low``, ``high``; ``everyone`` (value − bias) with
        ``everyone_low``, ``everyone_high``; ``normal_bias`` (SMUB·sd, the mean taken as normal); ``odds_low`` and
        ``odds_high``: odds of the lowest and the highest value among those who did not answer over those among
        respondents (against all other answers); then the shares among those who did not answer, ``share_0`` to
        ``share_{D−1}``, ascending, which sum to 1.
    region : of the bias, over every φ between the smallest and the largest of ``table``.
    everyone : the same of the value of everyone invited.
    interval : central interval of the bias if every φ in [0, 1] is equally credible (a prior, not a bound).
    proxy_correlation, proxy_correlation_low, proxy_correlation_high : of the proxy and the latent score.
    score_correlation : of the proxy and the score as answered (Pearson), r of SMUB.
    variance_ratio, variance_ratio_low, variance_ratio_high : of the proxy, respondents over the others, over what a
        response straight in the proxy would make of it (1 unless the frame is coarse).
    shift : respondents' proxy mean minus the others', in respondents' standard deviations.
    deciles : one row per tenth of customers by proxy: ``decile``, ``invited``, ``answered``, ``response_rate``,
        ``low``, ``high``, ``closest`` (the nearest rising or falling sequence), ``value`` (of those who answered).
    direction : +1 if response rises with the proxy, −1 if it falls.
    monotone_p_value, reversal : could the deciles be rising or falling, seen with error; the largest step against the
        direction, as a share of the overall rate.
    checks : one row per condition of trust: ``check``, ``found``, ``wanted``, ``holds``, ``sharp`` (could this many
        answers have shown a breach).
    directions : which facts raise response and lower the score, or the reverse, against the others.
    trusted : all conditions hold.
    reasons : why not, in sentences; () if trusted.
    notes : what was merged or assumed on the way.
    level : of all intervals and regions.
    """

    metric: Metric
    value: float
    n_invited: float
    n_answered: float
    response_rate: float
    table: pd.DataFrame
    region: Region
    everyone: Region
    interval: tuple[float, float]
    proxy_correlation: float
    proxy_correlation_low: float
    proxy_correlation_high: float
    score_correlation: float
    variance_ratio: float
    variance_ratio_low: float
    variance_ratio_high: float
    shift: float
    deciles: pd.DataFrame
    direction: int
    monotone_p_value: float
    reversal: float
    checks: pd.DataFrame
    directions: FactDirections
    trusted: bool
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    level: float = field(default=0.95)

    def _repr_html_(self) -> str:
        unit = self.metric.unit
        rows = [
            (
                f"bias at φ = {row.phi:g}",
                f"{row.bias:+.2f} {unit} ({self.level:.0%}: {row.low:+.2f} to {row.high:+.2f})",
            )
            for row in self.table.itertuples()
        ]
        return definition_html(
            f"{self.metric.short}: bias of those who answered",
            [
                *rows,
                ("region over φ", f"{self.region.low:+.2f} to {self.region.high:+.2f} {unit}"),
                ("proxy correlation", f"{self.proxy_correlation:.2f}"),
                ("trusted", "yes" if self.trusted else "no: " + " ".join(self.reasons)),
            ],
        )


def net_score_bias(
    cells: pd.DataFrame,
    metric: Metric,
    by: Sequence[str],
    *,
    score: str,
    phi: Sequence[float] = (0.0, 0.5, 1.0),
    level: float = 0.95,
    draws: int = 4_000,
    seed: int = 0,
    responded: str = "responded",
    part: str = "part",
    folds: int = 5,
    proxy_scale: str = "normal",
) -> NetScoreBias:
    """How far response that depends on the answer itself could have moved a metric.

    One latent satisfaction with a cut-point between any two neighbouring values of the metric, one φ: shares of promoters,
    passives and detractors among those who did not answer sum to 1 at every φ. For a share it is MUBP
    (:func:`mubp`); for a mean score the cut-points are those between all its categories.

    Parameters
    ----------
    cells : rows with ``n``, ``score`` (missing where not answered), the frame's columns ``by``, ``responded`` and,
        where customers repeat, ``part``. Whoever answered the survey but not this question counts as not answered.
    metric : NPS, a top-box share, a mean score.
    by : facts known of everyone invited, of a date before the invitation; a missing one is a category of its own.
    phi : values of φ to report; the region spans from the smallest to the largest.
    level : of intervals and regions.
    draws, seed : simulated from the sampling distribution of what the survey measured.
    responded, part, folds : as in ``cxstats.methods.proxy.proxy_data``.
    proxy_scale : "normal": the proxy's ranks as normal scores, so that a skewed frame is not mistaken for response at
        one end; "fitted": as fitted, which is MUBP as published.

    Returns
    -------
    NetScoreBias. Take its region for granted only if ``trusted``.

    Raises
    ------
    ValueError : nobody answered or everyone did, a missing column, φ or a level out of range, answers off the scale.

    Notes
    -----
    Proxy pattern-mixture model (Andridge & Little 2011; Andridge et al. 2019), here with D − 1 cut-points. Sampling
    error: cut-points, polyserial correlation, the proxy's shift and variance ratio, and the response rate
    vary together as in a jackknife that leaves out one part of the customers at a time and learns the proxy anew; they are
    drawn from a multivariate t and carried through the formula, so that limits are as skewed as they should be.

    Trusted if the proxy correlates with the latent score by 0.4 or more; its variance ratio lies in [0.9, 1.1], or
    outside by no more than chance; and response by decile of the proxy rises or falls throughout, or departs from that
    by no more than chance, or by less than a tenth of the response rate. And no facts raise response while they lower
    the score (or the reverse) by a tenth or more of what the others do the other way. Tests at 5 %.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> cells = pd.DataFrame({
    ...     "segment": ["a", "a", "a", "a", "b", "b", "b", "b"],
    ...     "nps": pd.array([10, 8, 3, None] * 2, dtype="Int64"),
    ...     "responded": [True, True, True, False] * 2,
    ...     "n": [60, 30, 10, 100, 10, 30, 60, 300]})
    >>> result = net_score_bias(cells, NPS, ["segment"], score="nps")
    >>> result.table["bias"].round(1).tolist()
    [15.2, 26.3, 49.9]
    """
    level, seed = checked("level", level, Level), checked("seed", seed, Seed)
    draws = checked("draws", draws, Count)
    wanted = np.atleast_1d(_checked_phi(phi))
    if proxy_scale not in ("normal", "fitted"):
        raise ValueError(f'proxy_scale must be "normal" or "fitted", but is {proxy_scale!r}')
    data = proxy_data(cells, metric, by, score=score, responded=responded, part=part, folds=folds, seed=seed)
    counts = data.totals[0].sum(axis=(0, 1))
    present = counts > 0
    values = metric.distinct_values[present]
    if present.sum() < 2:
        raise ValueError(
            f"all answers to {metric.short} are worth the same: nothing can be learned about who answers what"
        )
    full = _measured(data, present, np.array([0]), proxy_scale)[0]
    near = float(np.tanh(full[_RHO]))
    parts = data.parts
    batch = max(1, LARGEST_BATCH // data.totals[0].size)
    replicates = np.concatenate(
        [
            _measured(data, present, np.arange(at, min(at + batch, parts + 1)), proxy_scale, near)
            for at in range(1, parts + 1, batch)
        ]
    )
    deviation = replicates - replicates.mean(axis=0)
    covariance = (parts - 1) / parts * deviation.T @ deviation

    rng = np.random.default_rng(seed)
    drawn = _multivariate_t(rng, full, covariance, parts - 1, draws)
    grid = np.unique(np.concatenate([wanted, wanted.min() + (wanted.max() - wanted.min()) * _GRID]))
    value, bias, shares, answered = _bias_over(full[None], values, grid)
    value_d, bias_d, _, _ = _bias_over(drawn, values, grid)
    tail = (1 - level) / 2
    at = np.searchsorted(grid, wanted)
    everyone, everyone_d = value[:, None] - bias, np.sort(value_d[:, None] - bias_d, axis=0)
    bias_d.sort(axis=0)
    odds = _odds(shares[0]) / _odds(answered)
    table = pd.DataFrame(
        {
            "phi": wanted,
            "bias": bias[0, at],
            "standard_error": _half_width(bias_d)[at],
            "low": _quantile(bias_d, tail)[at],
            "high": _quantile(bias_d, 1 - tail)[at],
            "everyone": everyone[0, at],
            "everyone_low": _quantile(everyone_d, tail)[at],
            "everyone_high": _quantile(everyone_d, 1 - tail)[at],
            "odds_low": odds[at, 0],
            "odds_high": odds[at, -1],
        }
    )
    moments = _pearson(data, metric)
    table.insert(8, "normal_bias", _normal_bias(moments, wanted))
    padded = np.zeros((len(grid), len(present)))
    padded[:, present] = shares[0]
    for k in range(len(present)):
        table[f"share_{k}"] = padded[at, k]

    prior = np.random.default_rng(seed).integers(len(_GRID), size=draws)
    over_prior = _bias_over(drawn, values, _GRID[prior][:, None])[1][:, 0]
    interval = np.quantile(over_prior, [tail, 1 - tail])
    rho, rho_low, rho_high = _limits(full[_RHO], covariance[_RHO, _RHO], parts - 1, level, np.tanh)
    excess = covariance[_EXCESS, _EXCESS]
    ratio, ratio_low, ratio_high = _limits(full[_EXCESS], excess, parts - 1, level, np.exp)
    deciles, p_value, direction, reversal = _deciles(data, metric, level, seed)
    directions = fact_directions(data, by)
    checks, reasons = _checks(
        rho, (rho_low, rho_high), ratio, excess, parts - 1, p_value, reversal, deciles, directions
    )
    n_answered, n_silent = float(counts.sum()), float(data.totals[1].sum())
    return NetScoreBias(
        metric=metric,
        value=float(value[0]),
        n_invited=n_answered + n_silent,
        n_answered=n_answered,
        response_rate=n_answered / (n_answered + n_silent),
        table=table,
        region=_region(bias[0], bias_d, level),
        everyone=_region(everyone[0], everyone_d, level),
        interval=(float(interval[0]), float(interval[1])),
        proxy_correlation=rho,
        proxy_correlation_low=rho_low,
        proxy_correlation_high=rho_high,
        score_correlation=moments[0],
        variance_ratio=ratio,
        variance_ratio_low=ratio_low,
        variance_ratio_high=ratio_high,
        shift=float(-full[_SHIFT]),
        deciles=deciles,
        direction=direction,
        monotone_p_value=p_value,
        reversal=reversal,
        checks=checks,
        directions=directions,
        trusted=not reasons,
        reasons=reasons,
        notes=data.notes,
        level=level,
    )


def _proxy(
    data: ProxyData, replicates: np.ndarray, silent: np.ndarray, mass: np.ndarray, scale: str
) -> np.ndarray:
    """Proxies of replicates, (R, C, F), on the scale asked for; customers without and with an answer (R, C, F)."""
    x = data.proxies(replicates)
    if scale == "fitted":
        return x
    # fold by fold: between folds the same customers differ by the noise of learning, which ranks would blow up
    by_fold = normal_scores(np.swapaxes(x, 1, 2), np.swapaxes(mass + silent, 1, 2))
    return np.swapaxes(by_fold, 1, 2)


def _measured(
    data: ProxyData, present: np.ndarray, replicates: np.ndarray, scale: str, near: float | None = None
) -> np.ndarray:
    """What the survey measures, each on a scale where its error is nearly normal, one row per replicate.

    Cut-points (D − 1), artanh of the correlation, shift of the proxy (others minus respondents, in respondents' sd),
    log of the variance ratio (others over respondents), log-odds of answering, and by how much the log variance
    ratio (respondents over others) exceeds that of a straight response.
    """
    held = [data.counts(int(replicate)) for replicate in replicates]
    counts = np.stack([answered for answered, _ in held])[..., present]
    silent = np.stack([rest for _, rest in held])
    mass = counts.sum(axis=3)
    x = _proxy(data, replicates, silent, mass, scale).reshape(len(replicates), -1)
    counts = counts.reshape(*x.shape, -1)
    mass, silent = mass.reshape(x.shape), silent.reshape(x.shape)
    n, m = mass.sum(axis=1), silent.sum(axis=1)
    mean, mean_s = (mass * x).sum(axis=1) / n, (silent * x).sum(axis=1) / m
    variance = (mass * (x - mean[:, None]) ** 2).sum(axis=1) / n
    variance_s = (silent * (x - mean_s[:, None]) ** 2).sum(axis=1) / m
    rho = polyserial_correlation(x, counts, near=near)
    # with a proxy that does not vary nothing is known: shift 0, ratio 1, correlation next to 0
    varied = (variance > 1e-20) & (variance_s > 1e-20)
    shift, ratio, straight = np.zeros((3, len(x)))
    shift[varied] = (mean_s - mean)[varied] / np.sqrt(variance[varied])
    ratio[varied] = np.log(variance_s[varied] / variance[varied])
    if varied.any():
        straight[varied] = np.log(straight_variance_ratio(x[varied], mass[varied], silent[varied]))
    cuts = cut_points(counts.sum(axis=1))
    return np.column_stack([cuts, np.arctanh(rho), shift, ratio, np.log(n / m), -ratio - straight])


def _multivariate_t(
    rng: np.random.Generator, centre: np.ndarray, covariance: np.ndarray, degrees: float, draws: int
) -> np.ndarray:
    """Draws around the estimates; cut-points kept in order."""
    eigen, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(eigen, 0))
    noise = rng.normal(size=(draws, len(centre))) @ root.T
    drawn = centre + noise * np.sqrt(degrees / rng.chisquare(degrees, draws))[:, None]
    drawn[:, :_CUTS] = np.sort(drawn[:, :_CUTS], axis=1)
    return drawn


def _bias_over(
    measured: np.ndarray, values: np.ndarray, phi: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Value (M,), bias (M, K), shares of those who did not answer (M, K, D), respondents' shares of the first (D,).

    ``phi`` has shape (K,), or (M, K) where it differs between the rows of ``measured``.
    """
    from scipy.special import expit, ndtr

    cuts = measured[:, :_CUTS]
    # a proxy with no correlation leaves φ > 0 without an answer: the smallest one is kept finite
    rho = np.maximum(np.tanh(measured[:, _RHO]), 0.02)
    answered = np.diff(ndtr(cuts), axis=1, prepend=0.0, append=1.0)
    shares = _silent_shares(
        cuts[:, None, :],
        rho[:, None],
        measured[:, [_SHIFT]],
        np.exp(measured[:, [_RATIO]]),
        np.atleast_2d(phi),
    )
    value = answered @ values
    silent = 1 - expit(measured[:, _ODDS])
    return value, silent[:, None] * (value[:, None] - shares @ values), shares, answered[0]


def _odds(shares: np.ndarray) -> np.ndarray:
    safe = np.clip(shares, 1e-12, 1 - 1e-12)
    return safe / (1 - safe)


def _half_width(draws: np.ndarray) -> np.ndarray:
    """Half of the central 68.3 % of sorted draws: a standard error that a few wild draws do not move."""
    return (_quantile(draws, 0.841345) - _quantile(draws, 0.158655)) / 2


def _quantile(ordered: np.ndarray, share: float) -> np.ndarray:
    """Quantile of every column of draws sorted along axis 0, interpolated as numpy's; many of them cost one sort.

    Examples
    --------
    >>> _quantile(np.array([[0.0], [1.0], [4.0]]), 0.75).tolist()
    [2.5]
    """
    place = share * (len(ordered) - 1)
    below = int(place)
    return ordered[below] + (place - below) * (ordered[min(below + 1, len(ordered) - 1)] - ordered[below])


def _region(estimates: np.ndarray, drawn: np.ndarray, level: float) -> Region:
    """Pointwise region over the grid of φ, with limits taken from sorted draws at Imbens and Manski's level."""
    from scipy.special import ndtr

    first, last = float(estimates.min()), float(estimates.max())
    c = critical_value(last - first, float(_half_width(drawn).max()), level)
    tail = float(ndtr(-c))
    low, high = _quantile(drawn, tail), _quantile(drawn, 1 - tail)
    return Region(min(float(low.min()), first), max(float(high.max()), last), first, last, level)


def _limits(
    estimate: float, variance: float, degrees: float, level: float, back
) -> tuple[float, float, float]:
    from scipy.special import stdtrit

    half = stdtrit(degrees, (1 + level) / 2) * np.sqrt(variance)
    return float(back(estimate)), float(back(estimate - half)), float(back(estimate + half))


def _pearson(data: ProxyData, metric: Metric) -> tuple[float, float, float]:
    """Correlation of score and proxy among respondents, (respondents' − everyone's proxy mean)/sd, sd of the score."""
    counts, silent = data.counts(0)
    x, values = data.proxies(), metric.distinct_values
    mass = counts.sum(axis=2)
    n = mass.sum()
    mean_x = (mass * x).sum() / n
    mean_u = counts.sum(axis=(0, 1)) @ values / n
    sd_x = np.sqrt((mass * (x - mean_x) ** 2).sum() / n)
    sd_u = np.sqrt(counts.sum(axis=(0, 1)) @ (values - mean_u) ** 2 / n)
    everyone = ((mass + silent) * x).sum() / (mass + silent).sum()
    if sd_x <= 1e-10 or sd_u <= 0:
        return 0.0, 0.0, float(sd_u)
    covariance = ((counts @ (values - mean_u)) * (x - mean_x)).sum() / n
    return float(covariance / (sd_x * sd_u)), float((mean_x - everyone) / sd_x), float(sd_u)


def _normal_bias(moments: tuple[float, float, float], phi: np.ndarray) -> np.ndarray:
    correlation, shift, sd = moments
    return _stretch(phi, max(correlation, 0.02)) * shift * sd


def _deciles(
    data: ProxyData, metric: Metric, level: float, seed: int
) -> tuple[pd.DataFrame, float, int, float]:
    """Response by tenth of the proxy; p-value, direction and size of the departure from a monotone sequence."""
    counts, silent = data.counts(0)
    mass = counts.sum(axis=2)
    x = _proxy(data, np.array([0]), silent[None], mass[None], "normal").ravel()
    answered = mass.ravel()
    invited = answered + silent.ravel()
    order = np.argsort(x, kind="stable")
    mass = invited[order]
    # customers of the same proxy stay together, so coarse frames give fewer and uneven groups
    same = np.concatenate([[0], np.cumsum(np.diff(x[order]) > 1e-9 * (np.ptp(x) or 1.0))])
    level_mass = np.bincount(same, weights=mass)
    middle = (np.cumsum(level_mass) - level_mass / 2) / mass.sum()
    tenth = np.empty(len(x), dtype=int)
    tenth[order] = np.minimum((middle * 10).astype(int), 9)[same]
    _, tenth = np.unique(np.where(invited > 0, tenth, tenth[order[-1]]), return_inverse=True)
    k = tenth.max() + 1
    total, yes = (np.bincount(tenth, weights=w, minlength=k) for w in (invited, answered))
    rate, overall = yes / total, yes.sum() / total.sum()
    spread = max(1.0, _design_effect(data, tenth, rate, overall))
    p_value, direction = monotone_p_value(rate, total, spread * overall * (1 - overall), seed=seed)
    closest = direction * isotonic(direction * rate, total)
    oriented = direction * rate
    reversal = float((np.maximum.accumulate(oriented) - oriented).max() / overall)
    limits = score_limits(
        np.column_stack([total - yes, yes]) / spread, np.array([0.0, 1.0]), normal_quantile(level)
    )
    worth = np.bincount(tenth, weights=(counts @ metric.distinct_values).ravel(), minlength=k) / np.where(
        yes > 0, yes, np.nan
    )
    deciles = pd.DataFrame(
        {
            "decile": np.arange(1, k + 1),
            "invited": np.rint(total).astype(int),
            "answered": np.rint(yes).astype(int),
            "response_rate": rate,
            "low": limits[0],
            "high": limits[1],
            "closest": closest,
            "value": worth,
        }
    )
    return deciles, p_value, direction, reversal


def _design_effect(data: ProxyData, tenth: np.ndarray, rate: np.ndarray, overall: float) -> float:
    """Jackknife over binomial variance of the deciles' rates: above 1 where customers are invited repeatedly."""
    parts, k = data.parts, len(rate)
    group = tenth.reshape(len(data.totals[1]), -1)[data.frame, data.fold[data.part]]
    given = data.category >= 0
    yes, total = np.zeros((k, parts)), np.zeros((k, parts))
    np.add.at(yes, (group[given], data.part[given]), data.n[given])
    np.add.at(total, (group, data.part), data.n)
    # linearised, by part: the sum over parts of squared residual totals
    residual = yes - rate[:, None] * total
    cluster = (residual**2).sum(axis=1) * parts / (parts - 1)
    binomial = total.sum(axis=1) * rate * (1 - rate)
    return float(cluster.sum() / binomial.sum()) if binomial.sum() > 0 else 1.0


def _checks(
    rho: float,
    rho_limits: tuple[float, float],
    ratio: float,
    variance: float,
    degrees: float,
    p_value: float,
    reversal: float,
    deciles: pd.DataFrame,
    directions: FactDirections,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The conditions of trust, and a sentence for each that does not hold."""
    from scipy.special import stdtrit

    low, high = VARIANCE_RATIO
    chance = float(stdtrit(degrees, 0.975) * np.sqrt(variance))
    ratio_holds = low <= ratio <= high or abs(np.log(ratio)) <= chance
    monotone = p_value >= 0.05 or reversal <= REVERSAL
    overall = deciles["answered"].sum() / deciles["invited"].sum()
    noise = 1.96 * np.sqrt(2 * (1 - overall) / (overall * deciles["invited"].mean()))
    rows = [
        ("proxy correlation", rho, f"{MIN_CORRELATION:g} or more", rho >= MIN_CORRELATION,
         rho_limits[1] - rho_limits[0] <= 0.4),
        ("variance ratio of the proxy", ratio, f"{low:g} to {high:g}", ratio_holds, chance <= np.log(high)),
        ("response by proxy decile", reversal, "rising or falling", monotone, noise <= 2 * REVERSAL),
        # a region narrow enough for a firm verdict comes of answers enough to see a fact that matters to it
        ("facts against one another", directions.opposition, f"under {OPPOSED:g}", directions.holds, True),
    ]  # fmt: skip
    checks = pd.DataFrame(rows, columns=["check", "found", "wanted", "holds", "sharp"])
    sentences = (
        f"What the frame knows goes too little with the score (correlation {rho:.2f}, needed: {MIN_CORRELATION:g}).",
        f"What the frame knows varies {'more' if ratio > 1 else 'less'} among those who answered than among the others "
        f"(variance ratio {ratio:.2f}, expected {low:g} to {high:g}): response may favour both ends or the middle.",
        f"Response neither rises nor falls throughout with what the frame knows (a step back of {reversal:.0%} of the "
        "response rate).",
        f"Facts pull response against the score: {', '.join(directions.against)} (a pull of {directions.opposition:.0%} of "
        "that of the others), so that what satisfaction does may be hidden.",
    )
    return checks, tuple(text for text, holds in zip(sentences, checks["holds"], strict=True) if not holds)
