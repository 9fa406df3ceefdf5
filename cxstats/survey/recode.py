"""From raw values to scores, groups and outcomes: on the few distinct values, not on the rows."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..metrics import Scale
from .errors import Problem, quoted
from .model import Cause, Description, Item, Score, Vignette
from .outcomes import never_problem
from .stage import missing_codes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Answers", "Recoder", "as_text", "is_number", "judge_answers", "other_scale", "tallied"]

_NUMBER = re.compile(r"[+-]?[0-9]{1,15}([.,][0-9]{1,15})?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,15}([.,]0{1,15})?")
_MANY = 20
_RARE = 0.001


def as_text(value: Any) -> str | None:
    """A raw value as the text a CSV would hold; None where it is missing.

    >>> as_text(5.0), as_text(True), as_text("NA"), as_text(float("nan"))
    ('5', 'true', 'NA', None)
    """
    if isinstance(value, str):
        return value or None
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal):
        if math.isnan(value):
            return None
        return str(int(value)) if value == value // 1 and abs(value) < 1e15 else str(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    return str(value)


def tallied(raw: pd.Series, n: pd.Series) -> dict[str, int]:
    """Number of rows per distinct raw text; missing values apart."""
    tally: dict[str, int] = {}
    for value, number in zip(raw.tolist(), n.tolist(), strict=True):
        text = as_text(value)
        if text is not None:
            tally[text] = tally.get(text, 0) + int(number)
    return tally


@dataclass(frozen=True, slots=True)
class Answers:
    """What the distinct raw values of a score column are.

    Attributes
    ----------
    scores : raw text -> whole number on the scale.
    missing : raw texts declared to mean no answer.
    off : raw texts that are no answer of the scale: set aside and counted.
    """

    scores: Mapping[str, int]
    missing: frozenset[str]
    off: frozenset[str]


def judge_answers(
    texts: Sequence[str],
    scale: Scale | None,
    missing: Sequence[str],
    codes: Mapping[str, int],
    decimal: str = ".",
) -> Answers:
    """Sort distinct raw answers into scores, missing codes and what is off the scale.

    >>> judge_answers(["10", "9.0", "11", "3.5", "Blank"], Scale(0, 10), ["Blank"], {}).off == {"11", "3.5"}
    True
    """
    scores: dict[str, int] = {}
    gone, off = set(), set()
    declared = set(missing)
    for text in texts:
        bare = text.strip()
        if bare in codes:
            number = codes[bare]
        elif text in declared or bare in declared or not bare:
            gone.add(text)
            continue
        elif _WHOLE.fullmatch(bare) and _mark(bare) in ("", decimal):
            number = int(re.split("[.,]", bare)[0])
        else:
            off.add(text)
            continue
        if scale is None or scale.low <= number <= scale.high:
            scores[text] = number
        else:
            off.add(text)
    return Answers(scores, frozenset(gone), frozenset(off))


def _mark(number: str) -> str:
    return "," if "," in number else "." if "." in number else ""


def is_number(text: str) -> bool:
    """Whether the text is a plain number, whole or not."""
    return _NUMBER.fullmatch(text.strip()) is not None


def _number(text: str) -> float | None:
    bare = text.strip().replace(",", ".")
    return float(bare) if is_number(text) else None


def other_scale(tally: Mapping[str, int], answers: Answers, scale: Scale) -> str:
    """Why the answers do not look like this scale's at all; "" if they do.

    Single answers off the scale are set aside. It is another matter when they are no slips: numbers far
    above the scale (a 0–100 score among 1–5), or most of the answers.
    """
    total = sum(n for text, n in tally.items() if text not in answers.missing)
    off = {text: tally[text] for text in answers.off}
    if not off:
        return ""
    numbers = {text: number for text in off if (number := _number(text)) is not None}
    far = {text: x for text, x in numbers.items() if x > scale.high + scale.size and not _is_code(text)}
    n_far, n_off = sum(off[text] for text in far), sum(off.values())
    if far and n_far > _RARE * total:
        top = max(far.values())
        return f"{n_far:,} answers are far above {scale} (up to {top:g}): two scales seem to be mixed"
    above = {
        text: n for text, n in off.items() if numbers.get(text, -math.inf) > scale.high and not _is_code(text)
    }
    if len(above) >= 3 and sum(above.values()) > 0.05 * total:
        return f"{sum(above.values()):,} answers of {len(above)} kinds are above {scale}: two scales seem to be mixed"
    if n_off >= _MANY and 2 * n_off > total:
        shown = ", ".join(quoted(text) for text in sorted(off, key=off.get, reverse=True)[:4])
        return f"{n_off:,} of {total:,} answers are not on the scale {scale} ({shown})"
    return ""


def _is_code(text: str) -> bool:
    """Whether this is a number that surveys use for "no answer": 77, 88, 98, 99, 999, …"""
    bare = text.strip()
    return len(bare) > 1 and (
        len(set(bare)) == 1 or bare.lstrip("9") in ("6", "7", "8") or bare in ("96", "97", "98")
    )


class Recoder:
    """Recodes columns of a survey from raw values to what readers see."""

    def __init__(self, description: Description, source_of: Mapping[str, str]):
        self.d = description
        sources = description.sources()
        self._source = {name: sources[role] for name, role in source_of.items()}

    def codes(self, name: str, own: Sequence[str]) -> tuple[str, ...]:
        """Codes that mean no answer in the column ``name``, whose own are ``own``."""
        return missing_codes(self._source.get(name, self.d.responses), own)

    def answers(self, name: str, texts: Sequence[str]) -> Answers:
        """What the distinct texts of the score or item ``name`` are."""
        decimal = self._source.get(name, self.d.responses).decimal
        if name in self.d.scores:
            score = self.d.scores[name]
            return judge_answers(
                texts,
                score.metric(name).scale,
                self.codes(name, score.missing),
                score.codes_for(name),
                decimal,
            )
        item = self._rated[name]
        return judge_answers(texts, item.scale, self.codes(name, item.missing), {}, decimal)

    def knows(self, name: str) -> bool:
        """Whether the column holds raw values, to be recoded; the others are what they say."""
        d = self.d
        if name in d.outcomes:
            return d.outcomes[name].on is None  # a dated one has been judged, row by row
        if name == "wave" or name in self._causes or name in self._rated:
            return True
        return any(name in named for named in (d.scores, d.groups, d.instruments))

    @cached_property
    def _rated(self) -> dict[str, Item | Vignette]:
        return {item.key: item for item in (*self.d.items, *self.d.vignettes)}

    @cached_property
    def _causes(self) -> dict[str, Cause]:
        causes = {f"{key}_cause": outcome.cause for key, outcome in self.d.outcomes.items()}
        return {name: cause for name, cause in causes.items() if cause is not None}

    def column(self, name: str, raw: pd.Series) -> pd.Series:
        """The raw column ``name`` recoded; scores Int64, outcomes boolean, groups text; missing is <NA>."""
        import pandas as pd

        # recode each distinct raw value once; a code of -1 is a missing value
        codes, distinct = pd.factorize(raw, use_na_sentinel=True)
        texts = [as_text(value) for value in distinct.tolist()]
        new, dtype = self._values(name, texts)
        values = pd.array([*new, None], dtype=dtype)
        return pd.Series(values[codes], name=name)

    def _values(self, name: str, texts: Sequence[str | None]) -> tuple[list[Any], str]:
        known = [t for t in texts if t is not None]
        if name in self.d.scores or name in self._rated:
            scores = self.answers(name, known).scores
            return [None if t is None else scores.get(t) for t in texts], "Int64"
        if name in self.d.outcomes:
            happened = self._outcome(name)
            return [None if t is None else happened(t) for t in texts], "boolean"
        if name == "wave":
            assert self.d.wave is not None
            return self._labels(name, texts, self.d.wave.labels, None, self.d.wave.missing), "string"
        if name in self._causes:
            cause = self._causes[name]
            return self._labels(name, texts, cause.labels, cause.other, cause.missing), "string"
        if name in self.d.instruments:
            given = self.d.instruments[name]
            return self._labels(name, texts, given.labels, None, given.missing), "string"
        group = self.d.groups[name]
        return self._labels(name, texts, group.labels, group.other, group.missing), "string"

    def _labels(
        self,
        name: str,
        texts: Sequence[str | None],
        labels: Mapping[str, str],
        other: str | None,
        missing: Sequence[str],
    ) -> list[str | None]:
        gone = set(self.codes(name, missing))
        return [
            None if t is None or t in gone else labels.get(t, t if other is None else other) for t in texts
        ]

    def _outcome(self, name: str) -> Callable[[str], bool | None]:
        outcome = self.d.outcomes[name]
        gone, events = set(self.codes(name, outcome.missing)), set(outcome.event)
        return lambda text: None if text.strip() in gone else text.strip() in events

    def event_problem(self, name: str, raw: pd.Series, n: pd.Series, where: str) -> Problem | None:
        """A problem if no value of the outcome in ``raw`` (with counts ``n``) says that it happened."""
        outcome = self.d.outcomes[name]
        gone = set(self.codes(name, outcome.missing))
        found = {text.strip(): k for text, k in tallied(raw, n).items() if text.strip()}
        found = {text: k for text, k in found.items() if text not in gone}
        secret = self.d.customer is not None and self.d.customer.column == outcome.column
        return never_problem(outcome, found, f"{where}, for outcomes.{name}", secret=secret)

    def scale_problem(self, name: str, raw: pd.Series, n: pd.Series, where: str) -> Problem | None:
        """A problem if the answers in ``raw`` (with counts ``n``) are another scale's."""
        asked: Score | Item | Vignette = self.d.scores[name] if name in self.d.scores else self._rated[name]
        scale = asked.metric(name).scale if isinstance(asked, Score) else asked.scale
        if scale is None:
            return None
        tally = tallied(raw, n)
        why = other_scale(tally, self.answers(name, list(tally)), scale)
        if not why:
            return None
        return Problem(
            f"column {asked.column or name}: {why}",
            where,
            expected=f"whole numbers from {scale.low} to {scale.high}, and the codes under missing:",
            fix="bring all answers to one scale, correct scale:, or declare codes that mean no answer under missing:",
        )
