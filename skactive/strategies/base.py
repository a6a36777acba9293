"""What a query strategy is, and the one thing it gets to see."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from functools import wraps
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from skactive.strategies.parameters import Constraints


class _Lazy:
    """An attribute that may be given as a function of no arguments, called at the first read."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._slot = f"_{name}"

    def __get__(self, view: "PoolView | None", owner: type) -> Any:
        if view is None:
            return self
        value = getattr(view, self._slot)
        if callable(value):
            value = value()
            setattr(view, self._slot, value)
        return value

    def __set__(self, view: "PoolView", value: Any) -> None:
        setattr(view, self._slot, value)


class PoolView:
    """The rows that may be asked about, and all that is known of them.

    Every argument but `n_rows`, `classes`, `rng` and `device` may be a value or a function of no
    arguments; a function is called when a strategy first reads the attribute, never before, so a
    strategy pays only for what it uses. N rows, d features, K classes, L labels given so far.

    Parameters
    ----------
    n_rows : int
        N, the number of rows that may be asked about.
    X : array of shape (N, d)
        The representation: what the head is trained on. Of a pool in a mapped file, it is what can
        be sliced and indexed like an array: a block is read at a time, and ``np.asarray`` all.
    proba : array of shape (N, K) or None
        The joint opinion of prior and head; None where there is neither.
    head_proba, prior_proba : array of shape (N, K) or None
        Either opinion alone; None where there is none.
    sample_proba : callable or None
        ``sample_proba(m, rows)`` gives m joint opinions that are as plausible on rows at these
        positions, an array (m, len(rows), K): the same m opinions, whichever rows are asked for.
        None where the head cannot say.
    labeled_X : array of shape (L, d)
        The representation of the rows labeled so far, in aggregated order.
    labeled_y : int64 array of shape (L,)
        Their labels, as positions into `classes`. One row may stand there with several labels.
    label_trust : float64 array of shape (L,)
        How far each of these labels can be trusted, between 0 and 1.
    labeled_proba : array of shape (L, K) or None
        The joint opinion on the rows labeled so far.
    linear : (array of shape (K, d), array of shape (K,)) or None
        Weights and offsets of a linear head on the representation; None where it has none.
    classes : array of shape (K,)
        The labels, in the order of the columns of the opinions.
    rng : numpy.random.Generator, default=np.random.default_rng(0)
        The only source of chance that a strategy may use.
    device : str, default="cpu"
        Where the kernels run: a torch device.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive import strategies
    >>> from skactive.strategies import PoolView
    >>> view = PoolView(3, proba=np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]))
    >>> strategies.get("margin").select(view, 2)
    array([1, 2])
    """

    X = _Lazy()
    proba = _Lazy()
    head_proba = _Lazy()
    prior_proba = _Lazy()
    labeled_X = _Lazy()
    labeled_y = _Lazy()
    label_trust = _Lazy()
    labeled_proba = _Lazy()
    linear = _Lazy()

    def __init__(
        self,
        n_rows: int,
        *,
        X: Any = None,
        proba: Any = None,
        head_proba: Any = None,
        prior_proba: Any = None,
        sample_proba: Callable[[int, np.ndarray], np.ndarray] | None = None,
        labeled_X: Any = None,
        labeled_y: Any = None,
        label_trust: Any = None,
        labeled_proba: Any = None,
        linear: Any = None,
        classes: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
        device: str = "cpu",
    ) -> None:
        self.n_rows = n_rows
        self.X = X
        self.proba = proba
        self.head_proba = head_proba
        self.prior_proba = prior_proba
        self.sample_proba = sample_proba
        self.labeled_X = labeled_X
        self.labeled_y = labeled_y
        self.label_trust = label_trust
        self.labeled_proba = labeled_proba
        self.linear = linear
        self.classes = classes
        self.rng = np.random.default_rng(0) if rng is None else rng
        self.device = device

    def __len__(self) -> int:
        return self.n_rows

    def sampled_proba(self, m: int) -> np.ndarray:
        """Plausible joint opinions, all alike where the head has no spread.

        For many rows, read it from `take` of some rows at a time.

        Parameters
        ----------
        m : int
            How many.

        Returns
        -------
        proba : array of shape (m, N, K)
            Rows sum to 1.
        """
        if self.sample_proba is None:
            return np.broadcast_to(self.proba, (m, *np.shape(self.proba)))
        return self.sample_proba(m, np.arange(len(self)))

    def take(self, positions: np.ndarray) -> "PoolView":
        """A view of these rows only, with the same labels and the same chance.

        Parameters
        ----------
        positions : int64 array of shape (M,)
            Positions into this view.

        Returns
        -------
        view : PoolView
            Its row i is row ``positions[i]`` of this one.
        """

        def of_rows(name: str) -> Callable[[], Any]:
            def read() -> Any:
                value = getattr(self, name)
                return None if value is None else value[positions]

            return read

        sample = self.sample_proba

        def unchanged(name: str) -> Callable[[], Any]:
            return lambda: getattr(self, name)

        return PoolView(
            len(positions),
            sample_proba=sample and (lambda m, rows: sample(m, positions[rows])),
            classes=self.classes,
            rng=self.rng,
            device=self.device,
            **{name: of_rows(name) for name in ("X", "proba", "head_proba", "prior_proba")},
            **{name: unchanged(name) for name in ("labeled_X", "labeled_y", "label_trust")},
            **{name: unchanged(name) for name in ("labeled_proba", "linear")},
        )


