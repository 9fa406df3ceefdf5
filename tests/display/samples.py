"""Figures with invented numbers, as studies would make them: what the tests and the eye look at."""

from __future__ import annotations

import math
from datetime import date

from cxstats.display.parts import Figure, Table
from cxstats.display.plots import (
    Band,
    Heading,
    Line,
    Mark,
    Ranked,
    Row,
    Series,
    Spot,
    Wave,
    band_strip,
    curves,
    interval_rows,
    ranks,
    row,
    trend,
)
from cxstats.words import count, interval, percent, signed

SOURCE = (
    "8,497 answers of 40,000 invited. Source: Contoso relationship survey, January–March 2025. "
    "**Simulated data.**"
)


def _observed(value: float, low: float, high: float, label: str = "", role: str = "observed") -> Line:
    return Line(
        (Mark(role, value, low, high),), label, (signed(value, 1), interval(low, high, digits=1, sign=True))
    )


def ladder(canvas):
    rows = [
        Row("Score as published", (_observed(37.3, 35.7, 38.9),), "8,497 answers, unweighted"),
        Row(
            "Weighted to all customers",
            (
                _observed(26.2, 25.0, 27.4, "raking", "adjusted"),
                _observed(26.1, 24.8, 27.3, "propensity", "adjusted"),
                _observed(26.2, 24.8, 27.5, "doubly robust", "adjusted"),
            ),
            "assumes that people in the same groups answer alike",
        ),
        Row(
            "If satisfaction itself decides who answers",
            (
                Line(
                    (Mark("range", low=12.4, high=27.4, box=(14.9, 26.2)),),
                    values=("+14.9 to +26.2", "+12.4 to +27.4"),
                    stacked=True,
                ),
            ),
            "from not at all to entirely",
        ),
        Row(
            "Worst case",
            (Line((Mark("worst", low=-70.8, high=86.7),), values=("−70.8 to +86.7",), stacked=True),),
            "every silent customer a detractor, or a promoter",
        ),
    ]
    return interval_rows(
        canvas,
        rows,
        axis_label="NPS, points",
        columns=("NPS", "95\u00a0% interval"),
        band=(32.3, 42.3),
        band_label="within 5 points of\nthe published score",
        tick_text=signed,
    )


def response(canvas):
    groups = {
        "Support tickets, 90 days before": [
            ("No ticket", 22.9, 6411, 28023),
            ("One ticket", 18.7, 1490, 7988),
            ("Two or more", 14.9, 596, 3989),
        ],
        "Country": [
            ("Deutschland <script>alert(1)</script>", 21.7, 2949, 13583),
            ("United Kingdom", 20.8, 1796, 8635),
            ("日本", 20.3, 997, 4907),
            ("Territories, dependencies and overseas departments of several countries", 21.9, 1038, 4748),
            ("$5 to $10", 21.1, 120, 560),
        ],
    }
    rows: list[Row | Heading] = []
    for heading, members in groups.items():
        rows.append(Heading(heading))
        for label, rate, n, invited in members:
            half = 1.96 * math.sqrt(rate * (100 - rate) / invited)
            rows.append(
                row(
                    label,
                    rate,
                    rate - half,
                    rate + half,
                    values=(percent(rate, 1), f"{count(n)} / {count(invited)}"),
                )
            )
    return interval_rows(
        canvas,
        rows,
        axis_label="Response rate",
        columns=("rate", "answers / invited"),
        reference=21.2,
        reference_label="all customers 21.2\u00a0%",
        tick_text=percent,
    )


def two_stages(canvas):
    data = [
        ("Uses the app weekly", 0.145, 0.0, "45", "38"),
        ("Uses the app rarely", -0.125, 0.0, "22", "28"),
        ("Small business", -0.016, 0.0, "17", "18"),
        ("Japan", -0.016, 0.002, "12", "12"),
    ]
    rows = [
        Row(
            label,
            (
                Line(
                    (
                        Mark("observed", raw, raw - 0.018, raw + 0.018, hollow=True),
                        Mark("adjusted", fit, fit - 0.02, fit + 0.02),
                    ),
                    values=(f"{answers}\u00a0%", f"{everyone}\u00a0%"),
                ),
            ),
        )
        for label, raw, fit, answers, everyone in data
    ]
    return interval_rows(
        canvas,
        rows,
        axis_label="← fewer among answers\u00a0\u00a0\u00a0\u00a0\u00a0more →",
        columns=("answers", "all"),
        band=(-0.1, 0.1),
        band_label="within 0.1: usually harmless",
        reference=0,
        ticks=(-0.1, 0, 0.1),
        tick_text=lambda v: signed(v, 1) if v else "0",
        connect=True,
    )


def coverage(canvas):
    data = [
        ("Score", "used in this report", 94.8, (94.05, 96.65), True, "+45.2 to +81.2"),
        ("Adjusted Wald", "", 95.7, (94.5, 96.3), True, "+44.6 to +81.0"),
        ("Dirichlet posterior", "", 94.7, (94.2, 96.0), True, "+45.0 to +80.5"),
        ("Bootstrap percentile", "", 92.9, (91.6, 96.1), False, "+50.0 to +85.0"),
        ("Wald (textbook)", "", 93.3, (91.55, 94.8), False, "+50.0 to +85.0"),
    ]
    rows = [
        Row(
            label,
            (Line((Mark("keeps" if ok else "falls_short", at, box=span),), values=(percent(at, 1), text)),),
            sub,
            strong=bool(sub),
        )
        for label, sub, at, span, ok, text in data
    ]
    return interval_rows(
        canvas,
        rows,
        axis_label="Intervals that contain the true score, of 100 surveys like this one",
        columns=("contains\nthe truth", "this survey’s\n95\u00a0% interval"),
        reference=95,
        reference_label="promised: 95\u00a0%",
    )


