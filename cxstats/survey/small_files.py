"""Files of a few thousand rows at most (units, facts about groups), read as texts and looked at in Python."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .engine import Engine, spellings
from .errors import Problem, SurveyError, did_you_mean, quoted
from .model import Description, Source
from .readers import Reader, open_reader

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["At", "SmallFiles", "is_plain_number"]

At = tuple[str | int, ...]
"""Where in the description something is named: ("units", "bands", "low")."""

_NUMBER = re.compile(r"[+-]?([0-9]{1,15}(\.[0-9]{0,17})?|\.[0-9]{1,17})([eE][+-]?[0-9]{1,2})?")


def is_plain_number(text: str | None) -> bool:
    """Whether the text is a number as a file would hold it.

    >>> is_plain_number("-1.5"), is_plain_number("2e-05"), is_plain_number("1 200"), is_plain_number("inf")
    (True, True, False, False)
    """
    return text is not None and _NUMBER.fullmatch(text) is not None


@dataclass
class SmallFiles:
    """Reads small files; what is wrong is added to ``problems`` with the place in the description.

    Attributes
    ----------
    readers : the files opened so far, by role.
    """

    d: Description
    folder: Path
    engine: Engine
    problems: list[Problem]
    notes: list[str]
    readers: dict[str, Reader] = field(default_factory=dict)

    def add(self, path: At, what: str, expected: str = "", fix: str = "") -> None:
        """Add a problem of the entry at ``path``."""
        self.problems.append(Problem(what, self.d.where(path), expected, fix))

    def read(self, role: str, source: Source, named: Mapping[At, str]) -> pd.DataFrame | None:
        """The named columns as stripped texts, blanks and the source's codes missing, and "_row", the file's row."""
        import numpy as np
        import pandas as pd

        columns = list(dict.fromkeys(named.values()))
        try:
            reader = open_reader(role, source, self.folder, self.engine, columns)
            self.readers[role] = reader
            if self._lacks(reader, named):
                return None
            table = f"small_{len(self.readers)}"
            idents = reader.load(self.engine, table, columns, self.problems)
            has_row = "_row" in self.engine.columns(table)
            chosen = ", ".join(f"nullif(trim({idents[c]}::VARCHAR), '')" for c in columns)
            rows = self.engine.run(
                f"SELECT {'_row' if has_row else '0'}, {chosen} FROM {table}", where=reader.where
            )
        except SurveyError as error:
            self.problems += error.problems
            return None
        out = pd.DataFrame(rows, columns=["_row", *columns], dtype=object)
        out["_row"] = out["_row"] if has_row else np.arange(1, len(out) + 1)
        codes = {"nan", *spellings(source.missing)}
        for column in columns:
            out[column] = out[column].where(out[column].notna() & ~out[column].isin(codes), None)
        return out

    def _lacks(self, reader: Reader, named: Mapping[At, str]) -> bool:
        lacking = {path: column for path, column in named.items() if column not in reader.columns}
        known = [name for name in reader.columns if name.strip()]
        for path, column in lacking.items():
            what = f"there is no column {quoted(column)} in {reader.where}"
            self.add(path, what, fix=did_you_mean(column, known))
        return bool(lacking)

    def numbers(
        self, path: At, texts: pd.Series, rows: pd.Series, source: Source, role: str, *, hint: str = ""
    ) -> np.ndarray:
        """The texts as numbers, NaN where missing; texts that are none are a problem."""
        import numpy as np

        plain = [t.replace(",", ".") if t and source.decimal == "," else t for t in texts.tolist()]
        wrong = [i for i, t in enumerate(plain) if t is not None and not is_plain_number(t)]
        if wrong:
            at, n = rows.to_numpy(), len(wrong)
            first = ", ".join(f"{quoted(texts.iloc[i], 30)} in row {at[i]:,}" for i in wrong[:3])
            are = "1 value that is no number" if n == 1 else f"{n:,} values that are no numbers"
            self.add(
                path,
                f"column {texts.name} of {self.readers[role].where} has {are} ({first})",
                expected="a number in every row, or a blank",
                fix=f"declare what means not known under missing:{hint}",
            )
        return np.array([float(t) if is_plain_number(t) else math.nan for t in plain], dtype=float)
