"""Companies whose truth is known: Contoso, the demo company, and any other set of its dials."""

from .company import Company, company, demo_company
from .model import METRICS, Faults, Model, Outcome, Response, ScaleUse
from .truth import MetricTruth, ResponseTruth, Truth

__all__ = [
    "METRICS",
    "Company",
    "Faults",
    "MetricTruth",
    "Model",
    "Outcome",
    "Response",
    "ResponseTruth",
    "ScaleUse",
    "Truth",
    "company",
    "demo_company",
]
