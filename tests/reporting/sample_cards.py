"""Cards as the run records give them, for the index."""

from __future__ import annotations

from typing import Any

PERIODS = (
    "October–December 2023",
    "January–March 2024",
    "April–June 2024",
    "July–September 2024",
    "October–December 2024",
    "January–March 2025",
)
WORDS = {
    "material": "A difference that matters",
    "negligible": "No difference that matters",
    "inconclusive": "Too few answers to say",
    "not_answerable": "This data cannot say",
}


def card(
    verdict: str, headline: str, values: list[float | None], half: float, more: dict[str, Any] | None = None
) -> dict[str, Any]:
    history = [
        {
            "period": p,
            "value": v,
            "low": None if v is None else v - half,
            "high": None if v is None else v + half,
        }
        for p, v in zip(PERIODS[-len(values) :] if values else (), values, strict=True)
    ]
    last = values[-1] if values else None
    return {
        "survey": "contoso-relationship",
        "report": "r",
        "title": "Report",
        "survey_title": "Contoso relationship survey",
        "population": "Retail customers, five countries",
        "simulated": True,
        "study": "Response-rate bias",
        "measure": "NPS",
        "verdict": verdict,
        "verdict_words": WORDS[verdict],
        "headline": headline,
        "answer": headline + ".",
        "effect": "points too high",
        "unit": "points",
        "margin": 5,
        "value": last,
        "low": None if last is None else last - half,
        "high": None if last is None else last + half,
        "period_text": "January–March 2025",
        "n_text": "8,497 answers",
        "data_as_of_text": "31 March 2025",
        "href": "contoso-relationship/r/index.html",
        "history": history,
        "published": "2025-04-02",
        "failed": None,
    } | (more or {})


def cards() -> list[dict[str, Any]]:
    calls = {
        "survey": "contoso-calls",
        "survey_title": "Contoso service calls",
        "population": "Callers to the helpline, Germany and United Kingdom",
        "period_text": "March 2025",
    }
    effort = {"study": "Predictive validity", "measure": "who leaves in 180 days", "unit": "", "margin": 0.02}
    return [
        card(
            "material",
            "The published +37 is 11 to 22 points too high for all customers",
            [11.0, 10.2, 10.4, 12.1, 10.8, 11.1],
            1.6,
        ),
        card(
            "inconclusive",
            "Brazil and Japan: how far from Germany cannot be told once scale use is allowed for",
            [-26.1, -30.2, -29.0, -33.1, -27.0, -27.6],
            6,
            {
                "study": "Extreme-response bias",
                "measure": "NPS by country",
                "effect": "Japan less Germany",
                "margin": None,
            },
        ),
        card(
            "material",
            "Effort (CES) adds to what behaviour tells us; NPS adds too little to matter",
            [0.029, 0.024, 0.028, 0.034, None, 0.031],
            0.008,
            {**effort, "effect": "gain in AUC from CES"},
        ),
        card(
            "negligible",
            "NPS held steady: 8,131 answers are enough to rule out a change of 5 points",
            [-0.9, 1.9, -0.4, 1.2, 0.2, 4.8],
            2.2,
            {
                "study": "Sample size",
                "effect": "change in NPS against the quarter before",
                "published": "2025-01-04",
                "failed": {"date": "2025-04-02", "cause": "The file <customers.xlsx> was missing."},
            },
        ),
        card(
            "not_answerable",
            "Who did not answer is unknown: the list of invited callers is not kept",
            [],
            1,
            {**calls, "measure": "CSAT", "effect": ""},
        ),
        card(
            "inconclusive",
            "With 12 to 35 answers a team, no two teams can be ranked <script>",
            [5.2, 5.3],
            0.3,
            {
                **calls,
                "study": "Sample size",
                "measure": "CES by team",
                "margin": None,
                "unit": "scale points",
                "effect": "CES, all teams",
            },
        ),
        failed(calls),
    ]


def failed(survey: dict[str, Any]) -> dict[str, Any]:
    """A report that was never made."""
    nothing = dict.fromkeys(
        ("verdict", "verdict_words", "headline", "answer", "study", "measure", "published"), ""
    )
    return {
        **card("inconclusive", "", [], 1, survey),
        **nothing,
        "title": "Sample size · CSAT",
        "href": None,
        "effect": "",
        "failed": {"date": "2025-04-02", "cause": "The column score was not found"},
    }
