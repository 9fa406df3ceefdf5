"""cxstats: can the customer-experience numbers you steer by be trusted?

``import cxstats as cx`` gives every public name, flat. Heavy libraries load when a name that
needs them is first used, so the import itself is quick.
"""

from __future__ import annotations

from cxstats._rooms import on_demand

__version__ = "0.1.0"

# public name -> the room it lives in
_ROOMS = {
    "metrics": [
        "NPS",
        "SENTIMENT",
        "Metric",
        "Scale",
        "ces",
        "csat",
        "event_rate",
        "mean_score",
        "net_score",
        "stars",
        "top_box",
    ],
    "findings": ["Finding", "MainPoint", "Verdict", "judge"],
    "parameters": ["Count", "Level", "Margin", "Power", "Seed", "Share"],
    "survey": ["Survey", "SurveyError", "open_survey"],
    "cells": ["suppress"],
    "methods.intervals": ["Estimate", "estimate"],
    "methods.comparisons": ["Comparison", "compare", "compare_paired"],
    "methods.skewed": ["SkewedEstimate", "skewed_difference", "skewed_mean"],
    "methods.before_after": ["DifferenceInDifferences", "difference_in_differences"],
    "methods.waves": ["wave_sequence"],
    "methods.simultaneous": ["SimultaneousComparisons", "compare_groups", "compare_with_rest"],
    "methods.coverage": ["Coverage", "CoverageCard", "coverage", "coverage_card"],
    "methods.resampling": ["bootstrap"],
    "methods.sequential": [
        "ConfidenceSequence",
        "confidence_sequence",
        "confidence_sequence_of_difference",
        "false_alarm_rate",
    ],
    "methods.ranks": ["RankSets", "rank_groups", "rank_sets"],
    "methods.planning": [
        "SampleSize",
        "attainable",
        "bias_floor",
        "detectable_difference",
        "label_probabilities",
        "n_for_benchmark",
        "n_for_difference",
        "n_for_equivalence",
        "n_for_margin",
        "power_for_benchmark",
        "power_for_difference",
        "power_for_equivalence",
        "relative_efficiency",
        "scale_check",
    ],
    "methods.calibration": ["Calibration", "calibrate", "margins_of", "weighted_estimate"],
    "methods.doubly_robust": ["DoublyRobust", "doubly_robust"],
    "methods.representativity": ["Representativity", "representativity"],
    "methods.regions": ["Region", "imbens_manski"],
    "methods.bounds": [
        "Bounds",
        "PatternMixture",
        "Tipping",
        "monotone_bounds",
        "pattern_mixture",
        "tipping",
        "worst_case",
    ],
    "methods.nonignorable": ["NetScoreBias", "net_score_bias"],
    "methods.smub": ["mubp", "smab", "smub", "smub_posterior"],
    "methods.robustness": ["robustness_value"],
    "methods.early_late": ["EarlyLate", "early_late"],
    "methods.selection": [
        "Heckman",
        "InstrumentContrast",
        "SelectionModel",
        "heckman",
        "instrument_contrast",
        "selection_model",
    ],
    "methods.follow_up": ["FollowUpEstimate", "hansen_hurwitz", "instrument_power", "n_for_instrument"],
    "methods.discrimination": ["Discrimination", "discrimination"],
    "studies.extreme_response_bias": ["ExtremeResponseBiasStudy", "extreme_response_bias"],
    "methods.ordinal": ["LocationScale", "location_scale"],
    "methods.scale_use": [
        "GapSplit",
        "ScaleUse",
        "StyleRange",
        "leniency_effect",
        "naive_correction",
        "scale_use",
        "split_gap",
        "split_gaps",
        "style_range",
    ],
    "methods.equating": ["BehaviourEquating", "equate_on_behaviour"],
    "studies.predictive_validity": ["PredictiveValidityStudy", "predictive_validity"],
    "studies.sample_size": ["SampleSizeStudy", "sample_size"],
    "studies.score_overview": ["ScoreOverviewStudy", "score_overview"],
    "start": ["FirstLook", "Headlines", "first_look", "headlines"],
    "studies.what_is_missing": ["WhatIsMissing", "what_is_missing"],
    "studies.response_rate_bias": ["ResponseRateBiasStudy", "response_rate_bias"],
}
__all__ = sorted(["__version__", *(name for names in _ROOMS.values() for name in names)])

__getattr__ = on_demand(__name__, _ROOMS)


def __dir__() -> list[str]:
    return __all__
