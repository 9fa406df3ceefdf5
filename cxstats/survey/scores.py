"""A score of survey.yml: its column, its scale, and the metric it becomes."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from ..metrics import (
    NPS,
    SENTIMENT,
    Metric,
    Scale,
    ces,
    csat,
    mean_score,
    net_score,
    stars,
    top_box,
)
from .entries import STRICT, ScaleText, Text, Texts

__all__ = ["SENTIMENT_CLASSES", "Score"]


class _Part(BaseModel):
    model_config = STRICT


class Score(_Part):
    """A question with a score: its column, its scale and what its answers are worth."""

    column: Text | None = None
    scale: ScaleText | None = None
    kind: Literal["nps", "csat", "ces", "mean", "top_box", "net", "stars", "sentiment"] | None = None
    top: tuple[int, ...] | None = None
    bottom: tuple[int, ...] | None = None
    high_is: Literal["easy", "effort"] | None = None
    missing: Texts = ()
    codes: dict[str, int] = {}
    answers: tuple[Text, ...] | None = None
    asked: bool = True
    channel: Text | None = None
    label: Text | None = None
    short: Text | None = None
    margin: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_worst_to_best(cls, given: Any) -> Any:
        """``answers`` lists what is not a number from worst to best: it makes the scale and its codes."""
        if isinstance(given, str):
            given = {"column": given}  # as groups and behaviour are written
        answers = given.get("answers") if isinstance(given, dict) else None
        if answers is None:
            return given
        twice = {"scale", "codes"} & given.keys()
        if twice:
            raise ValueError(
                f"says both answers: and {' and '.join(sorted(twice))}:; answers: is a scale of its own, from worst to best"
            )
        if isinstance(answers, str) or len(answers) < 2 or len(set(answers)) < len(answers):
            raise ValueError(
                "answers: lists two answers or more from worst to best, each once, such as [negative, positive]"
            )
        places = {answer: str(i) for i, answer in enumerate(answers, start=1)}
        return {**given, "scale": f"1-{len(answers)}", "codes": places}

    def codes_for(self, key: str) -> dict[str, int]:
        """What answers that are no numbers stand for; the classes of sentiment have their customary names."""
        if self.kind_for(key) == "sentiment" and not self.codes:
            return SENTIMENT_CLASSES
        return self.codes

    def kind_for(self, key: str) -> str:
        """What kind of metric this is, from ``kind``, else from its name, else from its top and bottom."""
        if self.kind:
            return self.kind
        start = key.split("_")[0].lower()
        if start in ("nps", "csat", "ces"):
            return start
        if self.scale is None and start in ("stars", "sentiment"):
            return start  # with a scale of its own it is what that scale says
        return "net" if self.top and self.bottom else "top_box" if self.top else "mean"

    def metric(self, key: str) -> Metric:
        """The metric; raises ValueError in the user's terms where the description cannot be one."""
        metric = _METRICS[self.kind_for(key)](self)
        named = {"key": key, "label": self.label, "short": self.short, "margin": self.margin}
        if self.label and not self.short:
            named["short"] = self.label
        elif not self.label and key != metric.key and self.kind is None:
            # "csat_food" and "csat_shops" must not both read "CSAT"
            rest = key.partition("_")[2].replace("_", " ")
            named["short"] = self.short or (f"{metric.short} ({rest})" if rest else metric.short)
            named["label"] = f"{metric.label}, {rest}" if rest else metric.label
        return replace(metric, **{name: value for name, value in named.items() if value is not None})


def _nps(score: Score) -> Metric:
    if score.scale and score.scale != Scale(0, 10):
        raise ValueError(
            f"NPS is asked on 0-10, but scale is {score.scale}. For another scale say kind: mean, or kind: net "
            "with top: and bottom:"
        )
    _unused(score, "NPS", "top", "bottom", "high_is")
    return NPS


