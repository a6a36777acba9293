"""What there is to see: learning curves, and a map of a pool."""

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.decomposition import PCA

from skactive._utils.compat import n_rows
from skactive._utils.optional_imports import require
from skactive._utils.validation import check_positions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from skactive.active import ActiveClassifier
    from skactive.curves import LearningCurves


class LearningCurvesDisplay:
    """Mean score against labels, or money, one line for each strategy.

    Parameters
    ----------
    spent : dict of str to float64 array of shape (M,)
        What each strategy had spent at each of its measurements.
    scores : dict of str to float64 array of shape (R, M)
        What it scored then, in each of R repeats.
    spent_name, score_name : str
        What the axes are called.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure that holds them.
    lines_ : list of matplotlib Line2D
        The mean of each strategy.
    fill_between_ : list of matplotlib PolyCollection
        One standard error either side, where there are several repeats.

    Examples
    --------
    >>> from skactive import LearningCurves, LearningCurvesDisplay
    >>> curves = LearningCurves(
    ...     {"strategy": name, "repeat": repeat, "n_labels": n, "score": 0.5 + n / 100 + gain}
    ...     for name, gain in [("random", 0.0), ("margin", 0.1)]
    ...     for repeat in range(2)
    ...     for n in (10, 20, 30)
    ... )
    >>> display = LearningCurvesDisplay.from_curves(curves)
    >>> [line.get_label() for line in display.lines_]
    ['random', 'margin']
    """

    def __init__(
        self,
        *,
        spent: dict[str, np.ndarray],
        scores: dict[str, np.ndarray],
        spent_name: str = "labels",
        score_name: str = "score",
    ) -> None:
        self.spent = spent
        self.scores = scores
        self.spent_name = spent_name
        self.score_name = score_name

    @classmethod
    def from_curves(
        cls,
        curves: "LearningCurves",
        *,
        score: str = "score",
        price_per_label: float = 1.0,
        price_per_second: float = 0.0,
        ax: "Axes | None" = None,
    ) -> "LearningCurvesDisplay":
        """Draw learning curves.

        Parameters
        ----------
        curves : LearningCurves
            From `simulate`, or made of other records.
        score : str, default="score"
            The column to draw.
        price_per_label, price_per_second : float, default=1.0 and 0.0
            What labels and computing cost. As they are, the labels are counted; with other prices
            the axis shows the total cost.
        ax : matplotlib Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : LearningCurvesDisplay
            Drawn.
        """
        prices = price_per_label, price_per_second
        runs = {name: curves._runs(name, score, prices) for name in curves.strategies}
        return cls(
            spent={name: own.cost.mean(axis=0) for name, own in runs.items()},
            scores={name: own.score for name, own in runs.items()},
            spent_name="labels" if prices == (1.0, 0.0) else "cost",
            score_name=score,
        ).plot(ax=ax)

    def plot(self, ax: "Axes | None" = None) -> "LearningCurvesDisplay":
        """Draw once more.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        self : LearningCurvesDisplay
            With `ax_`, `figure_`, `lines_` and `fill_between_` set.
        """
        self.ax_ = _axes(ax)
        self.figure_ = self.ax_.figure
        self.lines_, self.fill_between_ = [], []
        for name, spent in self.spent.items():
            scores = self.scores[name]
            mean = scores.mean(axis=0)
            (line,) = self.ax_.plot(spent, mean, marker=".", label=name)
            self.lines_.append(line)
            if len(scores) > 1:
                error = scores.std(axis=0, ddof=1) / len(scores) ** 0.5
                filled = self.ax_.fill_between(
                    spent, mean - error, mean + error, alpha=0.2, color=line.get_color(), lw=0
                )
                self.fill_between_.append(filled)
        self.ax_.set(xlabel=self.spent_name, ylabel=self.score_name.replace("_", " "))
        self.ax_.legend()
        return self


