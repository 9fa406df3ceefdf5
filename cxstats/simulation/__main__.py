"""``python -m cxstats.simulation [FOLDER]`` prints the tables of docs/demo_company.md.

FOLDER holds the public data sets; without it the comparison with real surveys is left out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from .contoso import demo_company
from .frame import LEVELS
from .model import METRICS
from .prediction import AddedValue, added_value
from .realism import Comparison, compare_with_public_data
from .truth import Truth


def _markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _shown(key: str, value: float) -> str:
    text = f"{value:+.2f}" if key == "nps" else f"{value:.3f}" if key == "ces" else f"{value:.2f}"
    return text.replace("-", "−")


def values_table(truth: Truth) -> str:
    """True values of every metric: of all customers, by country, by wave."""
    fields = (
        "everyone",
        "respondents",
        "weighted",
        "style_free",
        "style_free_same_mix",
        "here_everyone",
        "here_respondents",
    )
    groups = [
        {},
        *({"country": name} for name in LEVELS["country"]),
        *({"wave": name} for name in truth.waves),
    ]
    rows = []
    for key, metric in METRICS.items():
        for group in groups:
            value = truth.metric(key, **group)
            name = next(iter(group.values()), "all")
            rows.append(
                [f"{metric.short}, {name}", *(_shown(key, getattr(value, field)) for field in fields)]
            )
    head = ("", "all", "answer", "weighted", "no scale use", "same mix", "here: all", "here: answer")
    return _markdown(head, rows)


def response_table(truth: Truth) -> str:
    """Expected response rate of every category of the frame."""
    rows = [
        [f"{fact}: {name}", f"{100 * rate:.1f} %"]
        for fact, rates in truth.response.by_fact.items()
        for name, rate in rates.items()
    ]
    return _markdown(("", "expected rate"), [["all", f"{100 * truth.response.rate:.1f} %"], *rows])


def added_value_table(found: Iterable[AddedValue]) -> str:
    """True AUC of each metric alone, and what it adds to behaviour."""
    rows = []
    for value in found:
        name = f"{value.outcome}, {value.among}"
        rows.append([f"{name}: behaviour", f"{value.behaviour:.3f}", "", ""])
        for rule, gain in value.gain.items():
            error = f"{value.gain_error[rule]:.4f}"
            rows.append(
                [f"{name}: {rule}", f"{value.alone[rule]:.3f}", f"{gain:+.4f}".replace("-", "−"), error]
            )
    return _markdown(("", "alone", "gain", "error of the gain"), rows)


def realism_table(compared: Iterable[Comparison]) -> str:
    """The demo's distributions beside real ones, in percent, and how far apart they are."""
    rows = []
    for one in compared:
        demo, real = (" ".join(f"{100 * share:.1f}" for share in part) for part in (one.demo, one.real))
        rows.append([one.title, demo, real, f"{one.value:.3f}"])
    return _markdown(("", "demo, %", "real, %", "distance"), rows)


def main(arguments: list[str]) -> None:
    """Print every table."""
    demo = demo_company()
    model = demo.truth.model
    print(values_table(demo.truth), response_table(demo.truth), sep="\n\n", end="\n\n")
    found = [
        added_value(model, outcome, among=among)
        for outcome in ("churn", "repurchase")
        for among in ("respondents", "everyone")
    ]
    print(added_value_table(found))
    if arguments:
        print("\n" + realism_table(compare_with_public_data(demo, Path(arguments[0]))))


if __name__ == "__main__":
    main(sys.argv[1:])
