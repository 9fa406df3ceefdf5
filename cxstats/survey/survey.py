"""A survey in one shape: metrics, groups, counts and the ledger, whatever it was read from."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..metrics import Metric
from ..progress import step, steps
from ..words import capitalised, count, period_text
from .description import parse_description, read_description
from .engine import Engine, spellings
from .errors import Problem, SurveyError, did_you_mean, quoted
from .group_facts import match_facts, read_facts
from .known import Kind as KnownKind
from .known import Known, known
from .ledger import Kind, Ledger, LedgerLine
from .marks import stages_of
from .model import Description, columns_by_role
from .preset_fill import PresetReader, fill_from_file
from .presets import PRESETS
from .pseudonym import fill_parts
from .readers import DatabaseReader, Reader, open_reader
from .recode import Recoder, as_text, is_number, tallied
from .roles import Roles, find_roles
from .rows import Rows, build_rows
from .small_files import SmallFiles
from .spss import columns_of_numbers
from .units import UnitRows, read_units
from .where import check_where, narrowed, read_where, where_text

if TYPE_CHECKING:
    import ibis
    import pandas as pd

__all__ = ["Survey", "open_survey"]

_FEW, _OTHER = 10, "other text"

MARKS = ("follow_up", "recovery")
"""Roles that mark rows."""

DERIVED = ("days_to_answer", "invited_weekday", "invited_hour", "observed_days")
"""What follows from the times of invitation and answer."""

EAGER_ROWS = 1_000_000
"""Up to this many rows everything is checked on opening; a larger columnar file when it is first counted."""


def open_survey(
    source: str | Path,
    *,
    where: str | Mapping[str, str | Sequence[str]] | None = None,
    seed: int | None = None,
) -> Survey:
    """Open the survey that a ``survey.yml`` describes, or the demo company with ``"demo"``.

    Parameters
    ----------
    source : path of a ``survey.yml``, or ``"demo"``.
    where : look at a part of the survey only: ``{"country": "Germany"}``, several labels as a list, or the
        text ``"country = Germany; segment = Business"``. Groups and waves by the names and labels that
        readers see. The other rows are set aside and counted.
    seed : of the demo company; its own default without one.

    Returns
    -------
    The survey. Text files, workbooks and anything up to a million rows have been read and checked; of
    larger Parquet files, DuckDB files and databases only names and types have been looked at, and they
    are checked when first counted.

    Raises
    ------
    SurveyError : everything that is wrong with the description or the data, in one go; ``where`` names a label
        that no row has.
    ValueError : ``where`` names a group that the survey does not have.

    >>> open_survey("demo").metric("nps").short
    'NPS'
    """
    part = read_where(where)
    demo = str(source) == "demo"
    if seed is not None and not demo:
        raise ValueError("seed is for the demo company; a survey of your own has none")
    with steps("Survey", "reading", "checking"):
        step("reading")
        survey = _demo(seed, part) if demo else _described(Path(source), part)
        step("checking")
        survey.check()
    return survey


def _described(path: Path, where: Mapping[str, tuple[str, ...]]) -> Survey:
    return Survey(read_description(path), path.absolute().parent, where=where)


def _demo(seed: int | None, where: Mapping[str, tuple[str, ...]]) -> Survey:
    from .. import simulation

    company = simulation.demo_company() if seed is None else simulation.demo_company(seed=seed)
    mapping = dict(company.description)
    mapping["responses"] = {**mapping.get("responses", {}), "file": "demo"}
    return Survey(
        parse_description(mapping, source="demo"),
        Path(),
        frames={"responses": company.rows},
        truth=None if where else company.truth,  # the truth is that of the whole company
        where=where,
    )


class Survey:
    """A survey: what was asked, of whom, and counts of what they answered.

    Opened by :func:`open_survey`. Counting is done by the engine that holds the rows, recoding on the
    counts; no customer id ever leaves the engine.

    Attributes
    ----------
    description : the typed ``survey.yml``.
    notes : what detection chose where the description was silent.
    """

    def __init__(
        self,
        description: Description,
        folder: Path,
        *,
        frames: Mapping[str, pd.DataFrame] | None = None,
        truth: Any = None,
        where: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self.description = description
        self.notes: list[str] = []
        self._folder, self._frames, self._truth = folder, dict(frames or {}), truth
        self._where = dict(where or {})
        self._problems: list[Problem] = []
        self._built: Rows | None = None
        self._collecting = self._has_parts = False
        self._engine = Engine()
        self._readers: dict[str, Reader] = {}
        self._beside: dict[str, Reader] = {}
        self._open()

    def _open(self) -> None:
        """Look at every source without reading rows."""
        self.notes += self.description.filled
        self.description, headers = fill_from_file(self.description, self._folder, self.notes, self._problems)
        d = self.description
        check_where(self._where, d)
        self._unit_rows: UnitRows | None = None
        if d.units is not None:  # a few thousand rows: read at once
            self._unit_rows = read_units(d, self._folder, self._engine, self._problems, self.notes)
            self._beside = {} if self._unit_rows is None else self._unit_rows.readers
            return
        named = [column for _, column in columns_by_role(d)]
        for role, source in d.sources().items():
            wanted = [*named, *(c for c in (source.key, source.metric, source.score) if c)]
            try:
                header, frame = headers.get(role), self._frames.get(role)
                names = None if header is None else header.names
                reader = open_reader(role, source, self._folder, self._engine, wanted, frame, names)
                if hasattr(reader, "numeric"):  # an SPSS file holds numbers and labels for them
                    reader.numeric = columns_of_numbers(d)
                if header is not None and source.preset is not None:
                    reader = PresetReader(reader, PRESETS[source.preset], header, d)
                self._readers[role] = reader
            except SurveyError as error:
                self._problems += error.problems
        self._roles: Roles = find_roles(d, self._readers, self._problems)
        self._facts: pd.DataFrame | None = None
        if d.group_facts is not None:
            files = SmallFiles(d, self._folder, self._engine, self._problems, self.notes)
            self._facts = read_facts(files)
            self._beside = files.readers

    def check(self) -> None:
        """Raise everything that can be found wrong now; see :func:`open_survey` for what is left for later."""
        if self.description.units is None and self._is_complete and self._is_small:
            self._collect()
        if self._problems:
            raise SurveyError(self._problems)

    def find_problems(self) -> tuple[Problem, ...]:
        """Everything that is wrong, looked for in all of the data however large; () if it can be used."""
        if self.description.units is None and self._is_complete and self._built is None:
            self._collect()
        return tuple(self._problems)

    @property
    def readers(self) -> Mapping[str, Reader]:
        """The opened sources by role."""
        return {**self._readers, **self._beside}

    @property
    def _is_complete(self) -> bool:
        return len(self._readers) == len(self.description.sources())

    @property
    def _is_small(self) -> bool:
        readers = self._readers.values()
        return all(not r.columnar or (r.n_rows is not None and r.n_rows <= EAGER_ROWS) for r in readers)

    def _collect(self) -> None:
        """Read, join and judge, then look at every score; problems are collected, not raised."""
        self._collecting = True
        try:
            self._build()
            assert self._built is not None
            for name in self.description.scores:
                if name in self._built.table.columns:
                    self._add(self._scale_problem(name, self._raw([name])))
            for name in self.vignettes:
                if name in self._built.table.columns:
                    self._add(self._scale_problem(name, self._raw([name])))
            if self._facts is not None and self.description.group_facts is not None and not self._problems:
                _ = self.group_facts
            for name in self._undated_outcomes:
                if name in self._built.table.columns:
                    self._add(self._event_problem(name, self._raw([name])))
        except SurveyError as error:
            self._add(*error.problems)
        finally:
            self._collecting = False

    def _add(self, *problems: Problem | None) -> None:
        self._problems += [p for p in problems if p is not None and p not in self._problems]

    def _build(self) -> None:
        problems: list[Problem] = []

        def rows() -> Rows:
            found = build_rows(
                self._engine, self.description, self._readers, self._roles, problems, self.notes
            )
            if not self._where or problems:
                return found
            return narrowed(found, self._where, self._recoder, section=self._main)

        try:
            self._built = self._guarded(rows)
        finally:
            self._add(*problems)

    @property
    def _rows(self) -> Rows:
        """The rows in use, read when first needed; refused as long as anything is wrong with them."""
        if self.description.units is not None:
            raise self._no_answers()
        if self._built is None:
            self._build()
        if self._problems and not self._collecting:
            raise SurveyError(self._problems)
        assert self._built is not None
        return self._built

    # ------------------------------------------------------------------------------- what it is

    @property
    def name(self) -> str:
        """Short name of small letters, digits and hyphens."""
        return self.description.slug

    @property
    def title(self) -> str:
        """The survey's title."""
        return self.description.title

    @property
    def population(self) -> str:
        """Whom the survey is about; "" if the description does not say. Of a part: which part."""
        whole = self.description.population or ""
        if not self._where:
            return whole
        return f"{whole} ({self.part})" if whole else capitalised(self.part)

    @property
    def part(self) -> str:
        """Which part of the survey this is, in words: "Country: Germany"; "" for the whole."""
        return where_text(self._where, self.description)

    @property
    def period(self) -> tuple[dt.date | None, dt.date | None]:
        """First and last day, both included; None where not stated."""
        return self.description.period.start, self.description.period.end

    @property
    def period_text(self) -> str:
        """The period in words: "January–March 2025"."""
        return period_text(*self.period)

    @property
    def simulated(self) -> bool:
        """Whether the data is simulated."""
        return self.description.simulated

    @cached_property
    def data_as_of(self) -> dt.date | None:
        """The day the data stands at: as described, else the last day of an answer or event, else None."""
        d = self.description
        return d.data_as_of or (self._rows.until if d.units is None else None)

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """Every metric by its key."""
        return self.description.metrics()

    def metric(self, name: str) -> Metric:
        """The metric ``name``.

        Raises
        ------
        ValueError : there is none of that name; near misses are named.
        """
        if name not in self.metrics:
            raise ValueError(
                f"this survey has no metric {quoted(name)}. {did_you_mean(name, list(self.metrics))}"
            )
        return self.metrics[name]

    def outcome_metric(self, name: str) -> Metric:
        """The outcome ``name`` as a metric: the share of customers, in percent, to whom it happened.

        Where it says who left, the share who did not: the retention rate (CRR); see :meth:`outcome_cells`.

        Raises
        ------
        ValueError : there is no outcome of that name.

        >>> open_survey("demo").outcome_metric("churned").short
        'Retention (CRR)'
        """
        d = self.description
        if name not in d.outcomes:
            raise ValueError(
                f"this survey has no outcome {quoted(name)}. {did_you_mean(name, list(d.outcomes))}"
            )
        return d.outcomes[name].metric(name)

    def outcome_cells(self, name: str, by: Sequence[str] = ()) -> pd.DataFrame:
        """Cells of an outcome as answers to its metric: 1 for what the metric counts, 0 for the rest (Int64).

        The retention rate counts those who stayed, so of customers who left that is 0. ``by`` and the rest are as in
        :meth:`cells`, in the same order of rows.
        """
        self.outcome_metric(name)
        cells = self.cells([name, *by])
        happened = cells[name].astype("Int64")
        left = self.description.outcomes[name].kind_for(name) == "churn"
        return cells.assign(**{name: 1 - happened if left else happened})

    def was_asked(self, metric: str) -> bool:
        """Whether customers were asked for this score; reviews and sentiment nobody was invited to."""
        self.metric(metric)
        score = self.description.scores.get(metric)
        return score is None or score.asked

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups known for everyone; of a part, without those that are the same for all."""
        return tuple(name for name in self.description.groups if len(self._where.get(name, ())) != 1)

    @cached_property
    def group_labels(self) -> dict[str, str]:
        """How readers know groups, outcomes, stages, instruments, behaviour, vignettes: name -> label."""
        d = self.description
        if d.units is not None:
            facts = {**d.units.adjust, **d.units.outcomes}
            return {name: entry.label or name.replace("_", " ").capitalize() for name, entry in facts.items()}
        named = {**d.groups, **d.outcomes, **d.stages, **d.instruments, **d.behaviour}
        named |= {vignette.key: vignette for vignette in d.vignettes}
        return {name: entry.label or name.replace("_", " ").capitalize() for name, entry in named.items()}

    @property
    def wave(self) -> str | None:
        """Name of the wave column in cells, or None."""
        return self.description.wave_name

    @cached_property
    def wave_order(self) -> tuple[str, ...]:
        """The waves from old to new: as described, others after them in the order of their names."""
        if self.wave is None:
            return ()
        return tuple(self._all_waves(self._recoded(["wave"])["wave"]))

    @cached_property
    def wave_windows(self) -> dict[str, tuple[dt.date, dt.date]]:
        """First and last day on which each wave's customers were asked (without invitations: answered).

        Waves whose days are not known are left out; {} where there are no waves, or no days.
        """
        if self.wave is None or self.description.units is not None:
            return {}
        table = self._rows.table
        day = next((name for name in ("_invited_day", "_answered_day") if name in table.columns), None)
        if day is None:
            return {}
        found = table.group_by("wave").agg(first=table[day].min(), last=table[day].max())
        raw = self._guarded(lambda: found.to_pyarrow().to_pandas())
        windows: dict[str, tuple[dt.date, dt.date]] = {}
        labels = self._recoder.column("wave", raw["wave"]).tolist()
        for label, first, last in zip(labels, raw["first"].tolist(), raw["last"].tolist(), strict=True):
            if isinstance(label, str) and isinstance(first, dt.date) and isinstance(last, dt.date):
                before = windows.get(label, (first, last))  # several values may have one label
                windows[label] = (min(before[0], first), max(before[1], last))
        return {wave: windows[wave] for wave in self.wave_order if wave in windows}

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Names of the outcomes."""
        d = self.description
        return tuple(d.outcomes if d.units is None else d.units.outcomes)

    @property
    def items(self) -> tuple[str, ...]:
        """Names of the items of the multi-topic battery."""
        return tuple(item.key for item in self.description.items)

    @property
    def vignettes(self) -> tuple[str, ...]:
        """Names of the anchoring vignettes, from the worst case to the best; their ratings are in :meth:`cells`."""
        return tuple(vignette.key for vignette in self.description.vignettes)

    @cached_property
    def group_facts(self) -> pd.DataFrame | None:
        """Facts about the groups themselves, such as a country's individualism; None where none are described.

        One row per group of the survey, in the order of their names: the group (text), then every fact (Float64),
        missing where the table does not know the group.

        Raises
        ------
        SurveyError : not one group of the survey stands in the table.
        """
        if self._facts is None or self.description.group_facts is None:
            return None
        group = self.description.group_facts.group
        if group not in self.groups:  # one group is left: there is nothing to set beside it
            return None
        shown = sorted(self.cells(group)[group].dropna().tolist())
        table, problem = match_facts(self.description, self._facts, shown, self.notes)
        if problem is not None:
            raise SurveyError(problem)
        return table

    @property
    def stages(self) -> tuple[str, ...]:
        """How far invitations are known to have got: of delivered, opened, clicked, started, completed, in order.

        Who reached a later stage has reached the earlier ones.
        """
        return stages_of(self.description)

    @property
    def instruments(self) -> tuple[str, ...]:
        """Names of what customers were given before answering (reminders, offers)."""
        return tuple(self.description.instruments)

    @property
    def randomised(self) -> tuple[str, ...]:
        """Names of the instruments that were drawn by lot."""
        return tuple(name for name, entry in self.description.instruments.items() if entry.randomised)

    @property
    def behaviour(self) -> tuple[str, ...]:
        """Names of the numbers known of everyone, such as tenure: columns of :meth:`rows`."""
        return tuple(self.description.behaviour)

    @property
    def has_follow_up(self) -> bool:
        """Whether it is known who was selected for a follow-up of those who had not answered ("follow_up")."""
        return self.description.follow_up is not None

    @property
    def has_recovery(self) -> bool:
        """Whether it is known who was called back after answering ("recovery")."""
        return self.description.recovery is not None

    @property
    def has_coverage(self) -> bool:
        """Whether customers who were never invited are known, too ("invited" in :meth:`cells`)."""
        return self.description.covers_customers

    def known_for_respondents_only(self, name: str) -> Known:
        """Whether a group or behaviour is known for respondents only, and so gives the answer away.

        Parameters
        ----------
        name : one of :attr:`groups`, :attr:`instruments` or :attr:`behaviour`.

        Returns
        -------
        The shares for whom it is missing, of those who answered and of those who did not; true where it is
        known for respondents only.

        Raises
        ------
        ValueError : there is none of that name.

        >>> bool(open_survey("demo").known_for_respondents_only("segment"))
        False
        """
        from ..cells import reduce

        facts = (*self.groups, *self.instruments, *self.behaviour)
        self._checked([name], known=facts)
        if name not in self.behaviour:
            return known(name, self.cells([name, "responded"]))
        table = self._with_derived(["responded"])
        has = table[name].isnull().ifelse(None, 1)  # noqa: PD003 (ibis's name)
        table = table.select(responded=table.responded, known=has)
        cells = self._guarded(lambda: reduce(table, ["known", "responded"]))
        return known(name, cells.rename(columns={"known": name}))

    def group_kind(self, name: str) -> KnownKind:
        """For whom a group or behaviour is known: "everyone", "respondents" only, or "partly" (see :class:`Known`)."""
        return self.known_for_respondents_only(name).kind

    @property
    def weighted(self) -> bool:
        """Whether rows carry weights."""
        return self.description.weight is not None

    @property
    def truth(self) -> Any:
        """The truth behind a simulated company.

        Raises
        ------
        AttributeError : the survey is real: nobody knows it.
        """
        if self._truth is None:
            raise AttributeError("only a simulated company has a known truth; this survey is real data")
        return self._truth

    @cached_property
    def repeats(self) -> bool:
        """Whether some customer is in use more than once."""
        if self.description.units is not None:
            return False
        table = self._rows.table
        if "_customer" not in table.columns:
            return False
        several = table.group_by("_customer").agg(rows=table.count())
        return bool(self._run(several.filter(several.rows > 1).count()))

    @property
    def units(self) -> pd.DataFrame | None:
        """The units in use, one row each, where the survey has units (hospitals, stores) instead of answers.

        Columns: "unit" (its id), "response_rate" (share in [0, 1]), "completed" and "sampled" (numbers, where
        described), "low", "middle", "top" (percent, as described), "score" (in the metric's unit), "few"
        (whether its number of answers is small), then the facts under ``adjust`` and ``outcomes``: numbers
        Float64, categories text. None for every other survey.
        """
        if self.description.units is None:
            return None
        if self._problems or self._unit_rows is None:
            raise SurveyError(self._problems)
        return self._unit_rows.table.copy()

    @property
    def adjust(self) -> tuple[str, ...]:
        """Names of the facts about units to adjust for; () for a survey of answers."""
        return tuple(self.description.units.adjust) if self.description.units is not None else ()

    @cached_property
    def n_rows(self) -> int:
        """Number of rows in use."""
        return next(line.n for line in self._row_lines if line.kind == "used" and line.section == self._main)

    @property
    def n_invited(self) -> int | None:
        """Number of invitations, or None where there is no record of them."""
        if not self.description.knows_invited:
            return None
        return self.n_rows

    def n_answered(self, metric: str) -> int:
        """Number of usable answers to the metric; of units, the completed questionnaires as far as stated."""
        if self.description.units is not None:
            self.metric(metric)
            units = self.units
            return int(units["completed"].sum()) if units is not None and "completed" in units else 0
        return int(self.counts(metric).sum())

    def response_rate(self, metric: str) -> float | None:
        """Answers to the metric per invitation, in [0, 1]; None without a record of them, or where nobody was asked."""
        if not self.n_invited or not self.was_asked(metric):
            return None
        return self.n_answered(metric) / self.n_invited

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with the data or its description.

        Of files, every byte counts; of a database, the counts of all scores by each group, wave and outcome.
        """
        total = hashlib.sha256(self.description.text().encode())
        total.update(repr(sorted(self._where.items())).encode() if self._where else b"")
        if self.description.units is not None:
            total.update(self.units.to_csv().encode())
        for reader in self.readers.values():
            total.update(reader.digest())
            if isinstance(reader, DatabaseReader):
                others = [*self.groups, *([self.wave] if self.wave else []), *self.outcomes]
                for by in ([*self.metrics], *([m, o] for m in self.metrics for o in others)):
                    total.update(self.cells(by=by).to_csv().encode())
        return total.hexdigest()[:12]

    # ------------------------------------------------------------------------------- what it counts

    @property
    def columns(self) -> tuple[str, ...]:
        """Every name that :meth:`cells` can count by."""
        if self.description.units is not None:
            return ()
        part = ("part",) if self.description.customer is not None else ()
        wave = (self.wave,) if self.wave else ()
        marks = tuple(name for name in MARKS if getattr(self.description, name) is not None)
        invited = ("invited",) if self.description.covers_customers else ()
        plain = (*self.stages, *invited, *marks, *self._derived, *part)
        return (
            *(*self.groups, *wave, *self.metrics, *self.items, *self.vignettes, "responded", *self.outcomes),
            *(*self.instruments, *self._later, *plain),
        )

    @property
    def _later(self) -> tuple[str, ...]:
        """Names of what is known beside the outcomes: days until the event, days observed, cause."""
        names: list[str] = []
        for key, outcome in self.description.outcomes.items():
            names += [f"{key}_days", f"{key}_observed_days"] if outcome.on is not None else []
            names += [f"{key}_cause"] if outcome.cause is not None else []
        return tuple(names)

    @cached_property
    def _derived(self) -> tuple[str, ...]:
        """Names of what follows from the days of invitation and answer, as far as they are known."""
        if self.description.invited is None:
            return ()
        return tuple(name for name in DERIVED if name in self._rows.table.columns)

    def counts(self, metric: str) -> np.ndarray:
        """Number of answers per category of the metric's scale, shape (K,), low to high; unweighted.

        Raises
        ------
        ValueError : there is no such metric.
        SurveyError : the data cannot be used.
        """
        scale = self.metric(metric).scale
        cells = self.cells(by=[metric]).dropna(subset=[metric])
        out = np.zeros(scale.size, dtype=np.int64)
        out[cells[metric].to_numpy(int) - scale.low] = cells["n"].to_numpy(np.int64)
        return out

    def cells(self, by: str | Sequence[str]) -> pd.DataFrame:
        """Number of rows in use per combination of the columns ``by``, in one pass of the engine.

        Parameters
        ----------
        by : any of :attr:`columns`:

            * groups, instruments, the wave (text); metrics, items and vignettes (their answers, Int64);
            * "responded", stages, "follow_up", "recovery" (boolean); "invited" (boolean) where the frame holds
              customers who were never invited, who are in the count only if it is asked for;
            * outcomes (boolean); of a dated one "<outcome>_days", calendar days from the invitation to the
              event, and "<outcome>_observed_days", to the event or else the end of the data, missing where the
              event came before the invitation or is not known (Int64); "<outcome>_cause" (text);
            * where invitations are dated "days_to_answer" (calendar days), "invited_weekday" (1 Monday to
              7 Sunday), "invited_hour" (0–23), "observed_days" (to the end of the data) (Int64);
            * "part" (0–63), where there are customer ids.

        Returns
        -------
        One row per combination that occurs, ordered by ``by`` (waves from old to new, missing last): the
        columns, ``n`` and, in a weighted survey, ``w`` = Σw and ``w2`` = Σw². What is missing is ``<NA>``.

        Raises
        ------
        ValueError : a name is none of :attr:`columns`, or asked for twice.
        SurveyError : the data cannot be used.
        """
        by = self._checked(by)
        return self._ordered(self._recoded(by))

    def cluster_matrix(self, by: str | Sequence[str], *, weighted: bool = False) -> Any:
        """How often the same customers fall in two cells: M[a, b] = Σ_c t_ca · t_cb.

        Parameters
        ----------
        by : as in :meth:`cells`.
        weighted : sum weights instead of rows.

        Returns
        -------
        M, shape (R, R), aligned with the rows of ``cells(by)``: a numpy array, or a sparse one where there
        are more than 5,000 cells. Without customer ids it is diagonal.
        """
        from scipy import sparse

        from ..cells import cluster_matrix, regroup

        by = self._checked(by)
        if weighted and not self.weighted:
            raise ValueError("this survey has no weights")
        weight = "weight" if weighted else None
        table = self._rows.table
        if "_customer" not in table.columns:
            cells = self.cells(by)
            values = cells["w2" if weighted else "n"].to_numpy(float)
            return np.diag(values) if len(values) <= 5_000 else sparse.diags_array(values).tocsr()
        raw, matrix = cluster_matrix(self._with_derived(by), by, "_customer", weight=weight)
        merged, matrix = regroup(raw, self._labels(raw, by), matrix=matrix)
        order = self._order(merged)
        return matrix[np.ix_(order, order)] if isinstance(matrix, np.ndarray) else matrix[order][:, order]

    def n_customers(self) -> int:
        """Number of distinct customers in use; rows without ids count as one each."""
        from ..cells import n_customers

        if "_customer" not in self._rows.table.columns:
            return self.n_rows
        return n_customers(self._rows.table, "_customer")

    def rows(self, columns: str | Sequence[str]) -> pd.DataFrame:
        """The rows in use themselves, recoded, for what counts cannot carry.

        Parameters
        ----------
        columns : any of :attr:`columns`, and "customer" (the pseudonym), "weight", "value", any of
            :attr:`behaviour`.

        Returns
        -------
        One row per row in use; "value", "weight" and behaviour are numbers (Float64). Of very large files the rows
        of a simple random sample (:attr:`n_drawn`).
        """
        import pandas as pd

        if self.description.rows_stay:
            raise SurveyError(
                Problem(
                    "this looks at customers one by one, and the rows are to stay in the database",
                    self._readers["responses"].where,
                    fix="say copy_rows: true beside table: to have the described columns copied to this machine",
                )
            )
        columns = [columns] if isinstance(columns, str) else list(columns)
        own = {"customer", "weight", "value", *self.behaviour} & set(self._rows.table.columns)
        self._checked([c for c in columns if c not in own], known=(*self.columns, *sorted(own)))
        drawn = self._rows.drawn
        table = self._with_derived(columns) if drawn is None else self._with_responded(drawn, columns)
        if "_row" in table.columns:  # joins do not keep the file's order
            table = table.order_by("_row")
        table = table.select(*columns)
        raw = table.to_pandas()
        out = pd.DataFrame(index=raw.index)
        for name in columns:
            if name in ("value", "weight"):
                out[name] = self._numbers(raw[name])
            elif self._recoder.knows(name):
                out[name] = self._recoder.column(name, raw[name]).array
            else:
                out[name] = raw[name].astype(self._kind(name))
        return out

    @cached_property
    def n_drawn(self) -> int | None:
        """Number of rows drawn by lot that :meth:`rows` returns in place of all; None where it returns all."""
        drawn = None if self.description.units is not None else self._rows.drawn
        return None if drawn is None else int(self._run(drawn.count()))

    @property
    def has_rows(self) -> bool:
        """Whether :meth:`rows` can be had: not of units, nor of a database whose rows stay where they are."""
        return self.description.units is None and not self.description.rows_stay

    def _kind(self, name: str) -> str:
        """The dtype of a column that is not recoded."""
        if name in self.behaviour:
            return "Float64"
        if name in self.stages or name in ("responded", "invited", *MARKS) or name in self.outcomes:
            return "boolean"
        return "string" if name == "customer" else "Int64"

    def _numbers(self, raw: pd.Series) -> pd.Series:
        import pandas as pd

        if not pd.api.types.is_numeric_dtype(raw):
            if self.description.responses.decimal == ",":
                raw = raw.str.replace(",", ".", regex=False)
            raw = pd.to_numeric(raw, errors="coerce")
        return raw.astype("Float64")

    # ------------------------------------------------------------------------------- the ledger

    @cached_property
    def ledger(self) -> Ledger:
        """What became of every row read; its sections add up."""
        lines = list(self._row_lines)
        if self.n_drawn is not None:
            label = "Drawn by lot, for what looks at customers one by one"
            lines.append(LedgerLine(label, self.n_drawn, "note", self._main, lines[0].of))
        if self.description.units is None:
            lines += self._rated_lines()
            for name in self.metrics:
                lines += self._metric_lines(name)
        return Ledger(tuple(lines))

    def _rated_lines(self) -> list[LedgerLine]:
        """Answers to items and vignettes that are none of their scale; one pass tells where there are any."""
        table, d = self._rows.table, self.description
        off: dict[str, Any] = {}
        found: dict[str, int] = {}
        for entry in (*d.items, *d.vignettes):
            if entry.scale is not None and self._condensed_for([entry.key]) is not None:
                found[entry.key] = 1  # its tally is there already
            elif entry.scale is not None and entry.key in table.columns:
                text = table[entry.key].cast("string").strip()
                categories = [str(category) for category in entry.scale.categories]
                plain = ["", "nan", *categories, *(f"{c}.0" for c in categories)]
                gone = spellings(self._recoder.codes(entry.key, entry.missing))
                off[entry.key] = (text.notnull() & text.notin([*plain, *gone])).fill_null(False).sum()  # noqa: PD004 (ibis's name)
        if off:
            found |= self._guarded(lambda: table.agg(**off).to_pyarrow().to_pylist()[0])
        of, lines = self._row_lines[0].of, []
        for entry in (*d.items, *d.vignettes):
            if not found.get(entry.key):
                continue
            raw = self._raw([entry.key])
            tally = tallied(raw[entry.key], raw["n"])
            texts = self._recoder.answers(entry.key, list(tally)).off
            strange = {text: tally[text] for text in texts}
            if strange:
                kind = "vignette" if entry in d.vignettes else "statement"
                label = (
                    f"{entry.label or entry.key}: not an answer from {entry.scale.low} to {entry.scale.high} "
                    f"({_listing(_shown(strange))}), left out of this {kind}"
                )
                lines.append(LedgerLine(label, sum(strange.values()), "note", self._main, of))
        return lines

    @property
    def _main(self) -> str:
        return "frame" if self.description.frame is not None else "responses"

    @cached_property
    def _row_lines(self) -> list[LedgerLine]:
        if self.description.units is not None:
            return [] if self.units is None or self._unit_rows is None else self._unit_rows.lines
        lines = self._rows.lines
        if not lines:
            raise AssertionError("rows were built without their ledger")
        return lines

    def _metric_lines(self, name: str) -> list[LedgerLine]:
        metric, early = self.metric(name), self._rows.n_early
        read = next(line.of for line in self._row_lines if line.section == self._main)
        raw = self._raw([name])
        self._check_scale(name, raw)
        tally: dict[str, int] = {}
        blank = 0
        for value, n in zip(raw[name].tolist(), raw["n"].tolist(), strict=True):
            text = as_text(value)
            if text is None:
                blank += n
            else:
                tally[text] = tally.get(text, 0) + n
        answers = self._recoder.answers(name, list(tally))
        answered = sum(tally[t] for t in answers.scores)
        gone = {t: tally[t] for t in answers.missing if t.strip()}
        blank += sum(tally[t] for t in answers.missing if not t.strip())
        off = {t: tally[t] for t in answers.off}
        parts: list[tuple[str, int, Kind]] = [
            (f"Answered {metric.short}", answered, "answered"),
            (f"Set aside: coded as no answer ({_listing(gone)})", sum(gone.values()), "set aside"),
            (
                f"Set aside: not an answer from {metric.scale.low} to {metric.scale.high} ({_listing(_shown(off))})",
                sum(off.values()),
                "set aside",
            ),
            ("Set aside: answered before being invited", early, "set aside"),
            ("Did not answer" if self.n_invited is not None else "Left blank", blank - early, "no answer"),
        ]
        return [LedgerLine(label, n, kind, name, read) for label, n, kind in parts if n or kind == "answered"]

    # ------------------------------------------------------------------------------- how

    @cached_property
    def _recoder(self) -> Recoder:
        places = self._roles.places
        source_of = {}
        for path, place in places.items():
            if path == ("wave",):
                source_of["wave"] = place.source
            elif path[0] in ("items", "vignettes"):
                source_of[getattr(self.description, path[0])[int(path[1])].key] = place.source
            elif len(path) == 2:
                source_of[str(path[1])] = place.source
            elif path[-1] == "cause":
                source_of[f"{path[1]}_cause"] = place.source
        return Recoder(self.description, source_of)

    def _no_answers(self) -> ValueError:
        called = self.description.units.called if self.description.units is not None else "units"
        return ValueError(
            f"this survey has one row per unit ({called}), not one per answer; what there is of them is survey.units"
        )

    def _checked(self, by: str | Sequence[str], known: Sequence[str] | None = None) -> list[str]:
        if self.description.units is not None:
            raise self._no_answers()
        by = [by] if isinstance(by, str) else list(by)
        known = self.columns if known is None else known
        for name in by:
            if name not in known:
                hint = did_you_mean(str(name), list(known))
                if name == "part":
                    hint = "Parts are made of customer ids: say customer: in the description."
                raise ValueError(f"this survey has no column {quoted(name)}. {hint}")
        if len(set(by)) != len(by):
            raise ValueError(f"a column is asked for twice: {', '.join(map(str, by))}")
        return by

    def _with_derived(self, by: Sequence[str]) -> ibis.Table:
        """The rows, with "part" and "responded" where asked for: answered at some time, or said something."""
        rows = self._rows
        table = rows.everyone if "invited" in by and rows.everyone is not None else rows.table
        if "part" in by and not self._has_parts and not rows.in_place:
            fill_parts(self._engine, "used")
            self._has_parts = True
        return self._with_responded(table, by)

    def _condensed_for(self, by: Sequence[str]) -> ibis.Table | None:
        """Counts of combinations from which ``by`` can be answered, if rows were condensed to such."""
        needed = set(by)
        if "responded" in needed:
            needed = (needed - {"responded"}) | set(self.description.scores)
        return next((t for t in self._rows.counted if needed <= set(t.columns)), None)

    def _with_responded(self, table: ibis.Table, by: Sequence[str]) -> ibis.Table:
        if "responded" not in by:
            return table
        import ibis

        said: Any = table["_stamped"].fill_null(False) if "_stamped" in table.columns else ibis.literal(False)
        for name, score in self.description.scores.items():
            if name not in table.columns:
                continue
            text = table[name].cast("string").strip()
            nothing = ["", "nan", *spellings(self._recoder.codes(name, score.missing))]
            said = said | (text.notnull() & text.notin(nothing)).fill_null(False)  # noqa: PD004 (ibis's name)
        return table.mutate(responded=said)

    def _raw(self, by: Sequence[str], *, weighted: bool = False) -> pd.DataFrame:
        """Counts by raw values: the one pass over the rows."""
        from ..cells import reduce

        counted = self._condensed_for(by)
        if counted is not None:
            return self._guarded(lambda: reduce(self._with_responded(counted, by), list(by), count="_n"))
        weight = "weight" if weighted and "weight" in self._rows.table.columns else None
        return self._guarded(lambda: reduce(self._with_derived(by), list(by), weight=weight))

    def _recoded(self, by: Sequence[str]) -> pd.DataFrame:
        from ..cells import regroup

        raw = self._raw(by, weighted=self.weighted)
        for name in by:
            if name in self.description.scores or name in self.vignettes:
                self._check_scale(name, raw)
            elif name in self._undated_outcomes and (problem := self._event_problem(name, raw)) is not None:
                raise SurveyError(problem)
        return regroup(raw, self._labels(raw, by)) if by else raw

    def _labels(self, raw: pd.DataFrame, by: Sequence[str]) -> dict[str, Any]:
        return {name: self._recoder.column(name, raw[name]) for name in by if self._recoder.knows(name)}

    def _check_scale(self, name: str, raw: pd.DataFrame) -> None:
        problem = self._scale_problem(name, raw)
        if problem is not None:
            raise SurveyError(problem)

    def _scale_problem(self, name: str, raw: pd.DataFrame) -> Problem | None:
        return self._recoder.scale_problem(name, raw[name], raw["n"], self._readers["responses"].where)

    @cached_property
    def _undated_outcomes(self) -> tuple[str, ...]:
        return tuple(name for name, outcome in self.description.outcomes.items() if outcome.on is None)

    def _event_problem(self, name: str, raw: pd.DataFrame) -> Problem | None:
        place = self._roles.places.get(("outcomes", name))
        where = self._readers[place.source if place is not None else "responses"].where
        return self._recoder.event_problem(name, raw[name], raw["n"], where)

    def _order(self, cells: pd.DataFrame) -> np.ndarray:
        """Positions that put waves from old to new, everything else as it was."""
        if self.wave is None or self.wave not in cells.columns:
            return np.arange(len(cells))
        import pandas as pd

        place = {wave: i for i, wave in enumerate(self._all_waves(cells[self.wave]))}
        keys = []
        for name in (c for c in cells.columns if c not in ("n", "w", "w2")):
            if name == self.wave:
                keys.append(np.array([place.get(wave, len(place)) for wave in cells[name].tolist()]))
            else:
                codes, distinct = pd.factorize(cells[name], sort=True)
                keys.append(np.where(codes < 0, len(distinct), codes))
        return np.lexsort(keys[::-1])

    def _all_waves(self, found: pd.Series) -> list[str]:
        """Waves from old to new: as described, others after them in the order of their names."""
        wave = self.description.wave
        assert wave is not None
        declared = [wave.labels.get(w, w) for w in wave.order]
        return list(dict.fromkeys([*declared, *sorted(set(found.dropna()) - set(declared))]))

    def _ordered(self, cells: pd.DataFrame) -> pd.DataFrame:
        if self.wave is None or self.wave not in cells.columns:
            return cells
        return cells.iloc[self._order(cells)].reset_index(drop=True)

    def _run(self, expression: Any) -> Any:
        return self._guarded(lambda: expression.to_pyarrow().as_py())

    def _guarded(self, query: Callable[[], Any]) -> Any:
        """Run a query; a database's own error is told by its kind, for its text may hold the address."""
        if not any(isinstance(reader, DatabaseReader) for reader in self._readers.values()):
            with self._engine.errors(self._readers["responses"].where):
                return query()
        kind = ""
        try:
            return query()
        except SurveyError:
            raise
        except Exception as error:
            kind = type(error).__name__
        raise SurveyError(Problem(f"the rows cannot be counted ({kind})", self._readers["responses"].where))

    def __repr__(self) -> str:
        return f"<Survey {self.title!r}, {self.period_text}, {', '.join(self.metrics)}>"

    def _repr_html_(self) -> str:
        from ..show import definition_html

        rows = [
            ("population", self.population or "not stated"),
            ("period", self.period_text),
            ("rows in use", count(self.n_rows)),
            ("invited", "no record" if self.n_invited is None else count(self.n_invited)),
            *((m.label, f"{count(self.n_answered(key))} answers") for key, m in self.metrics.items()),
            ("groups", ", ".join(self.groups) or "none"),
        ]
        return definition_html(self.title, rows)


def _shown(values: Mapping[str, int]) -> dict[str, int]:
    """Values that may be printed: numbers, and words that many gave; a single one's words are theirs."""
    shown: dict[str, int] = {}
    for text, n in values.items():
        name = text if is_number(text) or n >= _FEW else _OTHER
        shown[name] = shown.get(name, 0) + n
    return shown


def _listing(values: Mapping[str, int], most: int = 4) -> str:
    """The values of a ledger line, most frequent first."""
    ordered = sorted(values, key=lambda t: (-values[t], t))
    plain = (t.strip() for t in ordered[:most])
    shown = ", ".join(t if is_number(t) or t == _OTHER else quoted(t, 20) for t in plain)
    return f"{shown}, …" if len(ordered) > most else shown
