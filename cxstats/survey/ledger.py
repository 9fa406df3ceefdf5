"""The ledger: what became of every row that was read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal

from ..words import count, share

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Ledger", "LedgerLine"]

Kind = Literal["read", "set aside", "not matched", "used", "answered", "no answer", "note"]


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One line of the ledger.

    Attributes
    ----------
    label : what these rows are, in the reader's words.
    n : number of rows.
    kind : "read" opens a section; "used" is what is left of it; "set aside" and "not matched" say why rows
        were left out; "answered" and "no answer" divide the used rows by metric; a "note" repeats rows
        that other lines count.
    section : what the line belongs to: "responses", "frame", "outcomes_from", or a metric's key.
    of : number of rows its share is of: those read from its file; under a metric, those read from the
        file that lists the survey's people.
    """

    label: str
    n: int
    kind: Kind
    section: str
    of: int

    @property
    def share(self) -> float:
        """Share of the rows read, in [0, 1]; NaN of none."""
        return self.n / self.of if self.of else float("nan")


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every row read, and what became of it.

    Within a section the rows set aside, not matched and used add up to the rows read; under each
    metric, those that answered, were set aside or did not answer add up to the rows used. Both are
    checked when the ledger is made.
    """

    lines: tuple[LedgerLine, ...]

    def __post_init__(self) -> None:
        sections = {line.section: [] for line in self.lines}
        for line in self.lines:
            if line.kind not in ("read", "note"):
                sections[line.section].append(line.n)
        read = {line.section: line.n for line in self.lines if line.kind == "read"}
        for section, parts in sections.items():
            whole = read.get(section, self.rows_used)
            if sum(parts) != whole:
                raise RuntimeError(
                    f"the ledger does not add up: of {whole:,} rows in {section}, {sum(parts):,} are accounted for"
                )

    @property
    def rows_read(self) -> int:
        """Rows read from the file that lists the survey's people: the frame, else the responses."""
        read = {line.section: line.n for line in self.lines if line.kind == "read"}
        return read.get("frame", read.get("responses", 0))

    @property
    def rows_used(self) -> int:
        """Rows that remain: the invited, or those who answered where there is no record of invitations."""
        used = {line.section: line.n for line in self.lines if line.kind == "used"}
        return used.get("frame", used.get("responses", 0))

    def of(self, metric: str) -> Ledger:
        """The rows read, and of the metrics only this one: what a report on it prints."""
        metrics = {line.section for line in self.lines if line.kind == "answered"}
        return Ledger(tuple(line for line in self.lines if line.section not in metrics - {metric}))

    def __iter__(self) -> Iterator[LedgerLine]:
        return iter(self.lines)

    def section(self, name: str) -> tuple[LedgerLine, ...]:
        """The lines of one section."""
        return tuple(line for line in self.lines if line.section == name)

    def to_frame(self) -> pd.DataFrame:
        """The lines as a frame: section, label, kind, n, share_of_read."""
        import pandas as pd

        return pd.DataFrame(
            {
                "section": [line.section for line in self.lines],
                "label": [line.label for line in self.lines],
                "kind": [line.kind for line in self.lines],
                "n": [line.n for line in self.lines],
                "share_of_read": [line.share for line in self.lines],
            }
        )

    def __str__(self) -> str:
        labels = [_indented(line) for line in self.lines]
        width = max(map(len, labels), default=0)
        return "\n".join(
            f"{label:<{width}}  {count(line.n):>12}  {share(line.share, 1) if line.of else '':>10}"
            for label, line in zip(labels, self.lines, strict=True)
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row">{escape(_indented(line)).replace("  ", "&emsp;")}</th>'
            f"<td>{count(line.n)}</td><td>{share(line.share, 1) if line.of else ''}</td></tr>"
            for line in self.lines
        )
        return (
            '<table class="cx-result"><caption>What became of every row</caption>'
            '<thead><tr><th scope="col"></th><th scope="col">Rows</th><th scope="col">Share</th></tr></thead>'
            f"<tbody>{rows}</tbody></table>"
        )


def _indented(line: LedgerLine) -> str:
    return line.label if line.kind in ("read", "used") else f"  {line.label}"


def section(
    name: str, read: tuple[str, int], parts: Iterable[tuple[str, int, Kind]], used: str
) -> list[LedgerLine]:
    """Lines of a section that starts from rows read; what its parts leave over is used."""
    label, of = read
    out = [LedgerLine(text, n, kind, name, of) for text, n, kind in parts if n]
    rest = of - sum(line.n for line in out)
    return [LedgerLine(label, of, "read", name, of), *out, LedgerLine(used, rest, "used", name, of)]
