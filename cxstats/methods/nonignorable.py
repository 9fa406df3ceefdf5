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
    tilt_ends,
    tipping,
    worst_case,
)
from cxstats.methods.fact_directions import OPPOSED, FactDirections, fact_directions
from cxstats.methods.limits import critical_value as normal_quantile
from cxstats.methods.proxy import LARGEST_BATCH, ProxyData, proxy_data
from cxstats.methods.proxy_measures import (
    cut_points,
    in_order,
    isotonic,
    monotone_p_value,
    normal_scores,
    polyserial_correlation,
    straight_variance_ratio,
)
from cxstats.methods.regions import Region, critical_value
from cxstats.methods.score import score_limits
from cxstats.methods.smub import checked_phi, silent_mean, silent_shares, stretch
from cxstats.metrics import Metric
from cxstats.parameters import Count, Level, Seed, checked
from cxstats.show import definition_html

__all__ = [
    "Bounds",
    "NetScoreBias",
    "PatternMixture",
    "Tipping",
    "monotone_bounds",
    "net_score_bias",
    "pattern_mixture",
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


# -------------------------------------------------------------------------------- a net score, from cells


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Draws from the sampling distribution of what is measured, at the first φ.

    Attributes
    ----------
    value : among respondents, shape (M,). silent : share of those invited that did not answer, shape (M,).
    shares : of each distinct value among them, shape (M, D).
    """

    value: np.ndarray
    silent: np.ndarray
    shares: np.ndarray


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
    start : what the limits of :meth:`tilted` are simulated from.
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
    start: Start = field(repr=False)
    level: float = field(default=0.95)

    def tilted(
        self, odds_low: np.ndarray, odds_high: float | np.ndarray = 1.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Limits of the bias, shape (K,) each, where among the silent the odds of the lowest value, of the highest, are so
        many times those at the first φ of ``table``; the multipliers count as given.

        The bias itself is that of :func:`cxstats.methods.bounds.tipping` from the shares of that φ.
        """
        start, values = self.start, self.metric.distinct_values
        tilt = tilt_ends(np.ones(len(values)), odds_low, odds_high)
        others = (start.shares @ (tilt * values).T) / (start.shares @ tilt.T)
        bias = start.silent[:, None] * (start.value[:, None] - others)
        tail = (1 - self.level) / 2
        low, high = np.quantile(bias, [tail, 1 - tail], axis=0)
        return low, high

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
    stop_unless_firm: float | None = None,
) -> NetScoreBias | None:
    """How far response that depends on the answer itself could have moved a metric.

    One latent satisfaction with a cut-point between any two neighbouring values of the metric, one φ: shares of promoters,
    passives and detractors among those who did not answer sum to 1 at every φ. For a share it is MUBP
    (``cxstats.methods.smub.mubp``); for a mean score the cut-points are those between all its categories.

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
    stop_unless_firm : a margin: stop with None as soon as no firm verdict against it can come of this (a condition of
        trust fails or is not ``sharp``, or the estimates over φ alone lie on both sides of an edge), what is quick to
        see first. For simulations, which ask thousands of surveys for nothing but a verdict.

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
    wanted = np.atleast_1d(checked_phi(phi))
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
    tenths, quick = _tenths(data, metric), stop_unless_firm is not None
    if quick and tenths.noise > 2 * REVERSAL:
        return None
    full = _measured(data, present, np.array([0]), proxy_scale)[0]
    grid = np.unique(np.concatenate([wanted, wanted.min() + (wanted.max() - wanted.min()) * _GRID]))
    at = np.searchsorted(grid, wanted)
    value, bias, shares, answered = _bias_over(full[None], values, grid)
    if quick and (np.tanh(full[_RHO]) < MIN_CORRELATION or _crosses(bias[0, at], stop_unless_firm)):
        return None
    directions = fact_directions(data, by)
    if quick and not directions.holds:
        return None
    deciles, p_value, direction, reversal = _deciles(data, tenths, level, seed)
    if quick and not _monotone(p_value, reversal):
        return None
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
    rho, rho_low, rho_high = _limits(full[_RHO], covariance[_RHO, _RHO], parts - 1, level, np.tanh)
    excess = covariance[_EXCESS, _EXCESS]
    ratio, ratio_low, ratio_high = _limits(full[_EXCESS], excess, parts - 1, level, np.exp)
    checks, reasons = _checks(
        rho, (rho_low, rho_high), ratio, excess, parts - 1, p_value, reversal, tenths.noise, directions
    )
    if quick and not (checks["holds"] & checks["sharp"]).all():
        return None

    rng = np.random.default_rng(seed)
    drawn = _multivariate_t(rng, full, covariance, parts - 1, draws)
    value_d, bias_d = _biases(drawn, values, grid[:, None])
    prior = _GRID[np.random.default_rng(seed).integers(len(_GRID), size=draws)]
    over_prior = _biases(drawn, values, prior)[1]
    tail = (1 - level) / 2
    # draws in order for every φ: limits along the first axis
    everyone, everyone_d = value[:, None] - bias, np.sort(value_d - bias_d, axis=1).T
    bias_d = np.sort(bias_d, axis=1).T
    odds = _odds(shares[0]) / _odds(answered)
    moments = _pearson(data, metric)
    padded = np.zeros((len(grid), len(present)))
    padded[:, present] = shares[0]
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
            "normal_bias": _normal_bias(moments, wanted),
            "odds_low": odds[at, 0],
            "odds_high": odds[at, -1],
            **{f"share_{k}": padded[at, k] for k in range(len(present))},
        }
    )
    shares_d = np.zeros((draws, len(present)))
    shares_d[:, present] = _bias_over(drawn, values, wanted[:1])[2][:, 0]
    interval = np.quantile(over_prior, [tail, 1 - tail])
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
        start=Start(value_d, _silent(drawn), shares_d),
    )


def _crosses(bias: np.ndarray, margin: float) -> bool:
    """Whether the estimates over φ lie on both sides of an edge of ±margin: no number of answers would settle that."""
    low, high = bias.min(), bias.max()
    return bool(low < -margin < high or low < margin < high)


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
    counts, silent = data.counts(replicates)
    counts = counts[..., present]
    mass = counts.sum(axis=3)
    x = _proxy(data, replicates, silent, mass, scale).reshape(len(replicates), -1)
    order = in_order(x)  # once for all that follows
    x, silent = x.ravel()[order], silent.ravel()[order]
    counts = counts.reshape(x.size, -1)[order]
    mass = counts.sum(axis=2)
    n, m = mass.sum(axis=1), silent.sum(axis=1)
    mean, mean_s = np.vecdot(mass, x) / n, np.vecdot(silent, x) / m
    variance = np.vecdot(mass, (x - mean[:, None]) ** 2) / n
    variance_s = np.vecdot(silent, (x - mean_s[:, None]) ** 2) / m
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
    from scipy.special import ndtr

    cuts = measured[:, :_CUTS]
    # a proxy with no correlation leaves φ > 0 without an answer: the smallest one is kept finite
    rho = np.maximum(np.tanh(measured[:, _RHO]), 0.02)
    answered = np.diff(ndtr(cuts), axis=1, prepend=0.0, append=1.0)
    shares = silent_shares(
        cuts[:, None, :],
        rho[:, None],
        measured[:, [_SHIFT]],
        np.exp(measured[:, [_RATIO]]),
        np.atleast_2d(phi),
    )
    value = answered @ values
    silent = _silent(measured)
    return value, silent[:, None] * (value[:, None] - shares @ values), shares, answered[0]


def _biases(measured: np.ndarray, values: np.ndarray, phi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value (M,) and bias (…, M) of :func:`_bias_over` without the shares, for ``phi`` of shape (K, 1) or (M,)."""
    cuts = measured[:, :_CUTS].T
    rho = np.maximum(np.tanh(measured[:, _RHO]), 0.02)
    value = silent_mean(cuts, values, 1.0, 0.0, 1.0, np.array(0.0))
    others = silent_mean(cuts, values, rho, measured[:, _SHIFT], np.exp(measured[:, _RATIO]), phi)
    return value, _silent(measured) * (value - others)


