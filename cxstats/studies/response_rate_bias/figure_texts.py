"""What the response-rate report's figures share: axes, the band around the published score, who was counted."""

from __future__ import annotations

from collections.abc import Callable

from cxstats.studies.response_rate_bias.numbers import Numbers
from cxstats.studies.speech import Speech
from cxstats.words import count, number, plural


def axis(numbers: Numbers) -> str:
    unit = {"points": "points", "%": "% satisfied", "scale points": f"mean answer on {numbers.metric.scale}"}
    return f"{numbers.metric.short}, {unit[numbers.metric.unit]}"


def ticks(numbers: Numbers) -> Callable[[float], str]:
    say = Speech(numbers.metric)
    return lambda v: say.value(v) if numbers.metric.unit != "scale points" else number(v, 1)


def answers_of(numbers: Numbers) -> str:
    if numbers.invited:
        return f"{count(numbers.n)} answers of {count(numbers.invited)} invited"
    return plural(numbers.n, "answer")


def band_of(numbers: Numbers) -> tuple[float, float]:
    """Scores that differ from the published one by less than would matter."""
    value, margin = numbers.published.value, numbers.settings.margin
    return value - margin, value + margin
