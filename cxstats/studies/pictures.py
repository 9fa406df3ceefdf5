"""What the pictures of every study share: where their numbers come from, and what is said to those who do not see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cxstats.words import level_text, stated

__all__ = ["Source", "alt_text", "level_of"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the numbers come from, for the line below each figure."""

    survey: str
    period: str
    simulated: bool

    def line(self, n_text: str) -> str:
        """The source line."""
        end = " **Simulated data.**" if self.simulated else ""
        source = ", ".join(filter(None, (self.survey, stated(self.period))))
        return f"{n_text}. Source: {source}.{end}"


def alt_text(shown: str, points: list[str]) -> str:
    """What a picture shows, for those who do not see it; the table below has every number.

    >>> alt_text("Two  rates", ["A 5 %", "B 7 %"])
    'Two rates. A 5 %; B 7 %. All numbers are in the table below.'
    """
    return f"{' '.join(shown.split())}. {'; '.join(points)}. All numbers are in the table below."


def level_of(numbers: Any) -> str:
    """The confidence level of a study's numbers, as printed."""
    return level_text(numbers.settings.level)
