"""What stands around the evidence of the predictive-validity report: what to know first, notes, limits, method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxstats.methods.predictors import FEWEST_IN_CATEGORY
from cxstats.studies.predictive_validity import unit_sentences
from cxstats.studies.predictive_validity.numbers import Numbers
from cxstats.studies.predictive_validity.phrases import (
    event_text,
    gain_texts,
    margin_text,
    p_text,
    period,
    raced_names,
    those,
)
from cxstats.studies.speech import in_sentence
from cxstats.words import capitalised, count, interval, join_words, level_text, number, plural, share, signed

if TYPE_CHECKING:
    from cxstats.methods.association import Association
    from cxstats.survey import Survey

__all__ = ["limits", "method", "need_to_know", "section_notes", "uncut_text", "weight_notes"]


def need_to_know(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str], ...]:
    """(title, text) of what a reader needs before the evidence."""
    if numbers.units is not None:
        return unit_sentences.need_to_know(numbers, survey)
    base, chosen = numbers.base, numbers.settings
    days = f" within {plural(numbers.window_days, 'day')}" if numbers.window_days else ""
    start = (
        f" after {_names(numbers)} was recorded"
        if numbers.nothing_asked
        else f"{' of' if days else ' after'} being asked"
    )
    window = days + start
    who = f"{survey.population or 'Customers'}, {period(numbers, survey)}."
    if base.all_answered and not numbers.nothing_asked:
        who += (
            f" All {count(base.invited)} who are listed as invited answered: a list made of answers looks like that, so no "
            "response rate is given."
        )
    elif base.invited:
        who += f" {count(base.invited)} were invited."
    items = [
        ("Whom it is about" if numbers.nothing_asked else "Who was asked", who),
        (
            "What counts as the event",
            f"“{numbers.outcome_label}”, an event{window}. Of {count(base.known)} "
            f"{('invitations' if base.invited else 'answers') if numbers.of_answers else 'customers'} whose outcome is "
            f"known {share(base.rate, 1)} had it."
            + (
                f" For {count(base.unknown)} it is not known yet or not recorded; they take no part"
                + (
                    ", but in when it happens, as long as they were watched."
                    if numbers.timing is not None
                    else "."
                )
                if base.unknown
                else ""
            )
            + (
                f" Left out: {plural(base.before_answer, 'answer')} given after the event, from which "
                "it may follow, or after the window."
                if base.before_answer
                else ""
            )
            + (
                " The survey states no window: it is the longest for which everybody was watched."
                if chosen.common_window
                else ""
            )
            + (f" {_unordered(numbers, survey)}" if _unordered(numbers, survey) else ""),
        ),
        (
            "What was known without asking",
            capitalised(_listed([in_sentence(label) for label in numbers.known_labels.values()]))
            + (
                f". All of it is taken to date from before {_moment(numbers)}: the data does "
                "not show when it was recorded."
            )
            + _unused(numbers)
            if numbers.known_labels
            else "Nothing.",
        ),
    ]
    if numbers.race is not None:
        items.append(
            (
                "Who races",
                f"{raced_names(numbers)}, on "
                + (
                    f"{count(numbers.race.n)} customers of whom it is known"
                    if numbers.nothing_asked
                    else f"{count(numbers.race.n)} answers to "
                    if numbers.of_answers
                    else f"the same {count(numbers.race.n)} customers who answered "
                )
                + ("" if numbers.nothing_asked else "all of them" if len(numbers.contenders) > 1 else "it")
                + (f", of the {count(base.drawn)} rows drawn by lot." if base.drawn is not None else ".")
                + (f" {_stand_in(numbers)}" if numbers.unasked else "")
                + (" Some customers answered more than once." if numbers.repeated else "")
                + (
                    " Which of them are of the same customer is not known: the data has no customer ids."
                    if numbers.nameless
                    else ""
                )
                + "".join(f" {text}." for text in numbers.left_out_metrics.values()),
            )
        )
    called = (
        f"{share(base.called_back)} of those who answered were called back."
        if base.called_back is not None
        else "Whether unhappy customers were called back is not in the data."
    )
    aside = [
        line
        for line in survey.ledger.lines
        if line.kind == "set aside" and line.n and line.section not in survey.metrics
    ]
    if any(line.n >= line.of / 100 for line in aside):
        # of the file that each was read from: there may be several
        text = "; ".join(
            f"{line.label.removeprefix('Set aside: ')}, {count(line.n)} of {count(line.of)} rows"
            for line in aside
        )
        items.append(("What was left out", f"{capitalised(text)}."))
    items += [
        (
            "What would matter",
            f"A gain of {margin_text(chosen.margin)} in AUC, set before the analysis.",
        ),
        ("Calls after the survey", called),
        (
            "What “AUC” means",
            "The share of pairs, of one customer with the event and one without, that a rule puts in the right order. 0.5 "
            "is guessing, 1 is knowing.",
        ),
    ]
    return tuple(items)


def _names(numbers: Numbers) -> str:
    """The metrics asked for by the report, as one name."""
    return join_words(list(numbers.asked))


def _moment(numbers: Numbers) -> str:
    """The moment from which on a fact would be known too late."""
    if numbers.nothing_asked:
        return f"{_names(numbers)} was recorded"
    return f"the {'invitation' if numbers.base.invited else 'answer'}"


def _stand_in(numbers: Numbers) -> str:
    """Scores that are no answers, where readers look for what races."""
    racing = [c.metric.short for c in numbers.contenders if c.metric.key in numbers.unasked]
    if not racing:
        return ""
    many = len(racing) > 1
    return (
        f"Nobody was asked for {join_words(racing, 'or')}: {'they are' if many else 'it is'} recorded of customers, and "
        f"{'stand' if many else 'stands'} in for a score here."
    )


def _unordered(numbers: Numbers, survey: Survey) -> str:
    """What the data has no dates for: whether the answer came before the event."""
    if f"{numbers.settings.outcome}_days" not in survey.columns:
        return (
            f"That the event came after {_names(numbers) if numbers.nothing_asked else 'the answer'} is taken from "
            "survey.yml and not checked: the data has no day of the event."
        )
    if survey.description.invited is not None and "days_to_answer" not in survey.columns:
        return (
            "The event came after the invitation; that it came after the answer is not checked: the data has no day of the "
            "answer."
        )
    return ""


def _listed(labels: list[str]) -> str:
    """Names as a list, told apart by semicolons where a name has a comma of its own."""
    return "; ".join(labels) if any("," in label for label in labels) else join_words(labels)


def _unused(numbers: Numbers) -> str:
    """Facts that take no part in any rule, because there is nothing in them to learn from."""
    names = [] if numbers.race is None else [numbers.known_labels[name] for name in numbers.race.unused]
    if not names:
        return ""
    them = join_words([f"“{name}”" for name in names])
    return (
        f" {them} {'takes' if len(names) == 1 else 'take'} no part: the same for everybody, or no two of "
        f"{'its' if len(names) == 1 else 'their'} categories are shared by {FEWEST_IN_CATEGORY} customers each."
    )


def weight_notes(numbers: Numbers) -> str:
    """Whom the weighted race stands for, and who has no weight in it."""
    race = numbers.weighted
    if race is None:
        return ""
    # the margins that weights are made to meet are of all invitations, whichever wave they belong to
    pooled = " of all waves taken together" if numbers.pooled else ""
    said = f" Weights make those who answered stand for everyone invited{pooled}, group by group."
    if race.weightless:
        n = race.weightless
        what = "answer" if numbers.repeated else "customer"
        some = f"{plural(n, what)} {'has' if n == 1 else 'have'}"
        said += f" {some} weight 0 and no part in it: none could be made for their groups."
    return said


SHORT_INTERVALS = 100
"""Events below which simulated intervals held the truth in 93 to 94 of 100 (benchmarks/RESULTS.md: churn 2 %, n 3,000)."""


def section_notes(numbers: Numbers) -> dict[str, str]:
    """A sentence or two below a section's figures."""
    race = numbers.race
    if race is None:
        return {}
    notes = {"rates": _rates_note(numbers)}
    if race.simplified:
        notes["race"] = (
            f"**Few events.** There are {number(race.events_per_column, 1)} events for each column of the largest rule: "
            "straight lines stand in for curves, and a penalty keeps rules from learning by heart."
        )
        if min(race.events, race.n - race.events) < SHORT_INTERVALS and not numbers.known_hardly_tells:
            notes["race"] += (
                " With so few events intervals can be a little too short: in simulated surveys 93 of 100, not 95, "
                "held the truth."
            )
    hardly = (
        "**What is known hardly tells customers apart**: that it does so at all is not sure. Intervals of gains are too "
        "wide there, up to twice as wide as need be."
        if numbers.known_hardly_tells
        else ""
    )
    said = [text for text in (notes.get("race"), hardly, _other_way(numbers)) if text]
    if said:
        notes["race"] = " ".join(said)
    best, chosen = numbers.best, numbers.settings
    told = []
    if numbers.later is not None:
        row = numbers.later.gains.loc[best.metric.key, ["gain", "low", "high"]]
        gain, span = gain_texts(*row, edge=chosen.margin)
        told.append(
            f"**Does it last?** Trained on the earlier waves and judged on the last, {best.metric.short} adds "
            f"{gain} ({span})."
        )
    if numbers.weighted is not None and (numbers.pooled or numbers.weighted.weightless):
        told.append(f"**What the weights do.**{weight_notes(numbers)}")
    told += [numbers.missing[key] for key in ("weighted", "later") if key in numbers.missing]
    if told:
        notes["robust"] = " ".join(told)  # stands alone where nothing could be judged otherwise
    cuts = uncut_text(numbers)
    if cuts:
        notes["cuts"] = cuts
    hazard = _hazard_note(numbers)
    if hazard:
        notes["time"] = hazard
    if numbers.wanted:
        notes["decision"] = (
            f"**Whom to contact.** “{numbers.outcome_label}” is taken to be hoped for, "
            + (
                "as customers who are better pleased have it more often here, surely or not (say `kind:` in survey.yml to "
                "settle it)"
                if numbers.inferred
                else "as its kind says"
            )
            + ": a contact is for those in whom it would not happen, and chances here are of that."
            + (
                " What one more of it is worth is not in the data, so that no profit is shown: say `value_saved`."
                if numbers.inferred and numbers.settings.value_saved is None
                else ""
            )
        )
    return notes


