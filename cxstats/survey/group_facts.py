"""Facts about the groups themselves (a country's individualism), from a small table beside the survey."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .engine import spellings
from .errors import Problem, did_you_mean, quoted
from .model import Description
from .small_files import At, SmallFiles

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["match_facts", "read_facts"]

_SHOWN = 5


def read_facts(files: SmallFiles) -> pd.DataFrame | None:
    """The table of facts by code, one row each: the key's column, and each fact as a number."""
    import pandas as pd

    entry = files.d.group_facts
    assert entry is not None
    assert entry.key is not None
    named: dict[At, str] = {("group_facts", "key"): entry.key}
    named |= {("group_facts", "columns", name): fact for name, fact in entry.columns.items()}
    raw = files.read("group_facts", entry, named)
    if raw is None:
        return None
    known = raw[raw[entry.key].notna()].reset_index(drop=True)
    if len(known) < len(raw):
        files.notes.append(
            f"group_facts: {len(raw) - len(known):,} rows have no {entry.key} and are not used"
        )
    out = pd.DataFrame({"code": known[entry.key]})
    for name, column in entry.columns.items():
        path: At = ("group_facts", "columns", name)
        out[name] = files.numbers(path, known[column], known["_row"], entry, "group_facts")
    out = out.drop_duplicates()
    twice = out[out["code"].duplicated()]
    if len(twice):
        code = twice["code"].iloc[0]
        files.add(
            ("group_facts", "key"),
            f"{len(twice):,} rows repeat a {entry.key} with other facts (first: {quoted(code, 30)})",
            expected=f"one row per {entry.key}",
        )
    return out.drop_duplicates("code").reset_index(drop=True)


def match_facts(
    d: Description, facts: pd.DataFrame, shown: Sequence[str], notes: list[str]
) -> tuple[pd.DataFrame, Problem | None]:
    """Facts of the groups as readers see them; a problem if not one group is found.

    Parameters
    ----------
    facts : as :func:`read_facts` returns them.
    shown : the groups of the survey, under their labels.

    Returns
    -------
    One row per group of ``shown``, in its order: the group, then the facts (Float64, missing where the table
    does not have the group, or has several codes that the survey merges into one group).
    """
    entry = d.group_facts
    assert entry is not None
    group = d.groups[entry.group]
    # a code is a raw value of the survey, or the label it stands for
    named = {s: label for raw, label in group.labels.items() for s in spellings([raw])}
    placed = facts.assign(group=[named.get(code, code) for code in facts["code"]])
    placed = placed[placed["group"].isin(list(shown))]
    several = placed[placed["group"].duplicated(keep=False)]
    merged = list(dict.fromkeys(several["group"]))
    single = placed[~placed["group"].isin(merged)].set_index("group")[list(entry.columns)]
    out = single.reindex(list(shown)).astype("Float64").rename_axis(entry.group).reset_index()
    out[entry.group] = out[entry.group].astype("string")
    found = set(single.index)
    lacking = [name for name in shown if name not in found and name not in merged]
    notes.append(f"group_facts: {len(found):,} of {len(shown):,} groups of {entry.group} found")
    if lacking and found:
        notes.append(f"group_facts: nothing about {_listed(lacking)}")
    if merged:
        notes.append(f"group_facts: several codes are one group here, so not used: {_listed(merged)}")
    if found or merged or not len(shown) or not len(facts):
        return out, None
    codes = facts["code"].tolist()
    hints = (did_you_mean(name, codes) for name in shown[:100])
    near = next((hint for hint in hints if hint.startswith("Did you")), "")
    return out, Problem(
        f"not one group of {entry.group} stands in column {entry.key} of the table of facts",
        d.where(("group_facts", "key")),
        expected=f"the survey's values or labels ({_listed(shown)}), where the table has {_listed(codes)}",
        fix=near or "name the column with the same codes, or translate them under labels:",
    )


def _listed(names: Sequence[str]) -> str:
    text = ", ".join(quoted(name, 30) for name in names[:_SHOWN])
    return f"{text}, …" if len(names) > _SHOWN else text
