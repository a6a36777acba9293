"""LearningCurves: scores against labels, and what one strategy saves over another."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from skactive._savings import Runs, savings_of_all
from skactive._utils.optional_imports import require

if TYPE_CHECKING:
    from pandas import DataFrame

    from skactive.display import LearningCurvesDisplay


class LearningCurves:
    """Scores against labels, of several strategies over several repeats.

    What `simulate` gives; any records of the same columns will do.

    Parameters
    ----------
    records : DataFrame, or iterable of mappings
        One for each measurement: ``strategy`` (str), ``repeat`` (which run: the same number stands
        for the same split and the same wrong answers), ``n_labels`` (labels so far), ``score``
        (higher is better); for `total_cost` also ``seconds`` (of computing so far). Any further
        columns are kept. All repeats of a strategy are measured at the same numbers of labels;
        those of two strategies may differ.

    Attributes
    ----------
    records : list of dict
        The measurements, as given.
    strategies : list of str
        In the order in which they first occur.

    Raises
    ------
    ValueError
        If there are no records, a column is missing, a measurement occurs twice, or repeats of one
        strategy differ in their numbers of labels.

    Examples
    --------
    >>> from skactive.curves import LearningCurves
    >>> slow, fast = [0.5, 0.6, 0.7, 0.8, 0.9], [0.5, 0.8, 0.9, 0.9, 0.9]
    >>> curves = LearningCurves(
    ...     {"strategy": name, "repeat": 0, "n_labels": 20 * i, "score": score}
    ...     for name, scores in [("random", slow), ("margin", fast)]
    ...     for i, score in enumerate(scores)
    ... )
    >>> curves.savings(baseline="random")[["labels", "baseline_labels", "savings"]].round(3)
              labels  baseline_labels  savings
    strategy
    random      76.0             76.0    0.000
    margin      36.0             76.0    0.526
    """

    def __init__(self, records: "DataFrame | Iterable[Mapping[str, Any]]") -> None:
        rows = records.to_dict("records") if hasattr(records, "to_dict") else records
        self.records = [dict(record) for record in rows]
        if not self.records:
            raise ValueError("records is empty; give one for each measurement.")
        for column in ("strategy", "repeat", "n_labels", "score"):
            self._check_column(column)
        self.strategies = list(dict.fromkeys(record["strategy"] for record in self.records))
        for strategy in self.strategies:
            self._runs(strategy, "score")

    def __repr__(self) -> str:
        repeats = {record["repeat"] for record in self.records}
        return f"LearningCurves({', '.join(self.strategies)}; {len(repeats)} repeats)"

    def to_frame(self) -> "DataFrame":
        """All measurements as a tidy pandas DataFrame, one row each.

        Returns
        -------
        frame : DataFrame
            The columns of the records.
        """
        return require("pandas").DataFrame(self.records)

    def savings(
        self,
        baseline: str = "random",
        *,
        score: str = "score",
        zero_shot: float | None = None,
        n_resamples: int = 2000,
        random_state: int = 0,
    ) -> "DataFrame":
        """How many of the baseline's labels each strategy saves.

        Scores are averaged over the repeats that strategy and baseline share, and made monotone by
        isotonic regression. The target is the baseline's start plus 95 % of its total gain. The
        labels to the target are read off straight lines between the measurements, and savings are
        1 - (own labels to the target) / (the baseline's). A strategy that never gets there within
        its labels has savings of -inf: all that is known is that they are less than
        1 - ``last_labels`` / ``baseline_labels``. A curve that starts over the target counts as
        getting there at its first measurement.

        Repeats are drawn again, the same ones for strategy and baseline, and the middle 95 % of
        the outcomes are the interval. The baseline's own row is the null: two independent draws of
        its repeats, one against the other. What lies inside its interval is no finding.

        Where the baseline gains less than 0.03 in all, or the prior alone is over the target
        already, labels to a target say little: ``apart`` tells which, savings are NaN, and
        ``lead`` is what remains, the area between the curves over its width.

        Parameters
        ----------
        baseline : str, default="random"
            The strategy to compare with.
        score : str, default="score"
            The column to compare by.
        zero_shot : float, default=None
            The prior's own score, where there is one. What a strategy scores at 0 labels is taken
            into account without it.
        n_resamples : int, default=2000
            Draws of the repeats. With a single repeat there is no interval.
        random_state : int, default=0
            Decides those draws.

        Returns
        -------
        savings : DataFrame
            One row for each strategy: ``n_repeats`` shared with the baseline, ``gain`` of the
            baseline, ``target``, ``labels`` and ``baseline_labels`` to the target, ``last_labels``,
            ``savings`` with ``savings_low`` and ``savings_high``, ``apart`` (empty where savings
            are to be had), ``lead`` in units of the score with ``lead_low`` and ``lead_high``.
        """
        runs = {strategy: self._runs(strategy, score) for strategy in self.strategies}
        rows = savings_of_all(runs, baseline, zero_shot, n_resamples, random_state)
        return _table(rows).rename(columns=lambda name: name.replace("cost", "labels"))

    def total_cost(
        self,
        price_per_label: float,
        price_per_second: float,
        *,
        baseline: str = "random",
        score: str = "score",
        zero_shot: float | None = None,
        n_resamples: int = 2000,
        random_state: int = 0,
    ) -> "DataFrame":
        """`savings` in money: labels and computing in one figure.

        Parameters
        ----------
        price_per_label : float
            What one label costs.
        price_per_second : float
            What one second of computing costs, in the same money.
        baseline : str, default="random"
            As in `savings`.
        score : str, default="score"
            As in `savings`.
        zero_shot : float or None, default=None
            As in `savings`.
        n_resamples : int, default=2000
            As in `savings`.
        random_state : int, default=0
            As in `savings`.

        Returns
        -------
        costs : DataFrame
            As `savings` gives, with ``cost``, ``baseline_cost`` and ``last_cost`` in place of
            labels.

        References
        ----------
        Z. Wen, O. Pizarro and S. Williams, "Feature alignment: rethinking efficient active learning
        via proxy in the context of pre-trained models", TMLR 2024, arXiv:2403.01101.
        """
        prices = price_per_label, price_per_second
        runs = {strategy: self._runs(strategy, score, prices) for strategy in self.strategies}
        return _table(savings_of_all(runs, baseline, zero_shot, n_resamples, random_state))

    def plot(self, **options: Any) -> "LearningCurvesDisplay":
        """Draw the curves.

        Parameters
        ----------
        **options
            As in `LearningCurvesDisplay.from_curves`: ``score``, ``price_per_label``,
            ``price_per_second``, ``ax``.

        Returns
        -------
        display : LearningCurvesDisplay
            With ``ax_``, ``figure_`` and ``lines_``.
        """
        from skactive.display import LearningCurvesDisplay

        return LearningCurvesDisplay.from_curves(self, **options)

    def to_markdown(
        self, baseline: str = "random", *, score: str = "score", zero_shot: float | None = None
    ) -> str:
        """A table to paste: last scores, labels to the target, savings with their intervals.

        Parameters
        ----------
        baseline : str, default="random"
            As in `savings`.
        score : str, default="score"
            As in `savings`.
        zero_shot : float or None, default=None
            As in `savings`.

        Returns
        -------
        table : str
            One line for each strategy. The baseline's own shows the null of the savings.
        """
        table = self.savings(baseline, score=score, zero_shot=zero_shot)
        lines = [
            f"| strategy | {score} at the end | labels to the target | savings | lead |",
            "|---|---|---|---|---|",
        ]
        for row in table.itertuples():
            last = self._runs(row.Index, score).score[:, -1]
            name = f"{row.Index} (null)" if row.Index == baseline else row.Index
            cells = [name, _with_error(last), _labels_cell(row), _savings_cell(row)]
            cells.append(_with_interval(row.lead, row.lead_low, row.lead_high, "{:+.3f}"))
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines)

    def _check_column(self, column: str) -> None:
        missing = [i for i, record in enumerate(self.records) if record.get(column) is None]
        if missing:
            raise ValueError(
                f"records have no column {column!r}, or no value in it, at position {missing[0]}. "
                f"Those of the first record: {', '.join(map(str, self.records[0]))}."
            )

    def _runs(self, strategy: str, score: str, prices: tuple[float, float] = (1.0, 0.0)) -> Runs:
        self._check_column(score)
        if prices[1]:
            self._check_column("seconds")
        mine = [record for record in self.records if record["strategy"] == strategy]
        at = {(record["repeat"], record["n_labels"]): record for record in mine}
        repeats = sorted({repeat for repeat, _ in at})
        n_labels = sorted({n for _, n in at})
        if not len(mine) == len(at) == len(repeats) * len(n_labels):
            raise ValueError(
                f"strategy {strategy!r} has {len(mine)} records of {len(repeats)} repeats at "
                f"{len(n_labels)} numbers of labels. Give one for each repeat at each of them."
            )
        grid = [[at[repeat, n] for n in n_labels] for repeat in repeats]
        scores = np.array([[record[score] for record in row] for row in grid], dtype=np.float64)
        if not np.isfinite(scores).all():
            raise ValueError(f"column {score!r} of strategy {strategy!r} has NaN or infinity.")
        cost = [[_cost(record, *prices) for record in row] for row in grid]
        return Runs(np.array(repeats), np.array(n_labels), np.array(cost, dtype=np.float64), scores)


def _cost(record: dict[str, Any], price_per_label: float, price_per_second: float) -> float:
    computing = price_per_second * record["seconds"] if price_per_second else 0.0
    return price_per_label * record["n_labels"] + computing


def _table(rows: list[dict[str, Any]]) -> "DataFrame":
    return require("pandas").DataFrame(rows).set_index("strategy")


def _labels_cell(row: Any) -> str:
    if row.apart:
        return ""
    return f"{row.labels:.0f}" if np.isfinite(row.labels) else f"> {row.last_labels:.0f}"


def _savings_cell(row: Any) -> str:
    if row.apart:
        return row.apart
    if np.isfinite(row.savings):
        return _with_interval(row.savings, row.savings_low, row.savings_high, "{:.0%}")
    return f"< {1 - row.last_labels / row.baseline_labels:.0%}, not reached"


def _with_interval(value: float, low: float, high: float, form: str) -> str:
    if np.isnan(low):
        return form.format(value)
    ends = [form.format(end) if np.isfinite(end) else "not reached" for end in (low, high)]
    return f"{form.format(value)} [{', '.join(ends)}]"


def _with_error(values: np.ndarray) -> str:
    if len(values) < 2:
        return f"{values.mean():.3f}"
    return f"{values.mean():.3f} ± {values.std(ddof=1) / len(values) ** 0.5:.3f}"
