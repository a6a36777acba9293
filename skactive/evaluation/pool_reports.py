"""Report on the data: shift between labels, pool and new rows; duplicates, outliers, conflicts."""

from typing import TYPE_CHECKING, Any

import numpy as np

from skactive._data.containers import concatenate
from skactive._learner.inputs import check_rows
from skactive._utils.compat import n_rows, validate_parameter_constraints
from skactive._utils.optional_imports import require
from skactive._utils.random import draw_seed
from skactive.active import ActiveClassifier
from skactive.evaluation.row_neighbors import RowNeighbors
from skactive.evaluation.two_sample import energy_test
from skactive.pools import Pool

if TYPE_CHECKING:
    from pandas import DataFrame

_DOUBTFUL = 0.5  # trust
_CONSTRAINTS: dict[str, Any] = {"clf": [ActiveClassifier], "random_state": ["random_state"]}

_Table = dict[str, np.ndarray]


class PoolReport:
    """Report on a pool, its labels and new rows, made by `pool_report`.

    ``str(report)`` is the summary as a table.

    Parameters
    ----------
    tables : dict of str to dict of str to array
        The columns of the tables ``"pool"``, ``"labels"``, ``"classes"``, ``"tests"`` and, with new
        rows, ``"new"``.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.evaluation import PoolReport
    >>> report = PoolReport({"classes": {"label": np.array([0]), "pool": np.array([1.0])}})
    >>> report.to_frame("classes")
       label  pool
    0      0   1.0
    """

    def __init__(self, tables: dict[str, _Table]) -> None:
        self._tables = tables

    def __str__(self) -> str:
        values = self.summary()
        width = max(map(len, values))
        return "\n".join(f"{name:{width}}  {_cell(value)}" for name, value in values.items())

    def to_frame(self, table: str = "pool") -> "DataFrame":
        """Convert one of the tables to a pandas DataFrame.

        Parameters
        ----------
        table : {"pool", "labels", "new", "classes", "tests"}, default="pool"
            ``"pool"``: a row for each row of the pool, with ``group`` (the number of its group of
            near-duplicates), ``group_size``, ``outlier_score`` (mean distance to the ten nearest
            different rows), ``is_outlier`` and ``is_labeled``.
            ``"labels"``: a row for each label in the order given, with ``label``, ``trust``,
            ``group``, and ``is_conflict`` (another label in the same group differs).
            ``"new"``: a row for each new row, with ``nearest`` (position of the nearest row of the
            pool, -1 if it is a labeled row outside the pool), ``distance``, ``leakage`` ("equal" or
            "near" to that row, or ""), ``p_value`` and ``is_out_of_distribution``.
            ``"classes"``: the class frequencies of the labels, and those that the classifier
            predicts for the pool and the new rows.
            ``"tests"``: two-sample tests, with ``samples``, ``statistic`` (energy distance) and
            ``p_value``.

        Returns
        -------
        frame : DataFrame
            The table.

        Raises
        ------
        ValueError
            If there is no such table.
        """
        if table not in self._tables:
            raise ValueError(f"table={table!r} is not one of {', '.join(self._tables)}.")
        return require("pandas").DataFrame(self._tables[table])

    def summary(self) -> dict[str, Any]:
        """Count what the tables say.

        Returns
        -------
        values : dict
            ``rows``, ``near_duplicates`` (rows that could be left out: the group keeps one),
            ``outliers``, ``labels``, ``conflicting_labels``, ``doubtful_labels`` (trust below
            0.5), ``frequency_shift`` (total variation distance between the class frequencies of
            labels and pool) and ``p_value`` of the test of labels and pool. With new rows:
            ``new_rows``, ``leaked_rows``, ``out_of_distribution``, ``new_frequency_shift`` and
            ``new_p_value``, both between the pool and the new rows.
        """
        pool, labels, classes = (self._tables[name] for name in ("pool", "labels", "classes"))
        p_values = dict(
            zip(*(self._tables["tests"][c] for c in ("samples", "p_value")), strict=True)
        )
        values = {
            "rows": len(pool["group"]),
            "near_duplicates": len(pool["group"]) - len(np.unique(pool["group"])),
            "outliers": int(pool["is_outlier"].sum()),
            "labels": len(labels["label"]),
            "conflicting_labels": int(labels["is_conflict"].sum()),
            "doubtful_labels": int((labels["trust"] < _DOUBTFUL).sum()),
            "frequency_shift": _total_variation(classes["labels"], classes["pool"]),
            "p_value": p_values.get("labels, pool"),
        }
        if "new" in self._tables:
            new = self._tables["new"]
            values |= {
                "new_rows": len(new["nearest"]),
                "leaked_rows": int((new["leakage"] != "").sum()),
                "out_of_distribution": int(new["is_out_of_distribution"].sum()),
                "new_frequency_shift": _total_variation(classes["pool"], classes["new"]),
                "new_p_value": p_values["pool, new"],
            }
        return values