class PoolMapDisplay:
    """A pool in two dimensions: what is labeled, what was asked, which labels are doubtful.

    The dimensions are the first two principal components of the representation that the strategy
    sees. What is far apart on the map is far apart; what is close may not be.

    Parameters
    ----------
    pool : float64 array of shape (N, 2)
        The rows of the pool.
    labeled : float64 array of shape (L, 2)
        The rows labeled so far.
    labels : array of shape (L,)
        Their labels.
    trust : float64 array of shape (L,)
        Trust in each of these labels.
    asked : int64 array of shape (n,)
        Positions into the pool of the rows asked about.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure that holds them.
    pool_, asked_, doubtful_ : matplotlib PathCollection
        All rows; those asked about; labels with a trust below one half.
    labeled_ : list of matplotlib PathCollection
        The labeled rows, one for each label that occurs.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skactive import ActiveClassifier, PoolMapDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = ActiveClassifier(random_state=0).fit(X[::10], y[::10])
    >>> display = PoolMapDisplay.from_estimator(clf, X, asked=clf.query(X, 5))
    >>> display.labeled.shape, display.asked.shape
    ((15, 2), (5,))
    """

    def __init__(
        self,
        *,
        pool: np.ndarray,
        labeled: np.ndarray,
        labels: np.ndarray,
        trust: np.ndarray,
        asked: np.ndarray,
    ) -> None:
        self.pool = pool
        self.labeled = labeled
        self.labels = labels
        self.trust = trust
        self.asked = asked

    @classmethod
    def from_estimator(
        cls,
        estimator: "ActiveClassifier",
        X_pool: Any,
        *,
        asked: Any = (),
        ax: "Axes | None" = None,
    ) -> "PoolMapDisplay":
        """Map a pool as an estimator sees it.

        Parameters
        ----------
        estimator : ActiveClassifier
            With labels or without.
        X_pool : array, sparse matrix, DataFrame or sequence of N rows
            The pool.
        asked : int array of shape (n,), or bool array of shape (N,), default=()
            Rows to mark, such as those that ``estimator.query(X_pool, n)`` names.
        ax : matplotlib Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : PoolMapDisplay
            Drawn.
        """
        if not hasattr(estimator, "query"):
            raise TypeError(f"estimator must be an ActiveClassifier, got {estimator!r}.")
        view = estimator._open_pool(X_pool).view
        features = np.asarray(view.X, dtype=np.float64)
        pca = PCA(min(2, *features.shape), random_state=0).fit(features)
        known = np.asarray(view.labeled_X, dtype=np.float64).reshape(-1, features.shape[1])
        classes = np.empty(0) if view.classes is None else view.classes
        return cls(
            pool=_in_two_columns(pca.transform(features)),
            labeled=_in_two_columns(pca.transform(known) if len(known) else known),
            labels=classes[view.labeled_y],
            trust=view.label_trust,
            asked=check_positions(asked, n_rows(X_pool), "asked"),
        ).plot(ax=ax)

    def plot(self, ax: "Axes | None" = None) -> "PoolMapDisplay":
        """Draw once more.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        self : PoolMapDisplay
            With `ax_`, `figure_` and the collections set.
        """
        self.ax_ = _axes(ax)
        self.figure_ = self.ax_.figure
        self.pool_ = self._dots(self.pool, s=6, color="0.8", label="pool")
        labels = np.unique(self.labels)
        colors = require("matplotlib").colormaps["turbo"](np.linspace(0, 1, len(labels)))
        self.labeled_ = [
            self._dots(self.labeled[self.labels == label], s=20, color=color, label=str(label))
            for label, color in zip(labels, colors, strict=True)
        ]
        rings = {"s": 60, "facecolors": "none", "edgecolors": "black"}
        self.asked_ = self._dots(self.pool[self.asked], label="asked", **rings)
        crosses = {"s": 60, "marker": "x", "color": "red"}
        self.doubtful_ = self._dots(self.labeled[self.trust < 0.5], label="doubtful", **crosses)
        self.ax_.set(xticks=[], yticks=[])
        self.ax_.legend(loc="center left", bbox_to_anchor=(1, 0.5), ncols=1 + len(labels) // 20)
        return self

    def _dots(self, points: np.ndarray, **options: Any) -> Any:
        return self.ax_.scatter(points[:, 0], points[:, 1], **options)


def _axes(ax: "Axes | None") -> "Axes":
    if ax is not None:
        return ax
    return require("matplotlib.pyplot").subplots(layout="constrained")[1]


def _in_two_columns(points: np.ndarray) -> np.ndarray:
    """At most two columns as just two: rows may have a single number."""
    return np.hstack([points[:, :2], np.zeros((len(points), max(0, 2 - points.shape[1])))])
