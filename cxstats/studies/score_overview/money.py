"""How amounts read: as scores do in :mod:`cxstats.studies.speech`, in their currency."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cxstats.studies.score_overview.measures import Measure
from cxstats.studies.speech import Speech, enough_digits
from cxstats.words import NBSP, amount, interval, number

__all__ = ["Money", "Voice", "voice"]


@dataclass(frozen=True, slots=True)
class Money:
    """How amounts of a currency read.

    Attributes
    ----------
    unit : the currency as survey.yml names it; "" where it does not.
    size : a typical amount, which decides how many digits are worth reading.

    >>> Money("€", 602).value(601.6), Money("€", 602).gap_span(-23.2, 11.4)
    ('602\\xa0€', '−23.2 to +11.4\\xa0€')
    """

    unit: str
    size: float

    @property
    def digits(self) -> int:
        """Decimals in a headline: three digits in all, as far as there are any."""
        if not self.size or not math.isfinite(self.size):
            return 0
        return max(0, 2 - math.floor(math.log10(abs(self.size))))

    @property
    def gap_unit(self) -> str:
        """The unit of a difference."""
        return self.unit

    def value(self, value: float, fine: int = 0) -> str:
        """An amount."""
        return self._kept(f"{number(value, self.digits + fine)} {self.unit}".rstrip())

    def span(self, low: float, high: float, fine: int = 0) -> str:
        """An interval of amounts."""
        digits = enough_digits(self.digits + fine, lambda d: low == high or round(low, d) != round(high, d))
        return self._kept(interval(low, high, self.unit, digits=digits))

    def gap(self, size: float) -> str:
        """The size of a difference."""
        return self._kept(amount(size, self.unit, digits=self.digits))

    def rough_gap(self, size: float, fine: int = 0, edge: float = 0.0) -> str:
        """The size of a difference that was estimated."""
        return self._kept(amount(size, self.unit, digits=self.digits + fine))

    def that_matter(self, margin: float) -> str:
        """The margin with its clause."""
        return f"{self.gap(margin)} that matter"

    def gap_span(self, low: float, high: float, fine: int = 1, edge: float = 0.0) -> str:
        """An interval of differences."""
        return self._kept(interval(low, high, self.unit, digits=self.digits + fine, sign=True))

    def _kept(self, text: str) -> str:
        """The currency on the line of its number."""
        return text.replace(f" {self.unit}", f"{NBSP}{self.unit}") if self.unit else text


Voice = Speech | Money


def voice(measure: Measure) -> Voice:
    """How the measure's numbers read."""
    if measure.metric is not None:
        return Speech(measure.metric)
    return Money(measure.unit, measure.now.value if measure.readings else 0.0)
