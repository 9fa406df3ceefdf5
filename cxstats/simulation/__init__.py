"""Companies whose truth is known: Contoso, the demo company, and any other set of its dials."""

from .contoso import Company, company, demo_company
from .counts import CompanyCounts, company_counts
from .execution import executor
from .model import METRICS, Faults, Model, Outcome, Response, ScaleUse
from .prediction import AddedValue, added_value
from .truth import MetricTruth, ResponseTruth, Truth

__all__ = [
    "METRICS",
    "AddedValue",
    "Company",
    "CompanyCounts",
    "Faults",
    "MetricTruth",
    "Model",
    "Outcome",
    "Response",
    "ResponseTruth",
    "ScaleUse",
    "Truth",
    "added_value",
    "company",
    "company_counts",
    "demo_company",
    "executor",
]
