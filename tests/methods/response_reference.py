"""The made-up invitations of tests/reference/response_rows.csv, and what R says of them (response_rows.R)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

REFERENCE = Path(__file__).resolve().parents[1] / "reference"


@cache
def expected() -> dict[str, np.ndarray]:
    """Name to the values R printed, with all their digits."""
    table = pd.read_csv(REFERENCE / "response_rows_expected.csv")
    return {name: part["value"].to_numpy() for name, part in table.groupby("name")}


def rows() -> pd.DataFrame:
    """One row per invitation."""
    frame = pd.read_csv(REFERENCE / "response_rows.csv")
    return frame.astype({"responded": bool, "churned": bool, "region": "string", "plan": "string"})


def cells(*by: str, weighted: bool = False) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows counted by some columns, and the matrix M of how often customers fall in pairs of cells."""
    frame = rows()
    frame["w"] = frame["weight"] if weighted else 1.0
    frame["w2"] = frame["w"] ** 2
    grouped = frame.groupby(list(by), as_index=False)
    table = grouped.agg(n=("w", "size"), w=("w", "sum"), w2=("w2", "sum"))
    tally = np.zeros((frame["customer"].max() + 1, len(table)))
    np.add.at(tally, (frame["customer"].to_numpy(), grouped.ngroup().to_numpy()), frame["w"].to_numpy())
    matrix = tally.T @ tally
    return (table if weighted else table.drop(columns=["w", "w2"])), matrix


def risq_cells() -> pd.DataFrame:
    """The 140 cells of the RISQ test set: 35,455 persons, 19,379 of whom responded.

    Public anonymised file of Statistics Netherlands, counted by gender, age and urbanisation; carried by the R package
    RISQ 2 (github.com/BERENZ/RISQ) and described in its manual (de Heij, Schouten & Shlomo 2015).
    """
    table = pd.read_csv(REFERENCE / "risq_test_cells.csv")
    did = table.assign(responded=True, n=table["resp"])
    did_not = table.assign(responded=False, n=table["n"] - table["resp"])
    return pd.concat([did, did_not], ignore_index=True).drop(columns="resp")
