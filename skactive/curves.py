"""LearningCurves: scores against numbers of labels, and the label savings of strategies."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from skactive._savings import Runs, savings_per_strategy
from skactive._utils.optional_imports import require

if TYPE_CHECKING:
    from pandas import DataFrame


class LearningCurves:
    """Learning curves of several strategies over several repeats.

    `simulate` returns such curves. They can also be made from other records. Draw them with
    `LearningCurvesDisplay.from_curves`.

    Parameters
    ----------
    records : DataFrame, or iterable of mappings
        One record per measurement: ``strategy`` (str), ``repeat`` (identifies the run; runs with
        equal values use the same data and the same wrong labels), ``n_labels`` (number of labels
        so far), ``score`` (higher is better); for `total_cost` also ``seconds`` (computing time so
        far). Further columns are kept. All repeats of a strategy must be measured at the same
        numbers of labels; two strategies may be measured at different ones.

    Attributes
    ----------
    records : list of dict
        The records.
    strategies : list of str
        Names of the strategies, in the order of their first occurrence.

    Raises
    ------
    ValueError
        If there are no records, a column is missing, a measurement occurs twice, or the repeats of
        one strategy are measured at different numbers of labels.

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
            raise ValueError("records is empty. Give one record per measurement.")
        for column in ("strategy", "repeat", "n_labels", "score"):
            self._check_column(column)
        self.strategies = list(dict.fromkeys(record["strategy"] for record in self.records))
        for strategy in self.strategies:
            self._runs(strategy, "score")

    def __repr__(self) -> str:
        repeats = {record["repeat"] for record in self.records}
        return f"LearningCurves({', '.join(self.strategies)}; {len(repeats)} repeats)"

    def to_frame(self) -> "DataFrame":
        """Convert the records to a pandas DataFrame.

        Returns
        -------
        frame : DataFrame
            One row per measurement, with the columns of the records.
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
        """Compute the fraction of the baseline's labels that each strategy saves.

        Scores are averaged over the repeats that strategy and baseline have in common, and made
        monotone by isotonic regression. The target is the baseline's first score plus 95 % of its
        total gain. The number of labels to the target is interpolated linearly between the
        measurements. Savings are 1 - (labels of the strategy to the target) / (labels of the
        baseline to the target). If a strategy does not reach the target, its savings are -inf; the
        true savings are then less than 1 - ``last_labels`` / ``baseline_labels``. If a curve
        starts above the target, it reaches the target at its first measurement.

        Intervals are 95 % bootstrap intervals over the repeats. Strategy and baseline are
        resampled together, so differences between repeats cancel. The row of the baseline is the
        null: it compares two independent resamples of the baseline. Savings inside the interval of
        the null are no evidence of a difference.

        If the baseline gains less than 0.03 in total, or if the score of the prior alone is at the
        target or above, savings are not informative. In this case ``apart`` gives the reason,
        savings are NaN, and ``lead``, the mean difference between the two curves, can be compared
        instead.

        Parameters
        ----------
        baseline : str, default="random"
            The strategy to compare with.
        score : str, default="score"
            The column that holds the scores.
        zero_shot : float, default=None
            Score of the prior alone. A score of the strategy at 0 labels is taken into account
            even if `zero_shot` is None.
        n_resamples : int, default=2000
            Number of bootstrap resamples. With a single repeat there are no intervals.
        random_state : int, default=0
            Seed of the resamples.

        Returns
        -------
        savings : DataFrame
            One row per strategy: ``n_repeats`` in common with the baseline, ``gain`` of the
            baseline, ``target``, ``labels`` and ``baseline_labels`` to the target, ``last_labels``
            (at the last measurement), ``savings`` with ``savings_low`` and ``savings_high``,
            ``apart`` (empty if savings are informative), ``lead`` in units of the score with
            ``lead_low`` and ``lead_high``.
        """
        runs = {strategy: self._runs(strategy, score) for strategy in self.strategies}
        rows = savings_per_strategy(runs, baseline, zero_shot, n_resamples, random_state)
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
        """Compute savings of total cost, for labels and computing time together.

        The computation is the same as in `savings`, with cost in place of the number of labels.

        Parameters
        ----------
        price_per_label : float
            Price of one label.
        price_per_second : float
            Price of one second of computing, in the same currency.
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
            The columns of `savings`, with ``cost``, ``baseline_cost`` and ``last_cost`` in place
            of ``labels``, ``baseline_labels`` and ``last_labels``.

        References
        ----------
        Z. Wen, O. Pizarro and S. Williams, "Feature alignment: rethinking efficient active learning
        via proxy in the context of pre-trained models", TMLR 2024, arXiv:2403.01101.
        """
        prices = price_per_label, price_per_second
        runs = {strategy: self._runs(strategy, score, prices) for strategy in self.strategies}
        return _table(savings_per_strategy(runs, baseline, zero_shot, n_resamples, random_state))

    def to_markdown(
        self, baseline: str = "random", *, score: str = "score", zero_shot: float | None = None
    ) -> str:
        """Format last scores, labels to the target, savings and leads as a Markdown table.

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
            One line per strategy. The line of the baseline shows the null, see `savings`.
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
                f"Columns of the first record: {', '.join(map(str, self.records[0]))}."
            )

    def _runs(self, strategy: str, score: str, prices: tuple[float, float] = (1.0, 0.0)) -> Runs:
        self._check_column(score)
        if prices[1]:
            self._check_column("seconds")
        records = [record for record in self.records if record["strategy"] == strategy]
        by_position = {(record["repeat"], record["n_labels"]): record for record in records}
        repeats = sorted({repeat for repeat, _ in by_position})
        n_labels = sorted({n for _, n in by_position})
        if not len(records) == len(by_position) == len(repeats) * len(n_labels):
            raise ValueError(
                f"strategy {strategy!r} has {len(records)} records of {len(repeats)} repeats at "
                f"{len(n_labels)} numbers of labels. Give one record for each repeat and each "
                "number of labels."
            )
        grid = [[by_position[repeat, n] for n in n_labels] for repeat in repeats]
        scores = np.array([[record[score] for record in row] for row in grid], dtype=np.float64)
        if not np.isfinite(scores).all():
            raise ValueError(
                f"column {score!r} of strategy {strategy!r} has NaN or infinity. Give finite "
                "scores, or leave this strategy out."
            )
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
