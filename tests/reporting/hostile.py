"""A small report in which every text that could come from a survey is a payload, and its harmless twin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output

from cxstats.display.parts import (
    Answer,
    Fact,
    Figure,
    Header,
    LedgerTable,
    Limits,
    MainPoints,
    Method,
    NeedToKnow,
    Note,
    Table,
)
from cxstats.findings import Finding, MainPoint, Verdict

from .payloads import PAYLOADS

# as long as the payloads: what is left out for want of room is the same
HARMLESS = tuple((f"h{i}" + "a" * len(text))[: len(text)] for i, text in enumerate(PAYLOADS))
N_DRAWN = 60  # names in the picture: drawing text takes time


class _Ledger:
    rows_read = 100

    class _Line:
        def __init__(self, label: str, kind: str) -> None:
            self.label, self.n, self.kind, self.of = label, 10, kind, 100

    def __init__(self, texts: Sequence[str]) -> None:
        self.lines = [self._Line(text, "set aside") for text in texts]


def _drawing(texts: Sequence[str]) -> Callable[[Any], Any]:
    def draw(canvas: Any) -> Any:
        figure = canvas.figure(14 * len(texts) + 20)
        for i, text in enumerate(texts):
            figure.text(0.01, 1 - (i + 1) / (len(texts) + 2), text[:60], fontsize=9)
        return figure

    return draw


def report(texts: Sequence[str] = PAYLOADS) -> nbformat.NotebookNode:
    """An executed notebook that says ``texts`` wherever a survey's own words can come to stand."""
    joined = " ¦ ".join(texts)
    five = [texts[i::5] for i in range(5)]
    parts = [
        Header(joined, joined, joined, joined, joined, (Fact(joined, joined, joined),), joined, True, joined),
        Answer(
            Finding(
                joined,
                Verdict.INCONCLUSIVE,
                joined,
                joined,
                5,
                joined,
                1.0,
                -3.0,
                8.0,
                effect=joined,
                needed=joined,
            ),
            joined,
            joined,
        ),
        MainPoints(tuple(MainPoint(*(" ¦ ".join(some),) * 4, "hostile") for some in five)),
        NeedToKnow(tuple((text, text) for text in texts)),
        Figure(
            "hostile",
            joined,
            joined,
            joined,
            _drawing(texts[:N_DRAWN]),
            Table(
                joined,
                ("Group", joined, "n"),
                tuple((text, text, 10 + i) for i, text in enumerate(texts)),
                joined,
            ),
            joined,
            key_marks=(("observed", joined),),
        ),
        Table("Names", ("Group", "Label"), tuple((text, text) for text in texts)),
        Note(joined),
        Limits(tuple((text, text) for text in texts)),
        Method(tuple(texts), {text[:40] or "x": text for text in texts}),
        LedgerTable(_Ledger(texts), caption=joined),
    ]
    cells = [
        new_code_cell(f"part_{i}", outputs=[new_output("display_data", data=part._repr_mimebundle_())])
        for i, part in enumerate(parts)
    ]
    outputs = [
        new_output("stream", name="stdout", text=joined),
        new_output("execute_result", data={"text/plain": joined}),
        new_output("display_data", data={"text/latex": joined}),
        new_output("display_data", data={"text/plain": joined, "application/javascript": joined}),
    ]
    cells.append(new_code_cell("# " + joined.replace("\n", " ").replace("\r", " "), outputs=outputs))
    for i, cell in enumerate(cells):
        cell["id"] = f"cell-{i}"
    return new_notebook(cells=cells, metadata={"title": joined})


def cards(texts: Sequence[str] = PAYLOADS) -> list[dict[str, Any]]:
    """Cards of the index that say ``texts`` wherever they can."""
    joined = " ¦ ".join(texts)
    keys = (
        "survey", "title", "survey_title", "population", "study", "measure", "verdict_words", "headline", "answer",
        "effect", "unit", "period_text", "n_text", "data_as_of_text",
    )  # fmt: skip
    card: dict[str, Any] = dict.fromkeys(keys, joined)
    periods = [{"period": text, "value": 1.0, "low": 0.0, "high": 2.0} for text in (texts[0], texts[-1])]
    return [
        card
        | {
            "report": "r",
            "verdict": "material",
            "simulated": True,
            "href": "s/r/index.html",
            "history": periods,
            "margin": 5,
            "value": 1.0,
            "low": 0.0,
            "high": 2.0,
            "published": "2025-04-02",
            "failed": {"date": "2025-04-03", "cause": joined},
        }
    ]
