"""PoolView: the input of a query strategy."""

from collections.abc import Callable
from typing import Any

import numpy as np

from skactive._data.containers import select
from skactive.pools.lazy_rows import LazyRows


class _Lazy:
    """An attribute that is given as a value, or as a function that is called at the first read."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name, self._slot = name, f"_{name}"

    def __get__(self, view: "PoolView | None", owner: type) -> Any:
        if view is None:
            return self
        value = getattr(view, self._slot)
        if callable(value):
            value = value()
            setattr(view, self._slot, value)
        if value is None:
            view._read_as_none = self._name
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
        of sparse features. For a pool on disk, it is an object that can be sliced and indexed like
        an array; ``np.asarray`` reads all its rows into memory.
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
    labeled_note : array of shape (L,) of str or None
        What `note` kept on each labeled row when it was selected; "" for all other rows.
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
    labeled_note = _Lazy()
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
        labeled_note: Any = None,
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
        self.labeled_note = labeled_note
        self.linear = linear
        self.classes = classes
        self.rng = np.random.default_rng(0) if rng is None else rng
        self.device = device
        #: Notes and pseudo-labels (positions into `classes`) by position: see the methods.
        self.notes: dict[int, str] = {}
        self.pseudo_labels: dict[int, int] = {}
        self._whole: tuple[PoolView, np.ndarray] | None = None  # set by `take`
        self._read_as_none: str | None = None  # the last attribute that was read and is None

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
            return np.broadcast_to(self.proba, (m, *self.proba.shape))
        return self.sample_proba(m, np.arange(len(self)))

    def note(self, positions: np.ndarray, notes: list[str]) -> None:
        """Keep a note on selected rows until later queries.

        Once the rows are labeled, `labeled_note` shows the notes. So a strategy can learn from the
        labels of the rows that it has selected.

        Parameters
        ----------
        positions : int64 array of shape (M,)
            Positions into this view.
        notes : list of M str
            One for each of these rows. It replaces an earlier note.
        """
        if self._whole is not None:
            view, rows = self._whole
            view.note(rows[positions], notes)
        self.notes.update(zip(positions.tolist(), notes, strict=True))

    def pseudo_label(self, positions: np.ndarray, codes: np.ndarray) -> None:
        """Train the next model on some rows as if they had these labels.

        The rows stay unlabeled. An annotator's label replaces the pseudo-label of its row, and the
        next query replaces all of them.

        Parameters
        ----------
        positions : int64 array of shape (M,)
            Positions into this view.
        codes : int64 array of shape (M,)
            Labels, as positions into `classes`.
        """
        if self._whole is not None:
            view, rows = self._whole
            view.pseudo_label(rows[positions], codes)
        self.pseudo_labels.update(zip(positions.tolist(), codes.tolist(), strict=True))

    def take(self, positions: np.ndarray) -> "PoolView":
        """A view of some of the rows, with the same labels and the same random generator.

        Its notes and pseudo-labels are kept in this view, too.

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
                if isinstance(value, LazyRows) and (np.diff(positions) > 0).all():
                    return select(value, positions)
                return None if value is None else value[positions]

            return read

        sample = self.sample_proba

        def unchanged(name: str) -> Callable[[], Any]:
            return lambda: getattr(self, name)

        part = PoolView(
            len(positions),
            sample_proba=sample and (lambda m, rows: sample(m, positions[rows])),
            classes=self.classes,
            rng=self.rng,
            device=self.device,
            **{name: of_rows(name) for name in ("X", "proba", "head_proba", "prior_proba")},
            **{name: unchanged(name) for name in ("labeled_X", "labeled_y", "label_trust")},
            **{name: unchanged(name) for name in ("labeled_proba", "labeled_note", "linear")},
        )
        part._whole = self, positions
        return part
