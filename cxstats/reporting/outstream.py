"""What a notebook prints, bounded where it is printed: in its own process.

A cell that prints in an endless loop would otherwise fill that process, the one that reads it, and the page.
"""

from __future__ import annotations

from ipykernel.iostream import OutStream

__all__ = ["LONGEST", "Bounded"]

LONGEST = 1_000_000  # characters that one cell may print, on standard output and on standard error


class Bounded(OutStream):
    """A kernel's standard output that stops passing on what one cell prints once it is too much."""

    _cell = ""
    _printed = 0

    def write(self, string: str) -> int | None:
        """Print ``string``, or what there is room for of it; says once that there is no more."""
        if not isinstance(string, str):
            return super().write(string)  # which refuses it
        cell = self.parent_header.get("msg_id", "")
        if cell != self._cell:
            self._cell, self._printed = cell, 0
        room = LONGEST - self._printed
        self._printed += len(string)
        if len(string) <= room:
            return super().write(string)
        if room >= 0:
            note = f"\n[The cell printed more than {LONGEST:,} characters: the rest is left out.]\n"
            self._printed = LONGEST + 1
            super().write(string[:room] + note)
        return len(string)
