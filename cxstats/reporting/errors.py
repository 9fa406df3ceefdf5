"""What reporting says when it cannot go on, in the user's words."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["Busy", "RenderError", "UsageError", "did_you_mean"]


class UsageError(Exception):
    """What was asked for cannot be run. Carries every problem found, not the first alone.

    >>> str(UsageError(["no report is called 'npss'", "level is 95"]))
    "no report is called 'npss'\\nlevel is 95"
    """

    def __init__(self, problems: Iterable[str] | str) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class RenderError(Exception):
    """One report could not be rendered.

    Attributes
    ----------
    step : where it stopped ("execute", "convert", "scan", "publish", ...).
    cause : one paragraph in the user's words, without a traceback.
    detail : what a maintainer wants to read beside it; never shown to readers.
    """

    def __init__(self, step: str, cause: str, detail: str = "") -> None:
        self.step, self.cause, self.detail = step, cause, detail
        super().__init__(cause)


class Busy(Exception):
    """Another run holds this report."""


def did_you_mean(word: str, options: Iterable[str], *, list_all: bool = True) -> str:
    """A hint for a name that does not exist; empty where there is nothing to say.

    >>> did_you_mean("levle", ["level", "margin"])
    ' Did you mean level?'
    >>> did_you_mean("zzz", ["level", "margin"])
    ' There are: level, margin.'
    """
    options = sorted(options)
    near = get_close_matches(word, options, n=1, cutoff=0.6) or [
        option for option in options if len(word) > 2 and (word in option or option in word)
    ]
    if near:
        return f" Did you mean {near[0]}?"
    return f" There are: {', '.join(options)}." if options and list_all else ""
