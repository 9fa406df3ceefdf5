"""How a metric's numbers read in a study's sentences, the same in every study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cxstats.metrics import Metric
from cxstats.words import amount, interval, number, percent, signed

__all__ = ["Speech", "enough_digits", "in_sentence"]


@dataclass(frozen=True, slots=True)
class Speech:
    """How a metric's numbers read: NPS signed and in points, CSAT in percent, CES on its scale.

    >>> from cxstats.metrics import NPS
    >>> Speech(NPS).value(37.34), Speech(NPS).gap(5)
    ('+37', '5 points')
    """

    metric: Metric

    @property
    def digits(self) -> int:
        """Decimals in a headline; main points have one more."""
        return 1 if self.metric.unit == "scale points" else 0

    @property
    def gap_digits(self) -> int:
        """Decimals of a difference in a headline: on a scale of a few points a difference is a fraction of one."""
        return 2 if self.metric.unit == "scale points" else 0

    @property
    def gap_unit(self) -> str:
        """The unit of a difference."""
        return "percentage points" if self.metric.unit == "%" else "points"

    def value(self, value: float, fine: int = 0) -> str:
        """A value of the metric."""
        if self.metric.unit == "%":
            return percent(value, self.digits + fine)
        return (signed if self.metric.unit == "points" else number)(value, self.digits + fine)

    def span(self, low: float, high: float, fine: int = 0) -> str:
        """An interval of values, with more digits where its ends would read the same."""
        unit = "%" if self.metric.unit == "%" else ""
        digits = enough_digits(self.digits + fine, lambda d: low == high or round(low, d) != round(high, d))
        return interval(low, high, unit, digits=digits, sign=self.metric.unit == "points")

    def gap(self, size: float) -> str:
        """The size of a difference, with as many digits as it needs."""
        return amount(size, self.gap_unit)

    def rough_gap(self, size: float, fine: int = 0, edge: float = 0.0) -> str:
        """The size of a difference that was estimated; to a tenth of it, and never as ``edge`` when it is not.

        >>> from cxstats.metrics import NPS
        >>> Speech(NPS).rough_gap(5.2), Speech(NPS).rough_gap(5.2, edge=5), Speech(NPS).rough_gap(0.13)
        ('5 points', '5.2 points', '0.13 points')
        """
        digits = enough_digits(
            min(self.gap_digits + fine, 2),
            lambda d: size == edge or (round(size, d) != edge and abs(round(size, d) - size) <= size / 10),
        )
        return amount(size, self.gap_unit, digits=digits)

    def that_matter(self, margin: float) -> str:
        """The margin with its clause.

        >>> from cxstats.metrics import NPS
        >>> Speech(NPS).that_matter(5), Speech(NPS).that_matter(1)
        ('5 points that matter', '1 point that matters')
        """
        text = self.gap(margin)
        return f"{text} that matter{'s' if text.startswith('1 ') else ''}"

    def gap_span(self, low: float, high: float, fine: int = 1, edge: float = 0.0) -> str:
        """An interval of differences; an end beyond or within ±``edge`` does not read as if on it.

        >>> from cxstats.metrics import NPS
        >>> Speech(NPS).gap_span(-5.03, 2.5), Speech(NPS).gap_span(-5.03, 2.5, edge=5)
        ('−5.0 to +2.5 points', '−5.03 to +2.50 points')
        """
        digits = enough_digits(
            min(self.gap_digits + fine, 2),
            lambda d: edge == 0 or all(abs(v) == edge or abs(round(v, d)) != edge for v in (low, high)),
        )
        return interval(low, high, self.gap_unit, digits=digits, sign=True)


def enough_digits(least: int, tells: Callable[[int], bool]) -> int:
    """As few decimals as tell what has to be told, from ``least`` to four."""
    return next((digits for digits in range(least, 4) if tells(digits)), 4)


def in_sentence(title: str) -> str:
    """A title inside a sentence: a small first letter, unless it is an abbreviation.

    >>> in_sentence("Use of the app"), in_sentence("NPS band")
    ('use of the app', 'NPS band')
    """
    return title[:1].lower() + title[1:] if title[1:2].islower() else title
