"""Uncertainty regions: a range over an assumption, widened by sampling error.

Where an assumption is declared as a range (how far response depends on satisfaction, say), the data give an
interval for the truth even with endless answers. What a reader needs then is a region that contains the truth,
wherever in that interval it lies, as often as it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxstats.findings import Verdict, judge
from cxstats.parameters import Level, checked
from cxstats.show import definition_html

__all__ = ["Region", "critical_value", "imbens_manski", "region"]


@dataclass(frozen=True, slots=True)
class Region:
    """A range over an assumption, and the region around it.

    Attributes
    ----------
    low, high : uncertainty region: the assumption and sampling error together, in the effect's unit.
    assumption_low, assumption_high : lowest and highest estimate over the declared values of the assumption,
        sampling error left out.
    level : how often such a region contains the truth, wherever it lies in the assumed range.
    """

    low: float
    high: float
    assumption_low: float
    assumption_high: float
    level: float

    @property
    def assumption(self) -> tuple[float, float]:
        """The range over the assumption alone, as ``cxstats.findings.judge`` takes it."""
        return self.assumption_low, self.assumption_high

    def judge(self, margin: float) -> Verdict:
        """Verdict on the effect against ``margin`` (see ``cxstats.findings.judge``).

        >>> Region(-1.0, 4.0, 0.5, 2.5, 0.95).judge(5).words
        'No difference that matters'
        """
        return judge(self.low, self.high, margin, assumption=self.assumption)

    def _repr_html_(self) -> str:
        return definition_html(
            "Uncertainty region",
            [
                ("over the assumption", f"{self.assumption_low:.2f} to {self.assumption_high:.2f}"),
                (f"with sampling error ({self.level:.0%})", f"{self.low:.2f} to {self.high:.2f}"),
            ],
        )


def critical_value(width: float, standard_error: float, level: float = 0.95) -> float:
    """How many standard errors each end of an estimated range is moved out.

    Parameters
    ----------
    width : distance between the two ends, 0 or more.
    standard_error : the larger of the two ends' standard errors, 0 or more, in the same unit.
    level : how often the region shall contain the truth.

    Returns
    -------
    c with Φ(c + width/standard_error) − Φ(−c) = level: 1.96 for a point (level 0.95), towards 1.645 as the range
    becomes wide against its error, because the truth can then be near one end only.

    Raises
    ------
    ValueError : a negative width or standard error, or one that is missing.

    Notes
    -----
    Imbens & Manski 2004, *Econometrica* 72, equation 7.

    Examples
    --------
    >>> round(critical_value(0, 1), 3), round(critical_value(9, 1), 3)
    (1.96, 1.645)
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr, ndtri

    level = checked("level", level, Level)
    if not (width >= 0 and standard_error >= 0):
        raise ValueError(
            f"a range has a width and a standard error of 0 or more, but got {width} and {standard_error}"
        )
    one_sided, two_sided = float(ndtri(level)), float(ndtri((1 + level) / 2))
    if standard_error == 0 or width / standard_error > 40:
        return one_sided if width > 0 else two_sided
    gap = width / standard_error
    return float(brentq(lambda c: ndtr(c + gap) - ndtr(-c) - level, one_sided - 1e-9, two_sided + 1e-9))


def imbens_manski(
    low: float, high: float, se_low: float, se_high: float, level: float = 0.95
) -> tuple[float, float]:
    """Confidence region for a number that is only known to lie between two estimated ends.

    Parameters
    ----------
    low, high : estimates of the two ends, in the effect's unit; ``low`` at most ``high``.
    se_low, se_high : their standard errors, 0 or more.
    level : how often the region contains the truth, wherever between the two true ends it lies.

    Returns
    -------
    (low, high) of the region.

    Raises
    ------
    ValueError : ``low`` above ``high``, negative standard errors, or a level out of range.

    Notes
    -----
    [low − c·se_low, high + c·se_high], c from :func:`critical_value` with the larger error. It contains the truth, not
    the whole range, at the level (Imbens & Manski 2004); for the whole range take level (1 + level)/2. A verdict is
    wrong if the truth lies beyond one end: with level 0.95 up to 5 % of them at a wide range, with 0.975 2.5 %.

    Both ends need approximately normal errors, and ``low`` ≤ ``high`` in nearly every sample (Stoye 2009); that holds
    where both come from the same estimate at two values of an assumption.

    Examples
    --------
    >>> low, high = imbens_manski(2.0, 6.0, 1.0, 1.0)
    >>> round(low, 3), round(high, 3)
    (0.355, 7.645)
    """
    if not low <= high:
        raise ValueError(f"the range must run from low to high, but {low} is above {high}")
    c = critical_value(high - low, max(se_low, se_high), level)
    if min(se_low, se_high) < 0:
        raise ValueError(f"standard errors are 0 or more, but got {se_low} and {se_high}")
    return float(low - c * se_low), float(high + c * se_high)


def region(
    estimates: Sequence[float] | np.ndarray,
    standard_errors: Sequence[float] | np.ndarray,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
) -> Region:
    """Uncertainty region of an effect estimated at every declared value of an assumption.

    Parameters
    ----------
    estimates : the effect at each value of the assumption, shape (K,), in its own unit.
    standard_errors : their standard errors, shape (K,), 0 or more.
    level : how often the region contains the truth, whichever value of the assumption holds.
    bounds : smallest and largest possible effect; the region is clipped to it.

    Returns
    -------
    Region.

    Raises
    ------
    ValueError : different numbers of estimates and errors, none at all, or missing ones.

    Notes
    -----
    The lowest ``estimate − c·error`` to the highest ``estimate + c·error``, c as in :func:`imbens_manski` (pointwise
    uncertainty regions: Vansteelandt et al. 2006, *Statistica Sinica* 16).

    Examples
    --------
    >>> result = region([1.0, 2.0, 4.0], [0.5, 0.5, 1.0])
    >>> result.assumption, round(result.low, 2), round(result.high, 2)
    ((1.0, 4.0), 0.18, 5.64)
    """
    values = np.asarray(estimates, dtype=float).ravel()
    errors = np.asarray(standard_errors, dtype=float).ravel()
    if len(values) == 0 or values.shape != errors.shape:
        raise ValueError(
            f"a region needs an estimate and a standard error for each value of the assumption, but got "
            f"{len(values)} estimates and {len(errors)} errors"
        )
    if not (np.isfinite(values).all() and np.isfinite(errors).all() and (errors >= 0).all()):
        raise ValueError(
            f"estimates must be numbers and standard errors 0 or more, but got {values.tolist()} "
            f"and {errors.tolist()}"
        )
    first, last = float(values.min()), float(values.max())
    c = critical_value(last - first, float(errors.max()), level)
    low, high = float((values - c * errors).min()), float((values + c * errors).max())
    if bounds is not None:
        low, high = (min(max(end, bounds[0]), bounds[1]) for end in (low, high))
    return Region(low, high, first, last, level)
