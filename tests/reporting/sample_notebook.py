"""A notebook with every part and every kind of output that a page may meet, as nbclient leaves it."""

from __future__ import annotations

from dataclasses import dataclass

import nbformat
from display import samples
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from cxstats.display.parts import (
    PART_MIME,
    Answer,
    Fact,
    Header,
    LedgerTable,
    Limits,
    MainPoints,
    Method,
    NeedToKnow,
    Table,
)
from cxstats.findings import Finding, MainPoint, Verdict

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@dataclass(frozen=True)
class LedgerLine:
    label: str
    n: int
    kind: str
    of: int = 40212


@dataclass(frozen=True)
class Ledger:
    rows_read: int = 40212
    lines: tuple[LedgerLine, ...] = (
        LedgerLine("Read from the invitation file", 40212, "read"),
        LedgerLine("Set aside: invited twice in the period", 131, "set aside"),
        LedgerLine("staff and test accounts", 81, "set aside"),
        LedgerLine("Invited customers", 40000, "used"),
        LedgerLine("Answered “would recommend”", 8497, "answered"),
        LedgerLine("Set aside: score of 11 or blank", 214, "set aside"),
        LedgerLine("Set aside: answered before being invited", 19, "set aside"),
        LedgerLine("Did not answer", 31270, "no answer"),
    )


HEADER = Header(
    "Response-rate bias",
    "Net promoter score (NPS)",
    "Contoso relationship survey",
    "January–March 2025",
    "Retail customers in five countries",
    facts=(
        Fact("Answers", "8,497"),
        Fact("Invited", "40,000"),
        Fact("Response rate", "21.2\u00a0%", "of everyone invited"),
        Fact("Published score", "NPS +37.3", "+35.7 to +38.9"),
        Fact("Data as of", "31 March 2025"),
    ),
    data_as_of_text="31 March 2025",
    simulated=True,
    n_text="8,497 of 40,000 answered (21.2\u00a0%)",
)

FINDINGS = {
    "material": Finding(
        "How much of this score is who happened to answer?",
        Verdict.MATERIAL,
        "The published +37 is between 11 and 22 points too high for all customers. Active customers "
        "without support tickets answer more often, and they are happier.",
        "The whole range, sampling error included (9.9 to 24.9 points), lies above the 5 points set as too "
        "small to matter.",
        5,
        "points",
        low=9.9,
        high=24.9,
        assumption_low=11.1,
        assumption_high=22.4,
        effect="published score less the score of all customers",
    ),
    "negligible": Finding(
        "Did NPS change by 5 points?",
        Verdict.NEGLIGIBLE,
        "+0.8 (−1.4 to +3.0): a change of 5 points can be ruled out.",
        "The whole interval lies within 5 points of no change.",
        5,
        "points",
        0.8,
        -1.4,
        3.0,
        effect="change in NPS against October–December 2024",
    ),
    "inconclusive": Finding(
        "Did CSAT change by 2.5 %?",
        Verdict.INCONCLUSIVE,
        "Between a fall of 1.9 and a rise of 4.2 per cent: too few answers to say.",
        "The interval crosses the 2.5 % set as too small to matter.",
        2.5,
        "%",
        1.1,
        -1.9,
        4.2,
        effect="change in CSAT",
        needed="About 6,200 answers a wave would settle it.",
    ),
    "not_answerable": Finding(
        "How much of this score is who happened to answer?",
        Verdict.NOT_ANSWERABLE,
        "Who did not answer is unknown: keep one row per invitation.",
        "The file holds only those who answered.",
        5,
        "points",
        needed="One row per invitation, answered or not.",
    ),
}

POINTS = MainPoints(
    (
        MainPoint(
            "+26.2",
            "+25.0 to +27.4",
            "Weighted to all customers, NPS is +26, not +37",
            "Three methods agree to within 0.1 points.",
            "ladder",
        ),
        MainPoint(
            "+15 to +26",
            "+12.4 to +27.4",
            "If satisfaction itself decides who answers, NPS could be as low as +15",
            "The truth lies in this range if happier customers answer more.",
            "ladder",
        ),
        MainPoint(
            "14.9\u00a0%",
            "13.9 to 16.1",
            "Customers with two or more support tickets answer less: 15\u00a0% against 23\u00a0%",
            "22.9\u00a0% of those without a ticket answered (22.4 to 23.4).",
            "response",
        ),
        MainPoint(
            "73\u00a0%",
            "46 to 94",
            "Weighting removes about three quarters of the gap in renewals",
            "Renewal was kept back as a check.",
            "two-stages",
        ),
        MainPoint(
            "1,200",
            "follow-up calls",
            "Asking a random 1,200 of those who stayed silent would narrow the range",
            "To about 5 points if most answer. [Why it is needed](#limits)",
            "no-such-figure",
        ),
    )
)

KNOW = NeedToKnow(
    (
        ("Who was asked", "Every retail customer with a purchase in the past year: 40,000 people."),
        ("Who is in the score", "8,497 answers; 233 were set aside, [each with a reason](#ledger)."),
        ("What would matter", "A difference of 5 NPS points or more, set before the analysis."),
        ("What “interval” means", "Where the value plausibly lies: 95 of 100 such intervals contain it."),
    )
)

LIMITS = Limits(
    (
        (
            "Where in the range +15 to +26 the score lies.",
            "Only answers from people who stayed silent can say: a random follow-up of 1,200.",
        ),
        (
            "Anything if both ends answer most.",
            "The range assumes that response rises or falls with satisfaction throughout.",
        ),
        (
            "What people never invited think.",
            "Customers without a purchase in the past year are not covered. <img src=x onerror=alert(1)>",
        ),
    )
)

