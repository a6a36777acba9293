"""SkorchAdapter: a plain skorch classifier, made to follow scikit-learn's rules for labels."""

import inspect
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from skorch import NeuralNetClassifier
from skorch.dataset import ValidSplit

from skactive._data.containers import repeat_by_weight, take
from skactive._utils.callbacks import CallbackSupportMixin, with_callbacks
from skactive._utils.compat import _fit_context, check_sample_weight
from skactive._utils.random import draw_seed, private_torch_generator
from skactive._utils.versioning import VersionNoted
from skactive.heads.epoch_callbacks import notify_epochs

_OUTPUT_NAMES = ("n_classes", "num_classes", "n_outputs", "output_dim", "out_features")
_LOOKUPS = (torch.nn.Embedding, torch.nn.EmbeddingBag)


class SkorchAdapter(
    VersionNoted, CallbackSupportMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
    """Adapter for a ``skorch.NeuralNetClassifier``.

    It does four things that a skorch net leaves to its user: labels of any type become codes;
    rows become float32, except whole numbers where the module looks them up in an ``Embedding``;
    the width of the output is set to the number of classes; and
    sample weights reach the loss. A criterion whose ``forward`` takes ``sample_weight`` is given
    them; for any other, whole-numbered weights become repeated rows. skorch's default of holding
    out a fifth of the rows is switched off, since few labels are all needed; a ``train_split`` of
    one's own is kept.

    `ActiveClassifier` puts it around a skorch net by itself.

    Parameters
    ----------
    net : skorch.NeuralNetClassifier
        Its module's ``forward`` gives (n, K) outputs.
    output_param : str, default="auto"
        Which parameter of the module is the number of classes. ``"auto"``: the first of
        ``n_classes``, ``num_classes``, ``n_outputs``, ``output_dim``, ``out_features`` that the
        module has; where it has none, the width stays as it is.
    random_state : int, RandomState instance or None, default=None
        Seeds weights, shuffling and dropout.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The labels, sorted.
    net_ : skorch.NeuralNetClassifier
        The fitted clone of `net`.

    Examples
    --------
    >>> import torch
    >>> from skorch import NeuralNetClassifier
    >>> from sklearn.datasets import load_iris
    >>> from skactive.heads import SkorchAdapter
    >>> class Module(torch.nn.Module):
    ...     def __init__(self, n_classes=2):
    ...         super().__init__()
    ...         self.layer = torch.nn.Linear(4, n_classes)
    ...     def forward(self, X):
    ...         return self.layer(X)
    >>> net = NeuralNetClassifier(Module, criterion=torch.nn.CrossEntropyLoss, lr=0.1, verbose=0)
    >>> X, y = load_iris(return_X_y=True)
    >>> SkorchAdapter(net, random_state=0).fit(X, y).predict_proba(X).shape
    (150, 3)
    """

    _parameter_constraints = {  # noqa: RUF012
        "net": [NeuralNetClassifier],
        "output_param": [str],
        "random_state": ["random_state"],
    }

    def __init__(self, net: Any, *, output_param: str = "auto", random_state: Any = None) -> None:
        self.net = net
        self.output_param = output_param
        self.random_state = random_state

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "SkorchAdapter":
        """Fit a clone of the net.

        Parameters
        ----------
        X : array of shape (n, ...)
            Rows, as the module takes them.
        y : array-like of shape (n,)
            Labels of any type.
        sample_weight : array-like of shape (n,), default=None
            How much each row counts.

        Returns
        -------
        self : SkorchAdapter
            The fitted adapter.

        Raises
        ------
        ValueError
            If weights are fractional and neither criterion nor split can take them.
        """
        X, y = validate_data(self, X, y, allow_nd=True)
        check_classification_targets(y)
        weight = check_sample_weight(sample_weight, X)
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.net_ = self._prepare_net()
        if sample_weight is not None and self._weights_reach_loss():
            codes = np.column_stack([codes, weight])
            self.net_.set_params(criterion=partial(_make_weighted, self.net.criterion))
        elif sample_weight is not None:
            repeated = repeat_by_weight(weight)
            X, y, codes = take(X, repeated), y[repeated], codes[repeated]
        with private_torch_generator(draw_seed(self.random_state), str(self.net_.device)):
            self.net_.initialize()
            with notify_epochs(self, self.net_, X=X, y=y):
                self.net_.partial_fit(self._inputs(X), codes)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of every class.

        Parameters
        ----------
        X : array of shape (n, ...)
            Rows, as the module takes them.

        Returns
        -------
        proba : ndarray of shape (n, K)
            Columns follow `classes_`.
        """
        check_is_fitted(self)
        X = validate_data(self, X, allow_nd=True, reset=False)
        with private_torch_generator(0):  # skorch's loader draws a seed, even without shuffling
            return self.net_.predict_proba(self._inputs(X))

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest class of every row.

        Parameters
        ----------
        X : array of shape (n, ...)
            Rows, as the module takes them.

        Returns
        -------
        labels : ndarray of shape (n,)
            Members of `classes_`.
        """
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]

    def _prepare_net(self) -> Any:
        net = clone(self.net)
        name = self._output_name()
        if name is not None:
            net.set_params(**{f"module__{name}": len(self.classes_)})
        split = net.train_split
        if isinstance(split, ValidSplit) and split.cv == 5 and split.stratified:
            net.set_params(train_split=None)
        return net

    def _output_name(self) -> str | None:
        if self.output_param != "auto":
            return self.output_param
        taken = inspect.signature(self.net.module).parameters
        return next((name for name in _OUTPUT_NAMES if name in taken), None)

    def _weights_reach_loss(self) -> bool:
        # a split of the user's own, and its scores, need y to be plain codes
        takes_weight = "sample_weight" in inspect.signature(self.net.criterion.forward).parameters
        return takes_weight and self.net_.train_split is None

    def _inputs(self, X: np.ndarray) -> np.ndarray:
        looks_up = any(isinstance(part, _LOOKUPS) for part in self.net_.module_.modules())
        return X if looks_up and X.dtype.kind in "iu" else X.astype(np.float32, copy=False)


def _make_weighted(criterion: Any, **params: Any) -> torch.nn.Module:
    """A criterion that finds the weights in a second column of y.

    It stays of its own class, by which skorch knows what makes probabilities of the outputs.
    """
    is_made = isinstance(criterion, torch.nn.Module) and not params
    made = deepcopy(criterion) if is_made else criterion(**params)
    made.forward = partial(_unpack_weight, made)
    return made


def _unpack_weight(criterion: Any, y_pred: torch.Tensor, y_true: torch.Tensor) -> torch.Tensor:
    codes, weight = y_true[:, 0].long(), y_true[:, 1].to(y_pred)
    return type(criterion).forward(criterion, y_pred, codes, sample_weight=weight)


def adapt_skorch(head: Any, random_state: int | None) -> Any:
    """Put a skorch net into a `SkorchAdapter`; return any other classifier as it is.

    Parameters
    ----------
    head : classifier
        Last step of a Pipeline.
    random_state : int or None
        Seed of the adapter.

    Returns
    -------
    head : classifier
    """
    if any(base.__module__.startswith("skorch.") for base in type(head).__mro__):
        return SkorchAdapter(head, random_state=random_state)
    return head