def pool_report(
    clf: ActiveClassifier,
    X_pool: Any,
    *,
    X_new: Any = None,
    random_state: int | np.random.RandomState | None = None,
) -> PoolReport:
    """Report on a pool: duplicates, outliers, conflicting labels, shift, leakage.

    All distances are Euclidean ones between the rows as the head receives them: put a scaler or an
    encoder into the Pipeline. Two different rows are near-duplicates if their distance is at most
    0.13 times the median distance between nearest neighbors.

    Two-sample tests compare the labeled with the unlabeled rows of the pool, and the pool with new
    rows. A query strategy does not select rows at random, so labeled rows differ from the pool by
    design.

    The outlier score of a row is its mean distance to the ten nearest different rows. A row of the
    pool is an outlier, and a new row is out of distribution, if the logarithm of its score is more
    than three interquartile ranges above the third quartile in the pool. The p-value of a new row
    is conformal: the fraction of the rows of the pool whose scores are at least as large.

    The complexity is O((N + L)² d) for N rows, L labels and d features.

    Parameters
    ----------
    clf : ActiveClassifier
        The classifier, after its first labels.
    X_pool : container of N rows
        The pool, with or without the labeled rows.
    X_new : container of M rows, default=None
        Other rows that the classifier predicts: test rows, or rows that arrived later.
    random_state : int, RandomState instance or None, default=None
        Seed of the two-sample tests.

    Returns
    -------
    report : PoolReport
        Its `PoolReport.summary` is a dictionary, `PoolReport.to_frame` returns the tables.

    Raises
    ------
    NotFittedError
        If the classifier has no labels.
    ValueError
        If the rows differ in kind from those that were learned.

    References
    ----------
    S. Bates, E. Candès, L. Lei, Y. Romano and M. Sesia, "Testing for outliers with conformal
    p-values", Annals of Statistics 51, 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive import ActiveClassifier
    >>> from skactive.evaluation import pool_report
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = ActiveClassifier(LogisticRegression(), random_state=0).fit(X[::10], y[::10])
    >>> report = pool_report(clf, X[:100], X_new=X[90:], random_state=0)
    >>> values = report.summary()
    >>> values["leaked_rows"], values["conflicting_labels"]
    (15, 0)
    """
    validate_parameter_constraints(_CONSTRAINTS, locals(), caller_name="pool_report")
    rng = np.random.default_rng(draw_seed(random_state))
    space = _Space(clf, X_pool, X_new)
    tables = {
        "pool": _pool_table(space),
        "labels": _label_table(clf, space),
        "classes": _class_table(clf, X_pool, X_new),
        "tests": _test_table(space, rng),
    }
    if X_new is not None:
        tables["new"] = _new_table(space)
    return PoolReport(tables)