def _waited(numbers: Numbers) -> str:
    """Whose rate is lower for no other reason than that they answered later."""
    waited, best = numbers.waited, numbers.best
    effects = best.association.effects
    names = (effects.low_name, effects.high_name)
    later, sooner = names if waited.low > waited.high else names[::-1]
    days = plural(round(waited.gap), "day")
    return (
        f"{capitalised(those(numbers, best.metric, later))} answered {days} later on average than "
        f"{those(numbers, best.metric, sooner)}, and have so many fewer of the {plural(numbers.window_days, 'day')} after "
        "their answer: for that alone their rate is lower."
    )


def _other_way(numbers: Numbers) -> str:
    """Scores of which some go with the event by low answers and others, as clearly, by high ones."""
    from cxstats.methods.limits import critical_value

    z = critical_value(numbers.settings.level)
    clear = [c for c in numbers.contenders if abs(c.association.trend_z) > z]
    ways = {way: [c.metric.short for c in clear if c.association.direction == way] for way in (-1, 1)}
    if not (ways[-1] and ways[1]):
        return ""
    return (
        f"**They point in opposite ways.** The event goes with low answers to {join_words(ways[-1])}, and with high answers "
        f"to {join_words(ways[1])}: find out why, or whether a scale was recorded the wrong way round."
    )