def growth(canvas):
    ns = [50 * 1.25**k for k in range(30)]
    return curves(
        canvas,
        (
            Series("NPS", ns, [1.96 * 76 / math.sqrt(n) for n in ns]),
            Series("mean of the same answers", ns, [1.96 * 55 / math.sqrt(n) for n in ns], role="adjusted"),
            Series(
                "if answering is related to satisfaction",
                ns,
                [math.hypot(1.96 * 76 / math.sqrt(n), 4) for n in ns],
                role="plain",
            ),
        ),
        x_label="Answers",
        y_label="Half width of the 95\u00a0% interval, points",
        x_log=True,
        x_text=count,
        spots=(Spot(1212, 1.96 * 76 / math.sqrt(1212), "this survey: 1,212 answers, ±4.3"),),
        y_reference=5,
        y_reference_label="margin: 5 points",
    )


def waves(canvas):
    data = [("Q4 2023", 24.1), ("Q1 2024", 26.3), ("Q2 2024", None), ("Q3 2024", 25.2), ("Q4 2024", 27.9)]
    return trend(
        canvas,
        [
            Wave(
                label,
                value,
                value and value - 2.4,
                value and value + 2.4,
                signed(value, 1) if value else "",
                "2,100 answers" if value else "",
                date(2024, 1 + 2 * i, 1),
                date(2024, 2 + 2 * i, 28 if i else 29),
            )
            for i, (label, value) in enumerate(data)
        ],
        axis_label="NPS, points",
        band=(20.2, 30.2),
        band_label="within 5 points of the wave before",
        tick_text=signed,
    )


def league(canvas):
    return ranks(
        canvas,
        [
            Ranked("Brazil", 1, 1, 2, ("+58.3",)),
            Ranked("United States", 2, 1, 2, ("+51.4",)),
            Ranked("United Kingdom", 3, 3, 4, ("+40.2",)),
            Ranked("Germany", 4, 3, 4, ("+37.0",)),
            Ranked("日本", 5, 5, 5, ("+9.4",)),
        ],
        columns=("place", "NPS"),
        axis_label="Place among five, 1 is highest",
    )


def labels(canvas):
    return band_strip(
        canvas,
        (
            Band("needs work", "below 0", 0.004),
            Band("good", "0 to +30", 0.31),
            Band("great", "+30 to +70", 0.68),
            Band("excellent", "from +70", 0.006),
        ),
    )


DRAWINGS = {
    "ladder": ladder,
    "response": response,
    "two-stages": two_stages,
    "coverage": coverage,
    "growth": growth,
    "waves": waves,
    "league": league,
    "labels": labels,
}

TABLE = Table(
    "NPS under four assumptions",
    ("Assumption", "NPS", "95\u00a0% interval", "Note"),
    (
        ("Score as published", "+37.3", "+35.7 to +38.9", "8,497 answers"),
        ("<script>alert(1)</script>", "+26.2", "+25.0 to +27.4", ""),
        ("日本", "–", "", "too few answers"),
    ),
    notes="**–** fewer than 10 answers.",
)

_TEXTS = {
    "ladder": (
        "Among all customers the score is about +26 at most, not the published +37",
        "Net promoter score (NPS) under four assumptions, from the mildest at the top to none at all",
        (
            ("observed", "as answered, with 95\u00a0% interval"),
            ("adjusted", "after weighting, with 95\u00a0% interval"),
            ("range", "range over the assumption; thin ends add sampling"),
            ("band", "too small to matter"),
            ("worst", "runs past the chart"),
        ),
    ),
    "response": (
        "Customers with support tickets answer least",
        "Share of invited customers who answered, by what was known about them before the invitation",
        (("observed", "response rate, with 95\u00a0% interval"),),
    ),
    "two-stages": (
        "Weighting repairs the mix, and three quarters of the gap in renewals",
        "Difference between those who answered and all invited customers, in standard deviations",
        (
            ("observed_hollow", "as answered, with 95\u00a0% interval"),
            ("adjusted", "after weighting, with 95\u00a0% interval"),
            ("band", "within 0.1"),
        ),
    ),
    "coverage": (
        "With 40 answers, the textbook interval breaks its promise; the score interval keeps it",
        "How often a “95\u00a0%” interval contains the true NPS at 40 answers and these shares",
        (
            ("keeps", "keeps its promise"),
            ("falls_short", "falls short"),
            ("spread", "lowest to highest for customers much like these"),
        ),
    ),
    "growth": (
        "Past 3,000 answers, more of them hardly narrow the interval",
        "Half width of the interval by number of answers",
        (("line", "NPS"), ("line_adjusted", "mean"), ("line_plain", "with bias")),
    ),
    "waves": (
        "NPS held steady over five quarters",
        "NPS per quarter with 95\u00a0% interval",
        (("observed", "NPS, with 95\u00a0% interval"), ("band", "too small to matter")),
    ),
    "league": (
        "Only Japan’s place is certain",
        "Places that each country may hold, at 95\u00a0% for all together",
        (("rank", "places it may hold"),),
    ),
    "labels": (
        "“Great” is about twice as likely as “good”",
        "Probability of each label, given these answers",
        (),
    ),
}


def figure(key: str) -> Figure:
    """One of the sample figures as a page part."""
    headline, subtitle, marks = _TEXTS[key]
    return Figure(
        key=key,
        headline=headline,
        subtitle=subtitle,
        alt=f"{headline}. <b>Invented</b> numbers.",
        draw=DRAWINGS[key],
        table=TABLE,
        source=SOURCE,
        key_marks=marks,
    )
