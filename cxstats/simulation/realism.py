"""How like real surveys the demo company is: distances between distributions of answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from .contoso import Company
from .model import METRICS

__all__ = ["Comparison", "compare_with_public_data", "distance", "moved", "shares"]


def distance(first: Sequence[float], second: Sequence[float]) -> float:
    """Total variation between two distributions over the same answers, 0 (the same) to 1 (disjoint).

    The share of answers that would have to change for one to become the other.

    >>> distance([0.5, 0.5, 0.0], [0.25, 0.5, 0.25])
    0.25
    """
    one, two = (np.asarray(part, dtype=float) / np.sum(part) for part in (first, second))
    if one.shape != two.shape:
        raise ValueError(f"the distributions have {len(one)} and {len(two)} answers; they need the same ones")
    return float(np.abs(one - two).sum() / 2)


def moved(first: Sequence[float], second: Sequence[float]) -> float:
    """Wasserstein distance of two distributions on scales of any length, as a share of the scale, 0 to 1.

    Answers stand at equal steps from 0 to 1, so that a 1–7 scale can be compared with a 1–5 one.

    >>> moved([1, 0, 0], [0, 0, 0, 0, 1])
    1.0
    """
    one, two = (np.asarray(part, dtype=float) / np.sum(part) for part in (first, second))
    at = np.unique(np.concatenate([np.linspace(0, 1, len(one)), np.linspace(0, 1, len(two))]))
    gap = [abs(_at_most(one, x) - _at_most(two, x)) for x in at[:-1]]
    return float(np.diff(at) @ gap)


def _at_most(answers: np.ndarray, x: float) -> float:
    return float(answers[np.linspace(0, 1, len(answers)) <= x + 1e-12].sum())


def shares(company: Company, metric: str) -> np.ndarray:
    """Share of each answer among the answers of a company's export, shape (K,)."""
    scores = pd.to_numeric(company.rows[_COLUMN[metric]], errors="coerce")
    genuine = company.rows["account"] == "Customer"
    scale = METRICS[metric].scale
    valid = scores[genuine & scores.between(scale.low, scale.high)]
    counts = METRICS[metric].counts(valid)
    return counts / counts.sum()


_COLUMN = {"nps": "ltr", "csat": "sat", "ces": "ease"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One distribution of the demo beside a real one.

    Attributes
    ----------
    title : what is compared.
    answers : names of the answers; () where the scales differ.
    demo, real : shares.
    measure : "share that would have to change" (total variation) or "share of the scale moved" (Wasserstein).
    value : the distance, 0 to 1.
    note : where the real one lies among its kind, if that is known.
    """

    title: str
    answers: tuple[str, ...]
    demo: tuple[float, ...]
    real: tuple[float, ...]
    measure: str
    value: float
    note: str = ""


def compare_with_public_data(company: Company, folder: Path) -> list[Comparison]:
    """The demo beside San Francisco airport's passengers of 2017 and the US hospitals' HCAHPS of 2017.

    Parameters
    ----------
    folder : holds ``sfo_airport_2014_2017/sfo_2017.csv.gz`` and ``hcahps_2017/hcahps_2017.csv.gz``.
    """
    airport = pd.read_csv(folder / "sfo_airport_2014_2017" / "sfo_2017.csv.gz", dtype="str")
    nps, csat, ces = (shares(company, key) for key in METRICS)
    recommend = _counted(airport["NETPRO"], range(11))
    satisfied = _counted(airport["Q7ALL"], range(1, 6))
    return [
        _same_answers("Recommendation, 0–10: SFO 2017, NETPRO", range(11), nps, recommend),
        _same_answers("Satisfaction, 1–5: SFO 2017, Q7ALL", range(1, 6), csat, satisfied),
        *(
            Comparison(
                f"Ease, 1–7 beside 1–5: SFO 2017, {column}",
                (),
                tuple(ces),
                tuple(real),
                "share of the scale moved",
                moved(ces, real),
            )
            for column in ("Q14FIND", "Q14PASSTHRU")
            for real in [_counted(airport[column], range(1, 6))]
        ),
        _hospitals(nps, folder),
    ]


def _counted(column: pd.Series, answers: Sequence[int]) -> np.ndarray:
    # blanks and codes off the scale (0, 6 or 11 by question, "Blank") are no answers
    counts = column.value_counts().reindex([str(answer) for answer in answers], fill_value=0).to_numpy()
    return counts / counts.sum()


def _same_answers(title: str, answers: Sequence[int], demo: np.ndarray, real: np.ndarray) -> Comparison:
    return Comparison(
        title,
        tuple(str(answer) for answer in answers),
        tuple(demo),
        tuple(real),
        "share that would have to change",
        distance(demo, real),
    )


def _hospitals(nps: np.ndarray, folder: Path) -> Comparison:
    hospitals = pd.read_csv(folder / "hcahps_2017" / "hcahps_2017.csv.gz")
    published = hospitals[~hospitals["values_filled"].astype(bool)]
    bands = published[["H_HSP_RATING_0_6", "H_HSP_RATING_7_8", "H_HSP_RATING_9_10"]].to_numpy(dtype=float)
    patients = published["Number.of.Completed.Surveys"].to_numpy(dtype=float)
    real = patients @ bands / (patients @ bands).sum()
    demo = np.array([nps[:7].sum(), nps[7:9].sum(), nps[9:].sum()])
    lower = float((bands[:, 2] < 100 * demo[2]).mean())
    return Comparison(
        "Rating 0–6, 7–8, 9–10: HCAHPS 2017, all patients",
        ("0–6", "7–8", "9–10"),
        tuple(demo),
        tuple(real),
        "share that would have to change",
        distance(demo, real),
        note=f"{lower:.1%} of {len(bands):,} hospitals have fewer 9s and 10s than the demo",
    )