def _rates_note(numbers: Numbers) -> str:
    """What a step on the scale amounts to, always beside the base rate; and whether only one end matters."""
    from cxstats.methods.limits import critical_value

    best = numbers.best
    effects = best.association.effects
    said = []
    # with two answers a step on the scale is the difference between them, which stands above
    if effects.odds_ratio is not None and effects.marginal_effect is not None and best.metric.scale.size > 2:
        ratio, change = effects.odds_ratio, effects.marginal_effect
        said.append(
            f"**One more on the scale** goes with odds × {number(ratio[0], 2)} ({interval(*ratio[1:], digits=2)}) of the "
            f"event: on average {signed(change[0], 1)} percentage points ({interval(*change[1:], digits=1, sign=True)}), "
            f"where the base rate is {share(effects.base_rate, 1)}."
            + (
                " No straight line fits: this is an average over steps that differ."
                if _bent(best.association)
                else ""
            )
        )
    elif best.association.separated:
        said.append(f"**No coefficient is given**: {best.association.separated}.")
    value, low, high = effects.risk_ratio
    first, second = effects.low_name, effects.high_name
    if 0 < value < 1:  # the more frequent first
        value, low, high = 1 / value, 1 / high, 1 / low if low > 0 else float("inf")
        first, second = second, first
    if 0 < value < float("inf"):
        metric = best.metric
        said.append(
            f"{capitalised(those(numbers, metric, first))} have the event {number(value, 1)} times as often "
            f"({interval(low, high, digits=1)}) as {those(numbers, metric, second)}."
        )
    if numbers.waited is not None and numbers.waited.matters(numbers.window_days):
        said.append(_waited(numbers))
    a = best.association.asymmetry
    if a is not None:
        z = critical_value(numbers.settings.level)
        low_span, high_span = ((v - z * e, v + z * e) for v, e in (a.low, a.high))
        surely = [span[0] > 0 or span[1] < 0 for span in (low_span, high_span)]
        ends = (
            "Both ends differ from the middle"
            + (
                ", and not by the same."
                if a.symmetric_p < 1 - numbers.settings.level
                else "; that they differ by the same is not ruled out."
            )
            if all(surely)
            else "That either end differs from the middle is not shown."
            if not any(surely)
            else f"That the {'highest' if surely[0] else 'lowest'} group differs from the middle is not shown."
        )
        said.append(
            f"**Do only low scores matter?** Against those between, the lowest group's log-odds are {signed(a.low[0], 2)} "
            f"({interval(*low_span, digits=2, sign=True)}) and the highest group's {signed(a.high[0], 2)} "
            f"({interval(*high_span, digits=2, sign=True)}). {ends}"
        )
    return " ".join(said)


