"""What weighting cannot fix: the worst case, the range over φ with its checks, and the tipping curves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cxstats.methods import bounds as bounding
from cxstats.methods import nonignorable
from cxstats.metrics import Metric
from cxstats.studies.response_rate_bias.frame import ANSWERED, Frame
from cxstats.studies.response_rate_bias.numbers import Choice, Rate, Region, Settings, Tipping, Trust, Unseen
from cxstats.studies.response_rate_bias.tallies import as_customers, counts_of, mass_of
from cxstats.words import join_words, number, share

PHI = np.linspace(0, 1, 11)


def bounds(frame: Frame, metric: Metric, chosen: Settings, *, design_effect: float = 1.0) -> dict[str, Any]:
    """The worst case of the score of everyone, and of the bias with its sampling error."""
    counts, mass = as_customers(frame, metric)
    found = bounding.worst_case(counts, metric, mass, level=chosen.level, design_effect=design_effect)
    return {"worst": found.everyone.assumption, "worst_bias": (found.bias.low, found.bias.high)}


def unseen(
    frame: Frame,
    metric: Metric,
    chosen: Settings,
    weighted: Choice,
    missing: dict[str, str],
) -> dict[str, Any]:
    """The range over φ, whether it can be trusted, and the tipping curves."""
    if not metric.variance(counts_of(frame, metric)) > 0:
        missing["beyond"] = "all answers are alike, so that nothing can be learned about who answers what"
        missing["weighting"] = "All answers are alike: no weighting can move the score."
        return {}
    try:
        model = _model(frame, metric, chosen)
    except ValueError as error:
        missing["beyond"] = str(error)
        return {}
    region = region_of(model, weighted)
    seen = Unseen(
        correlation=model.proxy_correlation,
        variance_ratio=model.variance_ratio,
        deciles=tuple(
            Rate(
                _tenth(r.decile, len(model.deciles)),
                int(r.answered),
                int(r.invited),
                100 * r.response_rate,
                100 * r.low,
                100 * r.high,
            )
            for r in model.deciles.itertuples()
        ),
        phi=model.table["phi"].to_numpy(),
        bias=model.table["bias"].to_numpy(),
        bias_low=model.table["low"].to_numpy(),
        bias_high=model.table["high"].to_numpy(),
        conditions=_conditions(model, frame.titles),
    )
    return {
        "region": region,
        "unseen": seen,
        "tipping": tipping_of(frame, metric, chosen, model),
    }


def firm_model(frame: Frame, metric: Metric, chosen: Settings) -> nonignorable.NetScoreBias | None:
    """The range over φ where a firm verdict may come of it; None where it cannot, found out the short way.

    Raises
    ------
    ValueError : as ``net_score_bias``.
    """
    if not metric.variance(counts_of(frame, metric)) > 0:
        return None
    return _model(frame, metric, chosen, stop_unless_firm=chosen.margin)


def _model(
    frame: Frame, metric: Metric, chosen: Settings, *, stop_unless_firm: float | None = None
) -> nonignorable.NetScoreBias | None:
    return nonignorable.net_score_bias(
        frame.parts,
        metric,
        frame.by,
        score=metric.key,
        phi=PHI,
        level=chosen.level,
        seed=chosen.seed,
        responded=ANSWERED,
        stop_unless_firm=stop_unless_firm,
    )


def region_of(model: nonignorable.NetScoreBias, weighted: Choice) -> Region:
    """Union of the weighted estimate's interval and those of every φ: neither may be what saves a verdict."""
    bias, low, high = (model.table[name].to_numpy() for name in ("bias", "low", "high"))
    ends = [weighted.bias, *bias]
    return Region(
        first=weighted.bias if abs(weighted.bias - bias[-1]) > 1e-12 else bias[0],
        last=float(bias[-1]),
        lowest=float(min(ends)),
        highest=float(max(ends)),
        low=float(min(weighted.bias_low, low.min())),
        high=float(max(weighted.bias_high, high.max())),
    )


def _tenth(decile: int, of: int) -> str:
    if decile == 1:
        return "1 (lowest)"
    return f"{decile} (highest)" if decile == of else str(decile)


_WORDS = {
    "proxy correlation": (
        "correlation",
        "what is known of customers goes with the score (correlation 0.4 or more)",
    ),
    "variance ratio of the proxy": (
        "variance",
        "those who answered vary in it as much as the others (variance ratio 0.9 to 1.1)",
    ),
    "response by proxy decile": ("monotone", "response rises or falls with it throughout"),
    "facts against one another": (
        "facts",
        "no fact draws answers from the unhappier where the others do from the happier",
    ),
}


