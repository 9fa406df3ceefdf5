"""SurveyMonkey, Typeform, Zendesk, Medallia Agent Connect, HubSpot, and any other export.

Sources: the exports' own columns as their makers document them (Zendesk "Satisfaction ratings"; Medallia "Feedback
exports"; HubSpot "Survey response properties"), and the headers that public files of SurveyMonkey and Typeform show.
"""

from __future__ import annotations

from .base import Aside, Header, Preset, Rows, ScoreFill, clean, distinct, one_row

__all__ = ["GENERIC", "HUBSPOT", "MEDALLIA", "SURVEYMONKEY", "TYPEFORM", "ZENDESK"]

_PLAIN = ("", "response", "open-ended response")


def monkey_header(rows: Rows) -> Header:
    """Questions in row 1, blank where a question goes on; its choices in row 2, blank below what is no question.

    >>> rows = [["Respondent ID", "How likely?", "Rate", ""], ["", "Response", "Food", "Rooms"]]
    >>> monkey_header(rows).names
    ('Respondent ID', 'How likely?', 'Rate - Food', 'Rate - Rooms')
    """
    first = [clean(cell) for cell in (rows[0] if rows else ())]
    second = [clean(cell) for cell in (rows[1] if len(rows) > 1 else ())]
    second += [""] * (len(first) - len(second))
    about = [i for i, name in enumerate(first) if name.casefold().replace(" ", "") in _ABOUT]
    if not any(second) or any(second[i] for i in about):
        return one_row(rows)  # condensed to one header row
    questions: list[str] = []
    for cell in first:
        questions.append(cell or (questions[-1] if questions else ""))
    names = []
    for question, choice in zip(questions, second, strict=True):
        alone = questions.count(question) == 1 or choice.casefold() in _PLAIN
        names.append(question if alone else f"{question} - {choice}")
    filled = sum(not cell for cell in first)
    notes = ["header_rows: 2 (questions, and choices below them)"]
    notes += [f"{filled} columns named after the question to their left and their own choice"] * bool(filled)
    return Header(2, distinct(names), notes=tuple(notes))


_ABOUT = frozenset(("respondentid", "collectorid", "startdate", "enddate", "datecreated", "datemodified"))

SURVEYMONKEY = Preset(
    name="surveymonkey",
    title="SurveyMonkey",
    marks=(
        frozenset({"respondent id", "collector id"}),
        frozenset({"respondentid", "collectorid"}),
    ),
    identifiers=frozenset(
        (
            *("respondent id", "respondentid", "ip address", "ipaddress", "email address", "emailaddress"),
            *("first name", "firstname", "last name", "lastname"),
        )
    ),
    header=monkey_header,
    asides=(Aside("response_status", ("partial",), "partial responses (response_status)"),),
)

TYPEFORM = Preset(
    name="typeform",
    title="Typeform",
    marks=(
        frozenset({"#", "network id"}),
        frozenset({"start date (utc)", "submit date (utc)"}),
    ),
    identifiers=frozenset({"#", "network id", "email", "first name", "last name", "phone number"}),
    time_zone={"Start Date (UTC)": "UTC", "Stage Date (UTC)": "UTC", "Submit Date (UTC)": "UTC"},
    asides=(Aside("Response Type", ("partial", "started"), "partial responses (Response Type)"),),
)

_GOOD_BAD = {
    **dict.fromkeys(("good", "Good", "good_with_comment", "goodwithcomment", "good_without_comment"), "1"),
    **dict.fromkeys(("bad", "Bad", "bad_with_comment", "badwithcomment", "bad_without_comment"), "0"),
}
_OFFERED = ("offered", "Offered")

ZENDESK = Preset(
    name="zendesk",
    title="Zendesk",
    marks=(
        frozenset({"requester_id", "ticket_id", "score"}),
        frozenset({"assignee_id", "ticket_id", "score"}),
        frozenset({"satisfaction score", "requester id"}),
    ),
    identifiers=frozenset({"id", "url", "requester_id", "requester id", "requester", "requester email"}),
    scores=(
        ScoreFill(
            "csat",
            ("score", "satisfaction score", "satisfaction_rating"),
            "0-1",
            _GOOD_BAD,
            _OFFERED,
            "good is 1 and bad is 0, offered is an invitation without an answer",
        ),
    ),
    never_asked=("unoffered", "Unoffered", "Not Offered"),
    invites=True,
)

MEDALLIA = Preset(
    name="medallia_agent_connect",
    title="Medallia Agent Connect",
    marks=(frozenset({"request_id", "request_sent_at", "response_received_at"}),),
    identifiers=frozenset(
        (
            *("request_id", "customer_name", "request_sent_to", "ext_interaction_id", "external_url"),
            *("employee_first_name", "employee_last_name", "employee_email"),
        )
    ),
    time_zone={"request_sent_at": "UTC", "response_received_at": "UTC"},
    times={"invited": "request_sent_at", "responded": "response_received_at"},
    scores=(ScoreFill("csat", ("star_rating",), "1-5", why="stars run from 1 to 5"),),
    invites=True,
)


def _sentiment(score: str, found: Header) -> str | None:
    return next((name for name in found.names if name.casefold() in ("sentiment", "survey sentiment")), None)


def _bands(
    low: tuple[int, int], middle: tuple[int, int], high: tuple[int, int]
) -> dict[str, tuple[int, int]]:
    return {
        "detractor": low,
        "negative": low,
        "unhappy": low,
        "difficult": low,
        "passive": middle,
        "neutral": middle,
        "promoter": high,
        "positive": high,
        "happy": high,
        "easy": high,
    }


HUBSPOT = Preset(
    name="hubspot",
    title="HubSpot",
    marks=(
        frozenset({"rating", "sentiment", "survey type"}),
        frozenset({"rating", "survey name", "survey type"}),
    ),
    identifiers=frozenset({"contact", "contact id", "contact email", "email", "first name", "last name"}),
    scores=(
        ScoreFill("csat", (), "0-2", why="HubSpot asks satisfaction as 0, 1 or 2, and counts 2 as satisfied"),
        ScoreFill("ces", (), "1-7", why="HubSpot asks effort from 1 to 7"),
    ),
    bands={
        "nps": _bands((0, 6), (7, 8), (9, 10)),
        "ces": _bands((1, 3), (4, 5), (6, 7)),
        "csat": _bands((0, 0), (1, 1), (2, 2)),
    },
    group=_sentiment,
)

GENERIC = Preset(name="generic", title="a survey tool")
