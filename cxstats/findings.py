"""What a study says: a verdict, reached by a pre-stated rule, and the finding around it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "MainPoint", "Verdict", "judge"]


class Verdict(StrEnum):
    """Answer to one stated question about one estimand, against the margin that matters."""

    NEGLIGIBLE = "negligible"
    MATERIAL = "material"
    INCONCLUSIVE = "inconclusive"
    NOT_ANSWERABLE = "not_answerable"

    @property
    def words(self) -> str:
        """How the page says it."""
        return _WORDS[self]


_WORDS = {
    Verdict.NEGLIGIBLE: "No difference that matters",
    Verdict.MATERIAL: "A difference that matters",
    Verdict.INCONCLUSIVE: "Too few answers to say",
    Verdict.NOT_ANSWERABLE: "This data cannot say",
}


def judge(
    low: float, high: float, margin: float, *, assumption: tuple[float, float] | None = None
) -> Verdict:
    """Verdict on an effect from its uncertainty region.

    The rule, stated before any data: *negligible* where the whole region ``[low, high]`` lies inside
    ±margin, *material* where it lies wholly above +margin or below −margin, otherwise *inconclusive*,
    unless the range over the stated assumption alone crosses an edge of the margin, which more
    answers cannot mend: then *not answerable*.

    Parameters
    ----------
    low, high : the uncertainty region in the effect's unit: sampling error, and every declared value of
        the assumption where there is one.
    margin : smallest difference that matters, above 0, same unit.
    assumption : lowest and highest effect over the declared values of an assumption, sampling error left out.

    Raises
    ------
    ValueError : margin not above 0, or a region that ends before it begins.

    >>> judge(-1.4, 3.0, 5).words
    'No difference that matters'
    """
    if not margin > 0:
        raise ValueError(f"the margin must be above 0, but is {margin}")
    if math.isnan(low) or math.isnan(high):
        return Verdict.NOT_ANSWERABLE
    if low > high:
        raise ValueError(f"the region must run from low to high, but {low} is above {high}")
    if -margin <= low and high <= margin:
        return Verdict.NEGLIGIBLE
    if low > margin or high < -margin:
        return Verdict.MATERIAL
    if assumption is not None:
        first, last = assumption
        if first < -margin < last or first < margin < last:
            return Verdict.NOT_ANSWERABLE
    return Verdict.INCONCLUSIVE


@dataclass(frozen=True, slots=True)
class Finding:
    """One question, answered.

    Attributes
    ----------
    question : the question the verdict answers ("Did NPS change by 5 points?").
    verdict : the verdict.
    answer : two sentences at most, no more than the verdict claims.
    rule : how it was decided, in words.
    margin : smallest difference that matters, in ``unit``.
    unit : "points", "%", "scale points", ...
    value, low, high : the effect and its uncertainty region in ``unit``; None where there is none.
    assumption_low, assumption_high : range over a declared assumption alone; None where none is made.
    digits : decimals with which the answer prints them, for the strip; None where the strip chooses.
    effect : what the number is, for the strip and the index ("change in NPS against wave 1").
    needed : for "This data cannot say" and "Too few answers to say": what would settle it.
    """

    question: str
    verdict: Verdict
    answer: str
    rule: str
    margin: float
    unit: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    assumption_low: float | None = None
    assumption_high: float | None = None
    digits: int | None = None
    effect: str = ""
    needed: str | None = None

    def __post_init__(self) -> None:
        if self.verdict is Verdict.NOT_ANSWERABLE and not self.needed:
            raise ValueError("a finding that this data cannot give must say which data could (needed=...)")


@dataclass(frozen=True, slots=True)
class MainPoint:
    """One of at most five main points: a number with its uncertainty, and the sentence it supports.

    Attributes
    ----------
    number : the number as printed, signed and with its unit ("+26.2", "14.9 %").
    interval : its uncertainty as printed ("+25.0 to +27.4"), or what the number counts.
    headline : a sentence with a verb, in whole points.
    sentence : one more sentence of evidence or consequence.
    figure : key of the figure that shows it, or None.
    """

    number: str
    interval: str
    headline: str
    sentence: str
    figure: str | None = None