def _csat(score: Score) -> Metric:
    scale = _needed_scale(score, "CSAT", "1-5")
    _unused(score, "CSAT", "bottom", "high_is")
    if scale.size not in (2, 3, 5, 7, 10):
        upper = ", ".join(map(str, scale.categories[-(scale.size // 2) :]))
        raise ValueError(
            f"CSAT has 2, 3, 5, 7 or 10 answers, but {scale} has {scale.size}. Say kind: top_box, and under top: which "
            f"answers are satisfied ones, such as top: [{upper}]"
        )
    return csat(scale.size, score.top, lowest=scale.low)


def _ces(score: Score) -> Metric:
    if score.high_is is None:
        raise ValueError(
            "CES needs high_is: easy or high_is: effort; no default is safe: does a high answer mean "
            "that it was easy, or that it took much effort?"
        )
    scale = _needed_scale(score, "CES", "1-7")
    _unused(score, "CES", "top", "bottom")
    if scale in (Scale(1, 5), Scale(1, 7)):
        return ces(scale.high, high_is=score.high_is)
    meaning = "high is easy" if score.high_is == "easy" else "high is effort"
    label = f"Customer effort score (CES, {scale}, {meaning})"
    return mean_score(scale, key="ces", label=label, short="CES", high_is=score.high_is)


def _mean(score: Score) -> Metric:
    _unused(score, "a mean", "top", "bottom")
    return mean_score(_needed_scale(score, "a mean", "1-5"), high_is=score.high_is or "good")


def _top_box(score: Score) -> Metric:
    _unused(score, "a top-box share", "bottom", "high_is")
    if not score.top:
        raise ValueError("a top-box share needs top:, the answers that count, such as [4, 5]")
    return top_box(_needed_scale(score, "a top-box share", "1-5"), score.top)


def _net(score: Score) -> Metric:
    _unused(score, "a net score", "high_is")
    if not (score.top and score.bottom):
        raise ValueError("a net score needs top: and bottom:, such as [9, 10] and [0, 1, 2]")
    return net_score(_needed_scale(score, "a net score", "1-5"), score.top, score.bottom)


def _stars(score: Score) -> Metric:
    _unused(score, "stars", "top", "bottom", "high_is")
    return stars(score.scale or Scale(1, 5))


def _sentiment(score: Score) -> Metric:
    _unused(score, "sentiment", "top", "bottom", "high_is")
    size = 3 if score.scale is None else score.scale.size
    if size % 2 == 0 or size < 3 or (score.scale is not None and score.scale.low != 1):
        raise ValueError(
            "sentiment has classes below and above a middle one: list 3 or 5 of them under answers:, from worst to best, "
            "or say kind: net with top: and bottom:"
        )
    if size == 3:
        return SENTIMENT
    middle, scale = size // 2 + 1, Scale(1, size)
    named = {"key": SENTIMENT.key, "label": SENTIMENT.label, "short": SENTIMENT.short}
    return net_score(scale, range(middle + 1, size + 1), range(1, middle), **named, groups=SENTIMENT.groups)


_METRICS = {
    "nps": _nps,
    "csat": _csat,
    "ces": _ces,
    "mean": _mean,
    "top_box": _top_box,
    "net": _net,
    "stars": _stars,
    "sentiment": _sentiment,
}

_CLASSES = {"very negative": 1, "negative": 1, "mixed": 2, "neutral": 2, "positive": 3, "very positive": 3}
SENTIMENT_CLASSES = {
    form(name): place
    for name, place in _CLASSES.items()
    for form in (str, str.capitalize, str.title, str.upper)
}
"""What sentiment engines call their classes; both kinds of "mixed" and "neutral" are neither good nor bad."""


def _needed_scale(score: Score, kind: str, example: str) -> Scale:
    if score.scale is None:
        raise ValueError(f"{kind} needs scale:, such as {example}")
    return score.scale


def _unused(score: Score, kind: str, *names: str) -> None:
    given = [name for name in names if getattr(score, name) is not None]
    if given:
        raise ValueError(
            f"{' and '.join(given)} {'has' if len(given) == 1 else 'have'} no meaning for {kind}"
        )
