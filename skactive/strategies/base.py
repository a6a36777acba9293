"""The interface of query strategies: QueryStrategy, SequentialStrategy and PoolView."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from functools import wraps
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from skactive.strategies.parameters import Constraints


class _Lazy:
    """An attribute that is given as a value, or as a function that is called at the first read."""

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
    """The input of a query strategy: the rows that may be selected, and what is known about them.

    `linear` and all arrays but `classes` may be given as functions without arguments. Such a
    function is called when a strategy first reads the attribute, so a strategy pays only for the
    inputs that it uses. A strategy must not modify the arrays.

    In the shapes below, N is the number of rows that may be selected, d the number of features, K
    the number of classes and L the number of labels so far.

    Parameters
    ----------
    n_rows : int
        N, the number of rows that may be selected.
    X : array of shape (N, d)
        Dense representation of the rows: the features that the head is trained on, or a dense form
        of sparse features. For a pool in a memory-mapped file, it is an object that can be sliced
        and indexed like an array; ``np.asarray`` reads all its rows into memory.
    proba : array of shape (N, K) or None
        Predicted probabilities of the classifier: prior and head combined. None if there is
        neither a prior nor a label.
    head_proba : array of shape (N, K) or None
        Predicted probabilities of the head alone. None before the first label.
    prior_proba : array of shape (N, K) or None
        Predicted probabilities of the prior alone. None if there is no prior.
    sample_proba : callable or None
        ``sample_proba(m, positions)`` returns m approximate posterior samples of `proba` for the
        rows at these positions, an array of shape (m, len(positions), K). Equal m gives the same m
        samples for any positions. None if the head cannot be sampled.
    labeled_X : array of shape (L, d)
        Representation of the labeled rows. Equal labels of one row are merged, and rows are sorted
        by content, not by the order in which they were labeled.
    labeled_y : int64 array of shape (L,)
        Labels of these rows, as positions into `classes`. A row with different labels appears
        once for each of them.
    label_trust : float64 array of shape (L,)
        Trust in each of these labels, between 0 and 1.
    labeled_proba : array of shape (L, K) or None
        Predicted probabilities of the labeled rows: prior and head combined.
    linear : (array of shape (K, d), array of shape (K,)) or None
        Coefficients and intercepts of a linear head on `X`. None for any other head.
    classes : array of shape (K,)
        Class labels, in the order of the columns of the probabilities.
    rng : numpy.random.Generator, default=np.random.default_rng(0)
        Random generator: the only source of randomness that a strategy may use.
    device : str, default="cpu"
        Torch device that the computations run on.

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
        """Approximate posterior samples of the predicted probabilities of all rows.

        If the head cannot be sampled, all samples equal `proba`. To save memory on a large pool,
        call this method on blocks of the pool: ``view.take(positions).sampled_proba(m)``.

        Parameters
        ----------
        m : int
            Number of samples.

        Returns
        -------
        proba : array of shape (m, N, K)
            Rows sum to 1.
        """
        if self.sample_proba is None:
            return np.broadcast_to(self.proba, (m, *np.shape(self.proba)))
        return self.sample_proba(m, np.arange(len(self)))

    def take(self, positions: np.ndarray) -> "PoolView":
        """A view of some of the rows, with the same labels and the same random generator.

        Parameters
        ----------
        positions : int64 array of shape (M,)
            Positions into this view.

        Returns
        -------
        view : PoolView
            Row i of the new view is row ``positions[i]`` of this view.
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
    """Base class of all query strategies.

    A subclass takes its parameters in ``__init__`` and implements `select`. It may implement
    `score`, too. It reads a `PoolView` and draws random numbers from ``view.rng`` only.

    The class attribute `needs` names the inputs that the strategy requires: ``"proba"`` for
    predicted probabilities, ``"prior"`` for a prior. Without a prior, and until labels of two
    classes are known, `ActiveClassifier.query` uses `TypiClust` instead of a strategy that needs
    probabilities. It raises an error if a strategy needs a prior and there is none.

    The class attribute ``_parameter_constraints`` may declare valid parameter values, as in
    scikit-learn's own estimators. They are checked at each call of `select`, ``steps`` and `score`.

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
        """Check the parameters of this strategy and of nested strategies."""
        super()._validate_params()
        for value in self.get_params(deep=False).values():
            if isinstance(value, QueryStrategy):
                value._validate_params()

    def read(self, view: PoolView, attribute: str) -> Any:
        """Read a required attribute of the view.

        Parameters
        ----------
        view : PoolView
            The pool.
        attribute : str
            Name of the attribute.

        Returns
        -------
        value : object
            Value of the attribute; never None.

        Raises
        ------
        ValueError
            If the attribute is None.
        """
        value = getattr(view, attribute)
        if value is None:
            raise ValueError(
                f"{type(self).__name__} needs {attribute}, the predicted probabilities of the "
                f"pool, and got None: {_REMEDIES[attribute]}."
            )
        return value

    @abstractmethod
    def select(self, view: PoolView, n: int) -> np.ndarray:
        """Choose the rows to label next.

        Parameters
        ----------
        view : PoolView
            The pool. All its rows may be selected.
        n : int
            Number of rows, 1 <= n <= len(view).

        Returns
        -------
        positions : int64 array of shape (n,)
            Distinct positions into the view, best first.
        """

    def score(self, view: PoolView) -> np.ndarray:
        """Score each row by itself, independent of the other rows of a batch.

        Parameters
        ----------
        view : PoolView
            The pool.

        Returns
        -------
        scores : float64 array of shape (N,)
            A higher score is better. Scores are comparable within one view only. They are NaN if
            the strategy does not define them.
        """
        return np.full(len(view), np.nan)


def _with_checked_params(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def checked(self: QueryStrategy, *args: Any, **kwargs: Any) -> Any:
        self._validate_params()
        return method(self, *args, **kwargs)

    return checked


class SequentialStrategy(QueryStrategy):
    """Base class of strategies that use labels within a batch: each step sees the earlier labels.

    A subclass implements `steps`. `select` runs these steps without an annotator: it uses the
    predicted class of each row as its label.

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
        """Choose the rows in several steps, and receive the labels after each step.

        Parameters
        ----------
        view : PoolView
            The pool.
        n : int
            Number of rows in all steps together, 1 <= n <= len(view).

        Yields
        ------
        positions : int64 array of shape (m,), m >= 1
            The next rows. The ``yield`` expression evaluates to the int64 array of their m labels,
            as positions into ``view.classes``. The labels of the last step may not be sent.
        """

    def select(self, view: PoolView, n: int) -> np.ndarray:
        predicted = np.asarray(self.read(view, "proba")).argmax(axis=1)
        return self.ask(view, n, predicted.__getitem__)

    def ask(self, view: PoolView, n: int, answer: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Run all steps, and get the labels from a function.

        Parameters
        ----------
        view : PoolView
            The pool.
        n : int
            Number of rows in all steps together, 1 <= n <= len(view).
        answer : callable
            Takes positions into the view, and returns their labels as positions into
            ``view.classes``.

        Returns
        -------
        positions : int64 array of shape (n,)
            Distinct positions into the view, in the order in which the steps chose them.
        """
        steps = self.steps(view, n)
        picks = [next(steps)]
        while sum(map(len, picks)) < n:
            picks.append(steps.send(answer(picks[-1])))
        return np.concatenate(picks)