def uncut_text(numbers: Numbers) -> str:
    """Scores that do not tell who has the event, so that groups of their answers have nothing to forget."""
    dumb = [c for c in numbers.contenders if c.cuts_tell_nothing]
    if not dumb:
        return ""
    # each with its p-value: of the best of all ways to cut, which the choice among them is paid for
    told = join_words([f"{c.metric.short} (p {p_text(c.cuts.p_association)})" for c in dumb])
    return (
        f"It is not shown that the answers to {told} tell who {event_text(numbers)}: no way to cut "
        f"{'it' if len(dumb) == 1 else 'them'} can be judged."
    )


def _bent(found: Association) -> bool:
    """Whether a straight line in the log-odds does not fit."""
    forms = found.forms.set_index("form")["lack_of_fit_p"]
    return "line" in forms.index and bool(forms["line"] <= 0.05)


def _hazard_note(numbers: Numbers) -> str:
    """Whether one hazard ratio for all days is a fair summary."""
    timing = numbers.timing
    if timing is not None and timing.grouped is not None:
        ratio, grain = timing.grouped.ratio, timing.grouped.grain
        return (
            f"**Dates are by {grain}.** All events are dated on one day of a {grain}, so they are read as {grain}s: one "
            f"more on the scale of {timing.metric.short} goes with a hazard × {number(ratio[0], 2)} "
            f"({interval(*ratio[1:], digits=2)}) in every {grain}. An event in the {grain} of the invitation may be dated "
            "before it, and is then left out."
        )
    if timing is None or timing.alone is None:
        return ""
    row = (timing.beside or timing.alone).table.loc["score"]
    beside = "beside what was known" if timing.beside is not None else "alone"
    p = row["proportional_p"]
    unfitted = (
        " Beside what was known no ratio could be fitted: there are too few events for so many facts, or a group has none."
        if timing.beside is None
        else ""
    )
    sampled = (
        f" Fitted to {count(timing.sampled)} of these customers, drawn at random: with so many events it would take long, "
        "and tell no more."
        if timing.sampled is not None
        else ""
    )
    return (
        f"**Does the answer wear off?** {capitalised(beside)}, one more on the scale of {timing.metric.short} goes with a "
        f"hazard × {number(row['hazard_ratio'], 2)} ({interval(row['low'], row['high'], digits=2)}) on every day. "
        + (
            f"That it changes as days pass is not shown (p {p_text(p)})."
            if p > 0.05
            else f"It changes as days pass (p {p_text(p)}): this is an average over them."
        )
        + (
            " The curve by lead time can fall all the same: it is of the answer alone, among those left on each day, and "
            "this is beside what was known."
            if timing.beside is not None and len(timing.warning) > 1
            else ""
        )
        + unfitted
        + sampled
    )