def _silent(measured: np.ndarray) -> np.ndarray:
    """Share of everyone invited that did not answer, shape (M,)."""
    from scipy.special import expit

    return 1 - expit(measured[:, _ODDS])


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
    return stretch(phi, max(correlation, 0.02)) * shift * sd


@dataclass(frozen=True, slots=True, eq=False)
class _Tenths:
    """Customers by tenth of the proxy, K of them: invited, answered, what answers are worth (NaN without any).

    ``group`` is the tenth of each combination of categories and fold, flat.
    """

    group: np.ndarray
    invited: np.ndarray
    answered: np.ndarray
    worth: np.ndarray

    @property
    def overall(self) -> float:
        """Response rate of all."""
        return float(self.answered.sum() / self.invited.sum())

    @property
    def noise(self) -> float:
        """By how much chance alone moves the step between two tenths, as a share of the response rate (1.96 errors)."""
        overall = self.overall
        return float(1.96 * np.sqrt(2 * (1 - overall) / (overall * self.invited.mean())))


def _tenths(data: ProxyData, metric: Metric) -> _Tenths:
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
    worth = np.bincount(tenth, weights=(counts @ metric.distinct_values).ravel(), minlength=k)
    return _Tenths(tenth, total, yes, worth / np.where(yes > 0, yes, np.nan))