METHOD = Method(
    (
        "Raking on support tickets, app use and country; linearised standard errors. Verdict familywise at 95\u00a0%.",
    ),
    {"cxstats": "1.0.0", "Python": "3.12", "seed": 20250401, "data fingerprint": "7f3a 91c2"},
)

FRAME_HTML = """<div><style scoped>.dataframe tbody tr th {vertical-align: top;}</style>
<table border="1" class="dataframe"><thead><tr style="text-align: right;"><th></th><th>nps</th></tr></thead>
<tbody><tr><th>0</th><td onclick="alert(1)">&lt;script&gt;alert(1)&lt;/script&gt;<script>alert(2)</script></td></tr></tbody>
</table></div>"""


def shown(*parts: object) -> list:
    """Outputs as a kernel sends them for displayed parts."""
    return [new_output("display_data", data=part._repr_mimebundle_()) for part in parts]


def data(**mimes: str):
    """A display_data output of these types (``text_html`` stands for text/html)."""
    return new_output("display_data", data={name.replace("_", "/", 1): text for name, text in mimes.items()})


def notebook(verdict: str = "material", figures: tuple[str, ...] = ("ladder", "response", "two-stages")):
    """A study's notebook, executed."""
    made = {key: samples.figure(key) for key in {*figures, "ladder"}}
    cells = [
        new_markdown_cell("# How much of the score is who answered?\n\nChange a parameter and run again."),
        new_code_cell("import cxstats as cx"),
        new_code_cell(
            'level: cx.Level = 0.95  # SECRET_CODE_WORD\nsurvey = "demo"', metadata={"tags": ["parameters"]}
        ),
        new_code_cell("study.header", outputs=shown(HEADER)),
        new_code_cell(
            "study.answer",
            outputs=shown(
                Answer(
                    FINDINGS[verdict],
                    "same verdict, 10 to 20 points; the change is within chance.",
                    "Last quarter",
                )
            ),
        ),
        new_code_cell("study.points", outputs=shown(POINTS)),
        new_code_cell("study.know", outputs=shown(KNOW)),
        new_markdown_cell(
            "## How far the score moves\n\nEach step down the chart assumes less. The score leaves the shaded band at once."
        ),
        new_code_cell("study.figures['ladder']", outputs=shown(made["ladder"])),
        *(
            cell
            for key in figures
            if key != "ladder"
            for cell in (
                new_markdown_cell(
                    f"## Evidence on {key}\n\nCountry hardly matters. Tickets and app use do, and both go with satisfaction."
                ),
                new_code_cell(f"study.figures[{key!r}]", outputs=shown(made[key])),
            )
        ),
        new_code_cell("study.limits", outputs=shown(LIMITS)),
        new_code_cell("study.method", outputs=shown(METHOD)),
        new_code_cell("study.ledger", outputs=shown(LedgerTable(Ledger()))),
    ]
    return _numbered(cells)


def hostile_notebook():
    """Markdown and outputs that try to act, to fetch, or to show what readers must not see."""
    cells = [
        new_markdown_cell("# Title <script>alert(0)</script>\n\nIntroduction."),
        new_code_cell(
            "x", outputs=[data(text_html="<script>alert(1)</script><b>bold</b>", text_plain="plain <b>")]
        ),
        new_markdown_cell(
            "#### Deep heading\n\n<script>alert(2)</script> [bad](javascript:alert(3)) [good](https://example.org/x) "
            "![remote](https://example.org/pixel.png) ![near](attachment:a.png) $x<y$\n\n"
            "| group | n |\n| --- | ---: |\n| <b>a</b> | 1 |\n\n```python\nprint('<i>')\n```\n\n## Deep heading",
            attachments={"a.png": {"image/png": PNG}},
        ),
        new_code_cell(
            "frame",
            outputs=[
                data(text_html=FRAME_HTML, text_plain="frame"),
                new_output("stream", name="stderr", text="WARNING secret path /home/ann"),
                new_output("stream", name="stdout", text="\x1b[31mprinted\x1b[0m <b>"),
                new_output("error", ename="KeyError", evalue="password", traceback=["Traceback hunter2"]),
                new_output(
                    "display_data", data={"text/vnd.mermaid": "graph TD; a-->b", "text/plain": "diagram"}
                ),
                new_output(
                    "display_data", data={"application/javascript": "alert(4)", "text/plain": "script"}
                ),
                new_output(
                    "display_data", data={"image/png": PNG}, metadata={"image/png": {"alt": "A <dot>"}}
                ),
                new_output(
                    "display_data", data={"image/svg+xml": "<svg onload='alert(5)'/>", "text/plain": "s"}
                ),
                new_output("display_data", data={"text/markdown": "# Loud <script>\n\n**fine**"}),
                new_output("display_data", data={"text/latex": "$x$", "text/plain": "x"}),
            ],
        ),
        new_code_cell(
            "table", outputs=shown(Table("Caption <b>", ("Group", "n"), (("a", 1), ("<script>", 2))))
        ),
    ]
    return _numbered(cells)


def _numbered(cells: list) -> nbformat.NotebookNode:
    """The cells as a notebook with ids that do not change from run to run."""
    for i, cell in enumerate(cells):
        cell["id"] = f"cell-{i}"
    return new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})


__all__ = ["PART_MIME", "hostile_notebook", "notebook"]
