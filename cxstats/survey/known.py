"""Is a fact known of everyone, or only of those who answered? The second gives the answer away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Kind", "Known", "known"]

Kind = Literal["everyone", "partly", "respondents"]

_FEW = 0.1
_DIFFERENT = 0.1
_EXPECTED = 10


@dataclass(frozen=True, slots=True)
class Known:
    """How far a fact is known, by whether people answered. True where it is known for respondents only.

    Attributes
    ----------
    name : the group or behaviour.
    missing_respondents, missing_others : share of those who answered, and of those who did not, for whom it
        is not known, in [0, 1]; NaN where there are none.
    apart : share of those who did not answer, in [0, 1], that stand in large categories in which nobody
        answered ("unknown", say), blanks among them.
    n_respondents, n_others : number of those who answered, and who did not.
    """

    name: str
    missing_respondents: float
    missing_others: float
    apart: float
    n_respondents: int
    n_others: int

    @property
    def kind(self) -> Kind:
        """Known for "everyone" (or nobody) alike; "partly": more often for one side; for "respondents" only.

        "respondents": known for less than a tenth as many of those who did not answer, or nine tenths of them
        in categories of their own. "partly": the shares missing differ by 10 percentage points or more.
        """
        if not self.n_respondents or not self.n_others:
            return "everyone"
        answered, others = 1 - self.missing_respondents, 1 - self.missing_others
        if answered > 0 and (others < _FEW * answered or self.apart >= 1 - _FEW):
            return "respondents"
        return "partly" if abs(answered - others) >= _DIFFERENT else "everyone"

    def __bool__(self) -> bool:
        return self.kind == "respondents"


def known(name: str, cells: pd.DataFrame) -> Known:
    """How far ``cells[name]`` is known; ``cells`` have the columns ``name``, "responded" and "n".

    >>> import pandas as pd
    >>> cells = pd.DataFrame({"seg": ["a", None, "a"], "responded": [True, False, False], "n": [30, 95, 5]})
    >>> found = known("seg", cells)
    >>> found.missing_others, found.kind, bool(found)
    (0.95, 'respondents', True)
    """
    import pandas as pd

    responded = cells["responded"].to_numpy(dtype=bool, na_value=False)
    n, missing = cells["n"].to_numpy(float), cells[name].isna().to_numpy()
    answered, others = float(n[responded].sum()), float(n[~responded].sum())
    codes, _ = pd.factorize(cells[name], use_na_sentinel=False)
    size = np.bincount(codes, n)
    none = np.bincount(codes, n * responded) == 0
    expected = size * answered / max(answered + others, 1.0)
    apart = float(size[none & (expected >= _EXPECTED)].sum())

    def share(part: float, whole: float) -> float:
        return part / whole if whole else float("nan")

    return Known(
        name,
        share(float(n[responded & missing].sum()), answered),
        share(float(n[~responded & missing].sum()), others),
        share(apart, others),
        round(answered),
        round(others),
    )