def _conditions(model: nonignorable.NetScoreBias, titles: dict[str, str]) -> tuple[Trust, ...]:
    made = []
    opposed = join_words([f"“{titles[name]}”" for name in model.directions.against])
    for row in model.checks.itertuples():
        key, condition = _WORDS[row.check]
        found = {
            "correlation": number(row.found, 2),
            "variance": number(row.found, 2),
            "monotone": f"largest step back {share(row.found)} of the response rate",
            "facts": f"{opposed}: {share(row.found)} of the others’ pull"
            if opposed
            else "none beyond chance",
        }[key]
        fails = {
            "correlation": "what is known of customers goes too little with the score (correlation "
            f"{number(row.found, 2)}, 0.4 needed)",
            "variance": "those who answered vary "
            + ("more" if row.found > 1 else "less")
            + f" in what is known of them than the others (variance ratio {number(row.found, 2)}): both ends, or "
            "the middle, seem to answer more",
            "monotone": "response neither rises nor falls throughout with what is known of customers",
            "facts": f"answers go with {opposed} the other way than with the rest of what is known, which can "
            "hide what satisfaction itself does",
        }[key]
        holds, blunt = bool(row.holds), not row.sharp
        if holds and blunt:
            holds = False
            fails = {
                "correlation": "there are too few answers to see how far what is known of customers goes with the score",
                "variance": "there are too few answers to see whether both ends of the scale answer more than the middle",
                "monotone": "there are too few answers to see whether response rises or falls with satisfaction throughout",
            }[key]
            found += ", too few answers to be sure"
        made.append(Trust(key, condition, found, holds, fails))
    return tuple(made)


def tipping_of(frame: Frame, metric: Metric, chosen: Settings, model: nonignorable.NetScoreBias) -> Tipping:
    """Tipping curves from where weighting leaves the silent, and how far the facts let both ends differ."""
    shares, counts = _start_shares(model), counts_of(frame, metric)
    found = bounding.tipping(counts, metric, mass_of(frame), margin=chosen.margin, shares=shares)
    odds = np.geomspace(0.5, 4, 37)
    published_ = metric.value(counts)
    value = published_ - found.bias(odds_low=odds)[0]
    low, high = (published_ - limit for limit in model.tilted(odds)[::-1])
    middle = len(metric.distinct_values) > 2
    ends = np.geomspace(0.5, 4, 37) if middle else np.empty(0)
    ends_value = published_ - found.bias(ends, ends)[0] if middle else ends
    ends_low, ends_high = (published_ - limit for limit in model.tilted(ends, ends)[::-1])
    supported = _supported(model) if middle else None
    return Tipping(
        odds=odds,
        value=value,
        low=low,
        high=high,
        at_margin=_known(found.low_end[0]),
        ends_odds=ends,
        ends_value=ends_value,
        ends_low=ends_low,
        ends_high=ends_high,
        ends_at_margin=(_known(found.both_ends[0]), _known(found.both_ends[1])),
        supported=supported,
        agrees=_agrees(found, supported, chosen.margin),
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _start_shares(model: nonignorable.NetScoreBias) -> np.ndarray:
    """Shares among the silent at φ = 0, where weighting leaves them."""
    names = [c for c in model.table.columns if c.startswith("share_")]
    shares = np.array([model.table[name].to_numpy()[0] for name in names])
    return shares / shares.sum()


def _supported(model: nonignorable.NetScoreBias) -> tuple[float, float]:
    """Odds of both ends against the middle among the silent, as far as the proxy's variance lets them differ from 1.

    Response at both ends shows as a proxy that varies more among those who answered. Were response a matter of satisfaction
    alone (φ = 1), a ratio V of the silent's proxy variance to the others' makes theirs of satisfaction
    1 + (V − 1)/ρ²; the ends of the interval of V give the ends of the multiplier.
    """
    from scipy.special import ndtr, ndtri

    shares = _start_shares(model)
    cuts = ndtri(np.clip(np.cumsum(shares)[:-1], 1e-9, 1 - 1e-9))
    rho = max(model.proxy_correlation, 0.02)
    made = []
    for ratio in (model.variance_ratio_high, model.variance_ratio_low):  # respondents over the others
        variance = max(1 + (1 / ratio - 1) / rho**2, 0.02)
        edge = ndtr(cuts / math.sqrt(variance))
        middle, before = edge[-1] - edge[0], ndtr(cuts[-1]) - ndtr(cuts[0])
        made.append(float(((1 - middle) / middle) / ((1 - before) / before)))
    return min(*made, 1.0), max(*made, 1.0)


def _agrees(found: bounding.Tipping, supported: tuple[float, float] | None, margin: float) -> bool:
    if supported is None:
        # with two values there is no middle: response at both ends shows in the range over φ itself
        return True
    return all(abs(found.bias(k, k)[0]) <= margin for k in (1.0, *supported))