def limits(numbers: Numbers, survey: Survey) -> tuple[tuple[str, str], ...]:
    """(bold lead, text) of what the report cannot tell."""
    if numbers.units is not None:
        return unit_sentences.limits(numbers, survey)
    base = numbers.base
    called = (
        f"{share(base.called_back)} of those who answered were called back. Where calls keep customers, their low answers "
        "seem harmless: the link is weaker here than it would be without calls, and those called cannot be told "
        "from the saved."
        if base.called_back is not None
        else "Whether unhappy customers were called back is not in the data. Calls that work hide the link they act on; "
        "declare them under `recovery:` in survey.yml."
    )
    said = [
        (
            "Prediction is not cause.",
            "A score that goes with the event need not be its reason: raising the score need not change what happens.",
        ),
        (
            "Not asked.",
            f"{_stand_in(numbers)} Who speaks up decides to, a survey asks everybody: what its answers would add, this does "
            "not say.",
        )
        if numbers.nothing_asked and numbers.race is not None
        else (
            "Those who answered.",
            (
                "Rules are trained and judged on customers who answered. "
                if numbers.race is not None
                else "Nothing is said of others."
            )
            + (
                "The race weighted to everyone invited stands beside it."
                if numbers.weighted is not None
                else numbers.missing.get("weighted", "")
            )
            + (
                f" Rules are trained and judged on the rows drawn by lot, {count(base.drawn)} of "
                f"{count(base.known + base.unknown)}; who was invited, who answered and how often the event happened are "
                "counted in all."
                if base.drawn is not None
                else ""
            ),
        ),
        (
            "These facts, this window, this rate.",
            "What a score adds depends on what else is known, on how long one waits"
            + (f" ({plural(numbers.window_days, 'day')} here)" if numbers.window_days else "")
            + ", and on how often the event happens"
            + (
                f" ({share(base.respondent_rate, 1)}{'' if numbers.nothing_asked else ' of those who answered'})"
                if base.respondents
                else ""
            )
            + ". Another company gets another answer.",
        ),
        ("Calls after the survey.", called),
    ]
    if _unordered(numbers, survey):
        said.append(
            (
                "Score first, event after." if numbers.nothing_asked else "Answer first, event after.",
                f"{_unordered(numbers, survey)} "
                f"{'What is recorded' if numbers.nothing_asked else 'An answer given'} after the event may follow from it, "
                "and would make the score look better than it is.",
            )
        )
    if survey.weighted:
        said.append(
            (
                "Weights of the survey.",
                "The weights that survey.yml names are not used here: every answer counts once, in rates, curves and races.",
            )
        )
    if numbers.steadiness:
        said.append(
            (
                "Noise, or a change of mind.",
                "Two waves cannot tell them apart: all that changed between them counts as noise. What a score would tell "
                "without noise is the most it could, if nobody changed their mind in between.",
            )
        )
    if numbers.pooled and numbers.race is not None:
        said.append(
            (
                "Several waves.",
                "Rates, and what a score tells alone, are of all waves together: where answers and the event both changed "
                "between waves, part of that is the change. What a score adds is not, for when customers were asked counts "
                "as known.",
            )
        )
    if numbers.nameless:
        said.append(
            (
                "Repeated customers.",
                "They could not be recognised: survey.yml names no `customer:`, and every row counts as another customer. "
                "Of those who answered in several waves all answers count, and intervals may be too narrow.",
            )
        )
    if numbers.repeated:
        said.append(
            (
                "Repeated customers.",
                "Rates, curves and cuts use each customer's first answer"
                + (
                    ". "
                    if numbers.wanted
                    else ": who left cannot answer again, so later answers would be those of customers who stayed. "
                )
                + "The race uses all answers and keeps those of a customer together.",
            )
        )
    return tuple(said)


