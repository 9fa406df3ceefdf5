"""Published indices of non-ignorable bias from moments: SMUB and SMAB of means, MUBP of shares, and SMUB's posterior.

Direction: respondents minus everyone. φ says what response follows: at 0 the proxy (what the frame knows), at 1 the score
itself. ``cxstats.methods.nonignorable`` carries the same model through cells, for any metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxstats.methods.proxy_measures import cut_points
from cxstats.parameters import Count, Level, Seed, checked
from cxstats.show import definition_html

__all__ = [
    "SmubPosterior",
    "checked_phi",
    "mubp",
    "silent_mean",
    "silent_shares",
    "smab",
    "smub",
    "smub_posterior",
    "stretch",
]


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
    phi = checked_phi(phi)
    _check_moments(correlation, selected_sd)
    shift = (np.asarray(selected_mean, dtype=float) - population_mean) / selected_sd
    return stretch(phi, correlation) * shift


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
    phi = checked_phi(phi)
    _check_moments(correlation, np.sqrt(selected_variance))
    if not (0 < share < 1 and 0 < response_rate <= 1 and nonselected_variance >= 0):
        raise ValueError(
            "mubp needs a share in (0, 1), a response rate in (0, 1] and variances of 0 or more, but got "
            f"{share}, {response_rate} and {nonselected_variance}"
        )
    shift = (nonselected_mean - selected_mean) / np.sqrt(selected_variance)
    shares = silent_shares(
        cut_points(np.array([1 - share, share]) * 1e12),
        correlation,
        shift,
        nonselected_variance / selected_variance,
        phi,
    )
    return (1 - response_rate) * (share - shares[..., 1])


def stretch(phi: np.ndarray, correlation: float | np.ndarray) -> np.ndarray:
    """g(φ): from the proxy's shift, in its standard deviations, to the score's."""
    return (phi + (1 - phi) * correlation) / (phi * correlation + 1 - phi)


def silent_shares(
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

    g = stretch(phi, correlation)
    sd = np.sqrt(np.maximum(1 + g**2 * (np.asarray(variance_ratio) - 1), 1e-6))
    edge = ndtr((cuts - (g * shift)[..., None]) / sd[..., None])
    return np.diff(edge, axis=-1, prepend=0.0, append=1.0)


def silent_mean(
    cuts: Sequence[np.ndarray],
    values: np.ndarray,
    correlation: float | np.ndarray,
    shift: float | np.ndarray,
    variance_ratio: float | np.ndarray,
    phi: np.ndarray,
) -> np.ndarray:
    """Mean of the D ``values`` over :func:`silent_shares`, without the shares; ``cuts`` is D − 1 arrays, all broadcast.

    >>> cuts, values = np.array([-1.0, 0.5]), np.array([-100.0, 0.0, 100.0])
    >>> shares = silent_shares(cuts, 0.6, -0.3, 1.1, np.array(0.5))
    >>> bool(abs(silent_mean(cuts, values, 0.6, -0.3, 1.1, np.array(0.5)) - shares @ values) < 1e-9)
    True
    """
    from scipy.special import ndtr

    g = stretch(phi, correlation)
    sd = np.sqrt(np.maximum(1 + g**2 * (np.asarray(variance_ratio) - 1), 1e-6))
    centre = g * shift
    below: np.ndarray | float = 0.0
    for cut, gap in zip(cuts, values[1:] - values[:-1], strict=True):
        below = below + gap * ndtr((cut - centre) / sd)
    return values[-1] - below


def checked_phi(phi: float | Sequence[float] | np.ndarray) -> np.ndarray:
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
        others = mean_y + stretch(at, rho) * np.sqrt(yy / xx) * (mean_xn - mean_x)
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
