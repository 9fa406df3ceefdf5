"""A survey in one shape: read, joined, checked, every row accounted for."""

from .check import CheckReport, check
from .description import Description, parse_description, read_description
from .errors import Problem, SurveyError
from .ledger import Ledger, LedgerLine
from .survey import Survey, open_survey

__all__ = [
    "CheckReport",
    "Description",
    "Ledger",
    "LedgerLine",
    "Problem",
    "Survey",
    "SurveyError",
    "check",
    "open_survey",
    "parse_description",
    "read_description",
]