_REMEDIES = {
    "proba": "label some rows first, or give ActiveClassifier a prior",
    "head_proba": "label some rows first",
    "prior_proba": "give ActiveClassifier a prior, such as ZeroShotClassifier",
}


class QueryStrategy(BaseEstimator, ABC):
    """Base class of all strategies: parameters in ``__init__``, one method to write, `select`.

    `needs` names what the strategy cannot do without, among ``"proba"`` (any opinion on the pool)
    and ``"prior"`` (a foundation model's). Where opinions are missing because nothing is labeled
    yet, `ActiveClassifier.query` lets another strategy stand in; a missing prior is an error.

    What the parameters may be can be said in ``_parameter_constraints``, as scikit-learn's own
    estimators say it; it is checked before `select`, ``steps`` and `score`.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import PoolView, QueryStrategy
    >>> class Shortest(QueryStrategy):
    ...     def select(self, view, n):
    ...         return np.linalg.norm(view.X, axis=1).argsort()[:n]
    >>> Shortest().select(PoolView(3, X=np.array([[3.0], [-1.0], [2.0]])), 2)
    array([1, 2])
    """

    needs: frozenset[str] = frozenset()

    _parameter_constraints: ClassVar[Constraints] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("select", "steps", "score"):
            if name in vars(cls):
                setattr(cls, name, _with_checked_params(vars(cls)[name]))

    def _validate_params(self) -> None:
        """Its own parameters, and those of a strategy inside it: `needs` is read from that."""
        super()._validate_params()
        for value in self.get_params(deep=False).values():
            if isinstance(value, QueryStrategy):
                value._validate_params()

    def read(self, view: PoolView, attribute: str) -> Any:
        """An attribute of the view that the strategy cannot do without.

        Parameters
        ----------
        view : PoolView
            The pool.
        attribute : str
            Its name.

        Returns
        -------
        value : object
            Never None.

        Raises
        ------
        ValueError
            If the view has none.
        """
        value = getattr(view, attribute)
        if value is None:
            raise ValueError(
                f"{type(self).__name__} needs {attribute}, an opinion on each row of the pool, "
                f"and got None: {_REMEDIES[attribute]}."
            )
        return value

    @abstractmethod
    def select(self, view: PoolView, n: int) -> np.ndarray:
        """Choose the rows to label next.

        Parameters
        ----------
        view : PoolView
            The pool. Every row of it may be asked about.
        n : int
            How many rows, 1 <= n <= len(view).

        Returns
        -------
        positions : int64 array of shape (n,)
            Distinct positions into the view, best first.
        """

    def score(self, view: PoolView) -> np.ndarray:
        """What each row is worth by itself, before any other is chosen; NaN where undefined.

        Parameters
        ----------
        view : PoolView
            The pool.

        Returns
        -------
        scores : float64 array of shape (N,)
            Higher is more wanted. Comparable within one view only.
        """
        return np.full(len(view), np.nan)


def _with_checked_params(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def checked(self: QueryStrategy, *args: Any, **kwargs: Any) -> Any:
        self._validate_params()
        return method(self, *args, **kwargs)

    return checked


class SequentialStrategy(QueryStrategy):
    """Base class of strategies that gain from an answer before they choose the next row.

    They write `steps`; `select` answers for the annotator with the model's own prediction.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import PoolView, SequentialStrategy
    >>> class UntilTheClassChanges(SequentialStrategy):
    ...     def steps(self, view, n):
    ...         rows, step = list(range(len(view))), 0
    ...         for _ in range(n):
    ...             row = rows.pop(step)
    ...             label = yield np.array([row])
    ...             step = 0 if label[0] == 0 else -1
    >>> proba = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]])
    >>> UntilTheClassChanges().select(PoolView(4, proba=proba), 3)
    array([0, 1, 3])
    """

    needs: frozenset[str] = frozenset({"proba"})

    @abstractmethod
    def steps(self, view: PoolView, n: int) -> Generator[np.ndarray, np.ndarray, None]:
        """Choose rows a few at a time, and hear their labels each time.

        Parameters
        ----------
        view : PoolView
            The pool.
        n : int
            How many rows in all, 1 <= n <= len(view).

        Yields
        ------
        positions : int64 array of shape (m,), m >= 1
            The next rows. What is sent back is the int64 array of their m labels, as positions
            into ``view.classes``.
        """

    def select(self, view: PoolView, n: int) -> np.ndarray:
        answers = np.asarray(self.read(view, "proba")).argmax(axis=1)
        return self.ask(view, n, answers.__getitem__)

    def ask(self, view: PoolView, n: int, answer: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Go through all steps.

        Parameters
        ----------
        view : PoolView
            The pool.
        n : int
            How many rows in all, 1 <= n <= len(view).
        answer : callable
            From positions to their labels, as positions into ``view.classes``.

        Returns
        -------
        positions : int64 array of shape (n,)
            In the order they were asked about.
        """
        steps = self.steps(view, n)
        picks = [next(steps)]
        while sum(map(len, picks)) < n:
            picks.append(steps.send(answer(picks[-1])))
        return np.concatenate(picks)
