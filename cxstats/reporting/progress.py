"""What a person or a log sees while reports are made: one moving line, or one plain line a step."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import threading
import time
from typing import TextIO

__all__ = ["Progress", "Turn", "as_line"]

_WIDEST = 110


class Progress:
    """Tells of steps on ``stream`` (standard error unless named); safe to use from several threads.

    On a terminal what goes on at present is a line that is rewritten, and every report that ends leaves a line.
    Elsewhere every step is a line of its own, of names and values that a log collector can take apart,
    ``time=2025-04-02T06:00:01Z report=demo/sample-size-nps step=execute``, and cells are not told one by one.
    """

    def __init__(self, stream: TextIO | None = None, *, live: bool | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty() if live is None else live
        self._width = 0
        self._going: list[Turn] = []
        self._lock = threading.RLock()

    def begin(self, name: str, number: int, of: int) -> Turn:
        """A report's turn, of which it is told until its end."""
        turn = Turn(self, name, number, of)
        with self._lock:
            self._going.append(turn)
        return turn

    def note(self, text: str) -> None:
        """Something about the run as a whole."""
        with self._lock:
            if self._live:
                self._rewrite("")
                self._put(f"{text}\n")
                self._show()
            else:
                self._line(note=text)

    def _told(self, turn: Turn, *, log: str = "") -> None:
        with self._lock:
            if self._live:
                self._show()
            elif log:
                self._line(report=turn.name, **_step(log))

    def _ended(self, turn: Turn, text: str) -> None:
        with self._lock:
            if turn in self._going:
                self._going.remove(turn)
            if self._live:
                self._rewrite("")
                self._put(f"{turn.prefix}: {text} ({turn.seconds:.1f} s)\n")
                self._show()
            else:
                self._line(report=turn.name, **_step(text), seconds=f"{turn.seconds:.1f}")

    def _show(self) -> None:
        if len(self._going) == 1:
            (turn,) = self._going
            bar = f" {turn.bar}" if turn.bar and self._unicode() else ""
            self._rewrite(f"{turn.prefix}:{bar} {turn.text}")
        elif self._going:
            self._rewrite(" · ".join(f"{turn.name.rpartition('/')[2]}: {turn.text}" for turn in self._going))

    def _line(self, **values: str) -> None:
        self._put(f"{as_line(time=f'{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}', **values)}\n")

    def _rewrite(self, text: str) -> None:
        text = " ".join(text.split())[: self._room()]
        self._put(f"\r{text:<{self._width}}" + ("\r" if not text else ""))
        self._width = len(text)

    def _room(self) -> int:
        """A line longer than the terminal's would be two, and the second stay for good."""
        try:
            return min(_WIDEST, os.get_terminal_size(self._stream.fileno()).columns - 1) or _WIDEST
        except (OSError, ValueError, AttributeError):
            return _WIDEST

    def _unicode(self) -> bool:
        return (self._stream.encoding or "").lower().replace("-", "").startswith("utf")

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:  # a console that cannot print every letter must not fail the report
            self._stream.write(text.encode("ascii", "replace").decode("ascii"))
        self._stream.flush()


def as_line(**values: str) -> str:
    """Names and values as one line of a log; a value with spaces, quotes or an equals sign stands in quotes.

    >>> as_line(report="demo/size", step="failed", detail='no "a" file')
    'report=demo/size step=failed detail="no \\\\"a\\\\" file"'
    """
    return " ".join(f"{name}={_value(' '.join(value.split()))}" for name, value in values.items())


def _value(text: str) -> str:
    if text and not any(sign in text for sign in ' "=\\') and text.isprintable():
        return text
    return json.dumps(text, ensure_ascii=False)


def _step(text: str) -> dict[str, str]:
    """A step's first word, and what is said of it.

    >>> _step("executed 12 cells in 3.1 s"), _step("publish")
    ({'step': 'executed', 'detail': '12 cells in 3.1 s'}, {'step': 'publish'})
    """
    first, _, rest = text.strip().partition(" ")
    return {"step": first.rstrip(":,")} | ({"detail": rest.strip()} if rest.strip() else {})


class Turn:
    """One report's part of the progress.

    Attributes
    ----------
    name, prefix : how a log calls it; the same with its number in the run.
    text, bar : what it is at, and how far.
    """

    def __init__(self, progress: Progress, name: str, number: int, of: int) -> None:
        self._progress = progress
        self._began = time.monotonic()
        self.name = name
        self.prefix = f"[{number}/{of}] {name}" if of > 1 else name
        self.text = self.bar = ""

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began

    def step(self, text: str) -> None:
        """The report has come to this step."""
        self.text, self.bar = text, ""
        self._progress._told(self, log=text)

    def cell(self, number: int, of: int) -> None:
        """A cell starts."""
        self.bar = f"{'█' * round(20 * (number - 1) / of):░<20}"
        self.text = f"cell {number} of {of}, {self.seconds:.0f} s"
        self._progress._told(self)

    def end(self, text: str) -> None:
        """The report is done with, well or not."""
        self._progress._ended(self, text)