class _Space:
    """Pool, labeled rows and new rows in one representation, and the neighbors among the first two.

    Rows are stacked: the N rows of the pool, then the labeled ones. Equal rows are merged for the
    search of neighbors: `unique` is the entry of each stacked row.
    """

    def __init__(self, clf: ActiveClassifier, X_pool: Any, X_new: Any) -> None:
        labels = clf._fitted().labels
        estimator = clf._estimator(X_pool)
        rows = _rows_in_memory(check_rows(clf, estimator, X_pool, "X_pool", reset=False))
        self.n_pool = n_rows(rows)
        if X_new is not None:
            new = check_rows(clf, estimator, X_new, "X_new", reset=False)
            rows = concatenate(rows, _rows_in_memory(new))
        opened = clf._open_pool(rows)
        X = np.asarray(opened.view.X, dtype=np.float64)
        keys = opened.batch.keys_at(np.arange(len(X)))
        self.pool, self.new = np.split(X, [self.n_pool])
        self.new_keys = keys[self.n_pool :]
        stacked = np.concatenate([self.pool, np.asarray(opened.view.labeled_X, dtype=np.float64)])
        self.keys = np.concatenate([keys[: self.n_pool], labels.batch.keys])
        _, self.first, self.unique = np.unique(self.keys, return_index=True, return_inverse=True)
        self.is_labeled = np.isin(self.keys[: self.n_pool], labels.batch.keys)
        self.labeled = stacked[self.n_pool :]
        self.neighbors = RowNeighbors(stacked[self.first])
        self.group = self.neighbors.group[self.unique]


def _rows_in_memory(rows: Any) -> Any:
    return rows[:] if isinstance(rows, Pool) else rows


def _pool_table(space: _Space) -> _Table:
    group = space.group[: space.n_pool]
    unique = space.unique[: space.n_pool]
    return {
        "group": group,
        "group_size": np.bincount(group)[group],
        "outlier_score": space.neighbors.score[unique],
        "is_outlier": space.neighbors.is_outlier[unique],
        "is_labeled": space.is_labeled,
    }


def _label_table(clf: ActiveClassifier, space: _Space) -> _Table:
    fitted = clf._fitted()
    entry, group = fitted.labels.entry, space.group[space.n_pool :]
    n_labels = np.zeros(len(space.group), dtype=np.int64)
    pairs = np.unique(np.stack([group, np.searchsorted(fitted.classes, fitted.labels.y)]), axis=1)
    np.add.at(n_labels, pairs[0], 1)
    return {
        "label": fitted.history.y,
        "trust": clf.label_trust_,
        "group": np.where(entry < 0, -1, group[entry]),
        # a label of weight zero, or overridden by a verified one, is in no conflict
        "is_conflict": (entry >= 0) & (n_labels[group[entry]] > 1),
    }


def _class_table(clf: ActiveClassifier, X_pool: Any, X_new: Any) -> _Table:
    fitted = clf._fitted()
    codes = np.searchsorted(clf.classes_, fitted.labels.y)
    counts = np.bincount(codes, fitted.labels.weight, minlength=len(clf.classes_))
    table = {"label": clf.classes_, "labels": counts / counts.sum()}
    for name, rows in {"pool": X_pool, "new": X_new}.items():
        if rows is not None:
            table[name] = clf.predict_proba(rows).mean(axis=0)
    return table


def _test_table(space: _Space, rng: np.random.Generator) -> _Table:
    unlabeled = space.pool[~space.is_labeled]
    pairs = {"labels, pool": (space.labeled, unlabeled), "pool, new": (space.pool, space.new)}
    results = {
        name: energy_test(*samples, rng)
        for name, samples in pairs.items()
        if all(map(len, samples))
    }
    return {
        "samples": np.array(list(results), dtype=object),
        "statistic": np.array([result.statistic for result in results.values()]),
        "p_value": np.array([result.p_value for result in results.values()]),
    }


def _new_table(space: _Space) -> _Table:
    nearest, distance, p_value, is_outlier = space.neighbors.of(space.new)
    leakage = np.where(distance <= space.neighbors.limit, "near", "").astype(object)
    leakage[np.isin(space.new_keys, space.keys)] = "equal"
    row = space.first[nearest]
    return {
        "nearest": np.where(row < space.n_pool, row, -1),
        "distance": distance,
        "leakage": leakage,
        "p_value": p_value,
        "is_out_of_distribution": is_outlier,
    }


def _total_variation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first - second).sum() / 2)


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