def _deciles(
    data: ProxyData, tenths: _Tenths, level: float, seed: int
) -> tuple[pd.DataFrame, float, int, float]:
    """Response by tenth of the proxy; p-value, direction and size of the departure from a monotone sequence."""
    total, yes, overall = tenths.invited, tenths.answered, tenths.overall
    rate = yes / total
    spread = max(1.0, _design_effect(data, tenths.group, rate, overall))
    p_value, direction = monotone_p_value(rate, total, spread * overall * (1 - overall), seed=seed)
    closest = direction * isotonic(direction * rate, total)
    oriented = direction * rate
    reversal = float((np.maximum.accumulate(oriented) - oriented).max() / overall)
    limits = score_limits(
        np.column_stack([total - yes, yes]) / spread, np.array([0.0, 1.0]), normal_quantile(level)
    )
    deciles = pd.DataFrame(
        {
            "decile": np.arange(1, len(rate) + 1),
            "invited": np.rint(total).astype(int),
            "answered": np.rint(yes).astype(int),
            "response_rate": rate,
            "low": limits[0],
            "high": limits[1],
            "closest": closest,
            "value": tenths.worth,
        }
    )
    return deciles, p_value, direction, reversal


def _design_effect(data: ProxyData, tenth: np.ndarray, rate: np.ndarray, overall: float) -> float:
    """Jackknife over binomial variance of the deciles' rates: above 1 where customers are invited repeatedly."""
    parts, k = data.parts, len(rate)
    group = tenth.reshape(len(data.totals[1]), -1)[data.frame, data.fold[data.part]]
    given = data.category >= 0
    place = group * parts + data.part
    yes = np.bincount(place[given], weights=data.n[given], minlength=k * parts).reshape(k, parts)
    total = np.bincount(place, weights=data.n, minlength=k * parts).reshape(k, parts)
    # linearised, by part: the sum over parts of squared residual totals
    residual = yes - rate[:, None] * total
    cluster = (residual**2).sum(axis=1) * parts / (parts - 1)
    binomial = total.sum(axis=1) * rate * (1 - rate)
    return float(cluster.sum() / binomial.sum()) if binomial.sum() > 0 else 1.0


def _monotone(p_value: float, reversal: float) -> bool:
    """Whether response rises or falls throughout, or departs from that by chance or by little."""
    return p_value >= 0.05 or reversal <= REVERSAL


def _checks(
    rho: float,
    rho_limits: tuple[float, float],
    ratio: float,
    variance: float,
    degrees: float,
    p_value: float,
    reversal: float,
    noise: float,
    directions: FactDirections,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The conditions of trust, and a sentence for each that does not hold."""
    from scipy.special import stdtrit

    low, high = VARIANCE_RATIO
    chance = float(stdtrit(degrees, 0.975) * np.sqrt(variance))
    ratio_holds = low <= ratio <= high or abs(np.log(ratio)) <= chance
    rows = [
        ("proxy correlation", rho, f"{MIN_CORRELATION:g} or more", rho >= MIN_CORRELATION,
         rho_limits[1] - rho_limits[0] <= 0.4),
        ("variance ratio of the proxy", ratio, f"{low:g} to {high:g}", ratio_holds, chance <= np.log(high)),
        ("response by proxy decile", reversal, "rising or falling", _monotone(p_value, reversal),
         noise <= 2 * REVERSAL),
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
