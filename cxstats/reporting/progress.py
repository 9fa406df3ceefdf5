"""What a person or a log sees while reports are made: one moving line, or one plain line a step."""

from __future__ import annotations

import datetime as dt
import sys
import time
from typing import TextIO

__all__ = ["Progress"]


class Progress:
    """Tells of steps on ``stream`` (standard error unless named).

    On a terminal the present step is a line that is rewritten; elsewhere every step is a line of its own,
    ``2025-04-02T06:00:01Z demo/sample-size-nps execute``, and cells are not told one by one.
    """

    def __init__(self, stream: TextIO | None = None, *, live: bool | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty() if live is None else live
        self._name = ""
        self._began = time.monotonic()
        self._width = 0

    def begin(self, name: str, number: int, of: int) -> None:
        """A report's turn."""
        self._name = name
        self._prefix = f"[{number}/{of}] {name}" if of > 1 else name
        self._began = time.monotonic()

    def step(self, text: str) -> None:
        """The report has come to this step."""
        if self._live:
            self._rewrite(f"{self._prefix}: {text}")
        else:
            self._line(f"{self._name} {text}")

    def cell(self, number: int, of: int) -> None:
        """A cell starts."""
        if self._live:
            done = "█" * round(20 * (number - 1) / of) if self._unicode() else ""
            bar = f" {done:░<20}" if done or self._unicode() else ""
            self._rewrite(
                f"{self._prefix}:{bar} cell {number} of {of}, {time.monotonic() - self._began:.0f} s"
            )

    def end(self, text: str) -> None:
        """The report is done with, well or not."""
        if self._live:
            self._rewrite("")
            self._put(f"{self._prefix}: {text} ({time.monotonic() - self._began:.1f} s)\n")
        else:
            self._line(f"{self._name} {text}")

    def note(self, text: str) -> None:
        """Something about the run as a whole."""
        if self._live:
            self._rewrite("")
            self._put(f"{text}\n")
        else:
            self._line(text)

    def _line(self, text: str) -> None:
        flat = " ".join(text.split())
        self._put(f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ} {flat}\n")

    def _rewrite(self, text: str) -> None:
        text = " ".join(text.split())[:110]
        self._put(f"\r{text:<{self._width}}" + ("\r" if not text else ""))
        self._width = len(text)

    def _unicode(self) -> bool:
        return (self._stream.encoding or "").lower().replace("-", "").startswith("utf")

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:  # a console that cannot print every letter must not fail the report
            self._stream.write(text.encode("ascii", "replace").decode("ascii"))
        self._stream.flush()
