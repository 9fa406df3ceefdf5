"""Mark rows that repeat an earlier one: `python prepare.py Customer_Churn.csv` writes data/iranian_churn.csv.gz."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd


def marked(customers: pd.DataFrame) -> pd.DataFrame:
    """The rows with a number each, and whether an earlier row is the same in every column."""
    facts = customers.drop(columns="row", errors="ignore")
    facts.columns = [
        " ".join(name.split()) for name in facts.columns
    ]  # the file has double blanks in its heads
    return facts.assign(
        row=range(1, len(facts) + 1), again=facts.duplicated().map({True: "yes", False: "no"})
    )


def main(path: str) -> None:
    """Read the file as it is published, and write it with the two columns."""
    out = Path(__file__).parent / "data" / "iranian_churn.csv.gz"
    out.parent.mkdir(exist_ok=True)
    marked(pd.read_csv(path)).to_csv(out, index=False)
    print(f"wrote {out}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
