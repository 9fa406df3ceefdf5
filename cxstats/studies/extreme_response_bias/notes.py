"""Sentences that stand below a section's figures."""

from __future__ import annotations

from cxstats.country_names import written_alike
from cxstats.studies.extreme_response_bias.gaps import LENIENCY
from cxstats.studies.extreme_response_bias.numbers import Numbers
from cxstats.studies.extreme_response_bias.phrases import spaced
from cxstats.studies.speech import Speech, in_sentence
from cxstats.words import (
    join_words,
    number,
    plural,
    share,
    signed,
)

__all__ = ["notes"]


def notes(numbers: Numbers, section: str) -> tuple[str, ...]:
    """Sentences that stand below a section's figures."""
    return {
        "gaps": _gap_notes,
        "spread": _spread_notes,
        "style": _style_notes,
        "assumptions": _assumption_notes,
        "designs": _design_notes,
        "culture": _culture_notes,
        "facts": _fact_notes,
    }.get(section, lambda _: ())(numbers)


def _gap_notes(numbers: Numbers) -> tuple[str, ...]:
    left = [pair for pair in numbers.pairs if not pair.fitted]
    said = [f"**{pair.label} is shown as measured only.** {pair.why}" for pair in left[:3]]
    said += [
        f"**Written in several ways?** {join_words([f'“{label}”' for label in alike])} are compared as different groups. "
        "If they are one, give them one label under `labels:` of the group in survey.yml."
        for alike in written_alike([label for label, _, _ in numbers.groups])
    ]
    return tuple(said)


def _spread_notes(numbers: Numbers) -> tuple[str, ...]:
    spread = numbers.spread
    say = Speech(numbers.metric)
    said = [
        "**Do groups differ in spread at all?** The test that all spread their answers alike gives p "
        f"{_p(spread.scale_p_value)} "
        f"({plural(spread.scale_df, 'comparison')}). A difference in spread can be a habit of answering or a real "
        "difference between customers; this test cannot tell which."
    ]
    said.append(
        f"**What stretching does not explain.** {_beyond(numbers)} The model of one scale, stretched by each group, "
        "misses the counted "
        f"{numbers.metric.short} by at most {say.rough_gap(spread.beyond, 1)} ({spread.beyond_label}); the gaps in "
        "this report start "
        "from the counts and take from the model only what stretching changes."
    )
    return tuple(said)


def _p(value: float) -> str:
    return "under 0.001" if value < 0.001 else number(value, 3)


def _beyond(numbers: Numbers) -> str:
    """Whether groups cut the scale at other points, beyond stretching it, and how much that is."""
    spread = numbers.spread
    if spread.beyond_p_value is None:
        return ""
    size = spread.beyond_share
    much = (
        f"at most {share(size, 1)} of a group’s answers ({spread.beyond_share_label}) would have to be other ones, "
        "beyond chance"
        if size > 0.0005
        else "no more of a group’s answers lie elsewhere than chance puts there"
    )
    return f"Do groups cut the scale at points of their own? The test gives p {_p(spread.beyond_p_value)}; {much}."


def _style_notes(numbers: Numbers) -> tuple[str, ...]:
    return tuple(f"**Mind this.** {spaced(text)}" for text in numbers.items.warnings) if numbers.items else ()


def _assumption_notes(numbers: Numbers) -> tuple[str, ...]:
    spread = numbers.spread
    if spread is None:
        return ()
    say = Speech(numbers.metric)
    return (
        f"**What no assumption here covers.** If one group simply rates everything higher, by {LENIENCY:g} of a "
        "standard "
        f"deviation, its {numbers.metric.short} is {say.rough_gap(spread.leniency)} higher. From one question such "
        "leniency cannot be told from satisfaction"
        + (
            "; the stories that everybody rated can tell, and where there are such the verdict goes by them."
            if any(pair.anchored for pair in numbers.pairs)
            else ", so it counts as a real difference. Anchoring vignettes could tell."
        ),
    )


def _design_notes(numbers: Numbers) -> tuple[str, ...]:
    said = [
        f"**{design.name}.** {design.text} {design.caveat}".replace("  ", " ")
        for design in numbers.designs
        if design.text
    ]
    said += [f"**What to add: {in_sentence(one.name)}.** {one.add}" for one in numbers.to_add]
    return tuple(said)


def _culture_notes(numbers: Numbers) -> tuple[str, ...]:
    culture = numbers.culture
    return (
        f"**How much {culture.n} countries can show.** A correlation must be beyond "
        f"±{number(culture.smallest_clear, 2)} to be "
        f"clearly different from none. Leaving out one country at a time it runs from {signed(culture.loo_low, 2)} to "
        f"{signed(culture.loo_high, 2)}; {culture.loo_widest} matters most.",
        "**No leap to customers.** These are countries: even a perfect correlation here would not say that a "
        "customer who "
        "is more individualistic gives more extreme answers.",
        *(text for text in culture.warnings if not text.startswith("The sample is")),
    )


def _fact_notes(numbers: Numbers) -> tuple[str, ...]:
    kinds = {
        "language": "the questionnaire’s language",
        "channel": "the channel",
        "mode": "the interview mode",
    }
    known = {fact.kind for fact in numbers.facts}
    missing = [words for kind, words in kinds.items() if kind not in known and not _compares(numbers, kind)]
    if not missing:
        return ()
    return (
        f"**Not in the data:** {join_words(missing)}. "
        + (
            "If it differs between groups, its effect is"
            if len(missing) == 1
            else "Where they differ between groups, their effect is"
        )
        + " part of the gap.",
    )


def _compares(numbers: Numbers, kind: str) -> bool:
    from cxstats.studies.extreme_response_bias.mix import kind_of

    return kind_of(numbers.settings.group, numbers.group_title) == kind