def _ends(value: float, error: float, level: float) -> tuple[float, float]:
    from cxstats.methods.limits import critical_value

    half = critical_value(level) * error
    return value - half, value + half


def _untrained(numbers: Numbers) -> tuple[str, ...]:
    """The method where no rule was trained: what was looked at, and nothing of what was not done."""
    said = [
        "**Estimand.** The gain in AUC of a rule trained on these customers, judged on fresh ones. No rule was trained: the "
        "answer above says why."
    ]
    if numbers.given_away is not None:
        said.append(
            "**What gives an outcome away**: more than half of the customers gave answers after which either everybody or "
            "nobody had the event, and by the base rate at least 20 of each would have fared otherwise. **Rates** have "
            "Wilson's intervals."
        )
    return tuple(said)


def method(numbers: Numbers, survey: Survey) -> tuple[str, ...]:
    """Paragraphs of the method section."""
    if numbers.units is not None:
        return unit_sentences.method(numbers)
    chosen = numbers.settings
    if numbers.race is None:
        return _untrained(numbers)
    said = [
        "**Estimand.** The gain in AUC of the rule trained on this many customers, judged on fresh ones. **Rules**: "
        "logistic regression; numbers as restricted cubic splines, never in bands; groups as categories. **Judging**: eight "
        "folds of customers, none judged by a rule that was trained on them. **Interval**: the gain ± t × the error of a "
        "jackknife that repeats training and judging without each of 64 parts of the customers.",
        "Not DeLong's test, which is wrong for a rule and the same rule with one more column (Demler, Pencina and "
        "D'Agostino 2012), and not percentiles of a bootstrap, whose copies of customers flatter a rule.",
        f"**Verdicts** at {level_text(chosen.level)} for all metrics together (Bonferroni); the headline asks whether "
        "any adds the margin or more. **First places** are counted in 200 resamples of the parts.",
    ]
    tests = [(c.metric.short, c.nested) for c in numbers.contenders if c.nested is not None]
    if tests:
        tested = "; ".join(f"{name} p {p_text(test.p_value)}" for name, test in tests)
        said.append(
            f"**Whether a score tells anything at all** beyond what was known ({tests[0][1].method}): {tested}. With "
            "many customers that is nearly always so, and says nothing about use."
        )
    calibration = numbers.calibration
    slope = (
        "cannot be computed, as some chances are next to 0 or 1. "
        if calibration is None
        else f"slope {number(calibration.slope[0], 2)} "
        f"({interval(*_ends(*calibration.slope, chosen.level), digits=2)}; 1 where chances are as far apart as "
        f"they turn "
        "out, less where they are too far apart), observed to expected "
        f"{number(calibration.observed_to_expected, 2)}. "
    )
    said.append(
        f"**Calibration** of the rule with everything: {slope}"
        f"Brier score {number(numbers.brier.value, 4)}, {share(abs(numbers.brier.scaled), 1)} "
        f"{'below' if numbers.brier.scaled >= 0 else 'above'} that of the base rate. "
        f"Events per column of the largest rule: {number(numbers.race.events_per_column, 0)}."
    )
    return tuple(said)
