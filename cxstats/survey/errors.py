"""Problems in the user's words: where, what is wrong, what was expected, how to put it right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NoReturn

__all__ = ["Problem", "SurveyError", "did_you_mean", "quoted", "refuse"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a survey's description or data.

    Attributes
    ----------
    what : what is wrong, with the value received.
    where : the place: "survey.yml, line 12, scores.nps" or "export.csv, row 17, column ltr"; "" if it has none.
    expected : what would be right; "" where ``what`` says it.
    fix : what to do; "" where that is plain.
    """

    what: str
    where: str = ""
    expected: str = ""
    fix: str = ""

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.fix:
            lines.append(f"  to fix it: {self.fix}")
        return "\n".join(lines)


class SurveyError(ValueError):
    """A survey cannot be used as it is; ``problems`` lists every reason found, in one go.

    >>> print(SurveyError([Problem("there is no such column", where="survey.yml, scores.nps")]))
    1 problem:
    - survey.yml, scores.nps: there is no such column
    """

    def __init__(self, problems: Iterable[Problem] | Problem):
        self.problems: tuple[Problem, ...] = (
            (problems,) if isinstance(problems, Problem) else tuple(dict.fromkeys(problems))
        )
        super().__init__(str(self))

    def __reduce__(self):
        return type(self), (self.problems,)

    def __str__(self) -> str:
        number = len(self.problems)
        head = "1 problem:" if number == 1 else f"{number} problems:"
        return "\n".join([head, *("- " + str(p).replace("\n", "\n  ") for p in self.problems)])

    def _render_traceback_(self) -> list[str]:
        """In a notebook the problems alone: a traceback would hide them from whoever can put them right."""
        return str(self).splitlines()


def refuse(what: str, *, where: str = "", expected: str = "", fix: str = "") -> NoReturn:
    """Raise a :class:`SurveyError` with this one problem, without the engine's own traceback."""
    raise SurveyError(Problem(what, where, expected, fix)) from None


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """'Did you mean "x"?' for near misses, with the names there are otherwise.

    >>> did_you_mean("Score", ["score", "country"])
    'Did you mean "score"?'
    """
    folded = {k.strip().casefold(): k for k in reversed(known)}
    near = get_close_matches(name.strip().casefold(), folded, n=2, cutoff=0.6)
    if near:
        return f"Did you mean {' or '.join(quoted(folded[n]) for n in near)}?"
    if not known:
        return "There are none."
    shown = ", ".join(quoted(k) for k in known[:12])
    return f"There {'is' if len(known) == 1 else 'are'}: {shown}{', …' if len(known) > 12 else ''}."


def quoted(value: object, longest: int = 60) -> str:
    """A value as the user would recognise it: in quotes, control characters visible, not too long.

    >>> quoted("a\\nb")
    '"a\\\\nb"'
    """
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))
    return f'"{text}"' if len(text) <= longest else f'"{text[:longest]}…"'
