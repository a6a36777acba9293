"""SoftmaxHead: a softmax classifier on a representation."""

from copy import copy
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from skactive._utils.callbacks import CallbackSupportMixin, notify_fit
from skactive._utils.compat import Interval, StrOptions, _fit_context, check_sample_weight
from skactive._utils.device import resolve_device
from skactive._utils.random import draw_seed, private_torch_generator
from skactive._utils.validation import check_count, ignore_many_classes_warning
from skactive._utils.versioning import VersionCheckMixin
from skactive.heads.averaged_head import N_ITER, NOISE_RATES, AveragedHead, TrainingData, merge_rows
from skactive.heads.epoch_callbacks import notify_epochs
from skactive.heads.head_inputs import center_and_scale, check_prior_log_proba, encode_labels
from skactive.heads.losses import LOSSES, log_class_frequency, times_class_weight
from skactive.heads.net_params import NetParamsEstimator
from skactive.heads.network import WeightedNet, count_iterations, make_net
from skactive.heads.sparse_inputs import dense_coordinates, first_layer_outputs, with_features

_FLOATS = [np.float64, np.float32]
_CHUNK = 2**18  # numbers that are predicted from at a time: a copy stays in the cache


class SoftmaxHead(VersionCheckMixin, CallbackSupportMixin, ClassifierMixin, NetParamsEstimator):
    """Softmax classifier on a representation, anchored to a prior and robust to wrong labels.

    ``logits = a * log p_prior(x) + f(x)``, where f is linear, or a small ReLU network with
    `hidden_layer_sizes`. The weights are shrunk toward f = 0. The strength of the shrinkage, the
    prior scale a and the noise rate are estimated from the labels in every fit: the head is an
    average of a few linear heads, weighted by the likelihood of held-out labels. See `anchor_`.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=()
        Widths of the hidden layers. Without any, the head is linear.
    loss : {"auto", "cross_entropy", "gce"}, default="auto"
        ``"gce"`` is the generalized cross-entropy (``criterion__q=0.7``), less sensitive to wrong
        labels [1]_. ``"cross_entropy"`` assumes correct labels. ``"auto"`` is the cross-entropy,
        corrected for the estimated noise rate if `strength` is automatic.
    strength : float or "auto", default="auto"
        Strength of the shrinkage: precision of the Gaussian prior of the weights, for features
        centered and scaled to a mean squared norm of 1. With a number, a is trained, from 1.
        ``"auto"`` averages over several strengths; with hidden layers or ``loss="gce"`` it is 2.
    class_weight : dict, "balanced" or None, default="balanced"
        ``"balanced"`` subtracts the log class frequencies of the labels from the logits (balanced
        softmax [2]_). A dict gives the sample weight of each class.
    device : str, default="auto"
        A torch device; ``"auto"`` is CUDA if available, else the CPU.
    max_iter : int, default=500
        Maximum number of L-BFGS iterations; with hidden layers, the number of epochs.
    random_state : int, RandomState instance or None, default=None
        Seed of the hidden layers. A linear head is deterministic.
    **net_params
        Further parameters of the skorch net, by name: ``module__dropout``, ``optimizer``,
        ``optimizer__lr``, ``criterion__q``, ``batch_size``, ``callbacks``, ...

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The labels, sorted.
    net_ : skorch.NeuralNet
        The trained net. Only its weights, as numpy arrays, are pickled.
    coef_ : ndarray of shape (K, d)
        Weights of a linear head, for the features as given.
    intercept_ : ndarray of shape (K,)
        Biases of a linear head, for the features as given.
    strength_ : float
        Strength of the shrinkage; for an average, the geometric mean.
    prior_scale_ : float
        a, the factor of the log-probabilities of the prior; 0 without a prior.
    n_features_in_ : int
        d, the number of features.
    n_iter_ : int
        Number of L-BFGS iterations or epochs.
    anchor_ : dict
        With an automatic strength: the averages ``"strength"``, ``"prior_scale"`` (a) and
        ``"noise_rate"``; ``"prior_z_score"``, the permutation z-score of the prior's fit to the
        labels; ``"candidates"``, an array (M, 3) of these parameters; ``"evidence"`` (M,), their
        log-likelihood of held-out labels; and ``"weight"`` (M,), their weights in the average.
    out_of_fold_proba_ : float64 array of shape (n, K)
        With an automatic strength: held-out probabilities of the n rows of non-zero weight.
    held_out_heads_ : list of (bool array of shape (n,), SoftmaxHead)
        With an automatic strength: masks of held-out rows, and a head fitted without each.

    References
    ----------
    .. [1] Z. Zhang and M. Sabuncu, "Generalized cross entropy loss for training deep neural
       networks with noisy labels", NeurIPS 2018.
    .. [2] J. Ren et al., "Balanced meta-softmax for long-tailed visual recognition", NeurIPS 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skactive.heads import SoftmaxHead
    >>> X, y = load_iris(return_X_y=True)
    >>> SoftmaxHead().fit(X, y).score(X, y) > 0.9
    True
    """

    _parameter_constraints = {  # noqa: RUF012
        "hidden_layer_sizes": [tuple, list],
        "loss": [StrOptions({"auto", *LOSSES})],
        "strength": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "device": [str],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    _net: WeightedNet | None = None
    _weights: dict[str, np.ndarray]
    _averaged: AveragedHead | None = None
    _decided: dict[str, Any] | None = None

    def __init__(
        self,
        hidden_layer_sizes: tuple[int, ...] = (),
        *,
        loss: str = "auto",
        strength: float | str = "auto",
        class_weight: dict[Any, float] | str | None = "balanced",
        device: str = "auto",
        max_iter: int = 500,
        random_state: Any = None,
        **net_params: Any,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.loss = loss
        self.strength = strength
        self.class_weight = class_weight
        self.device = device
        self.max_iter = max_iter
        self.random_state = random_state
        self.__dict__.update(net_params)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        prior_log_proba: np.ndarray | None = None,
        classes: Any = None,
    ) -> "SoftmaxHead":
        """Fit the head; earlier fits have no effect.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
            The representation. A sparse matrix is never made dense as a whole.
        y : array-like of shape (n,)
            Labels of any type.
        sample_weight : array-like of shape (n,), default=None
            Sample weights. A row of weight 0 is ignored.
        prior_log_proba : array-like of shape (n, K), default=None
            Log-probabilities of the prior; columns follow the sorted classes.
        classes : array-like, default=None
            All classes, of which some may be missing in `y`. None: the classes in `y`.

        Returns
        -------
        self : SoftmaxHead
            The fitted head.

        Raises
        ------
        ValueError
            If shapes do not match, values are missing, or `classes` lacks a label of `y`.
        """
        self._check_net_params()
        for width in self.hidden_layer_sizes:
            check_count(width, "each of hidden_layer_sizes")
        X, y = validate_data(self, X, y, dtype=_FLOATS, accept_sparse="csr")
        with ignore_many_classes_warning():
            check_classification_targets(y)
        weight = check_sample_weight(sample_weight, X)
        keep = weight > 0
        if not keep.any():
            raise ValueError("sample_weight is zero for every row; at least one must be positive.")
        X, y, weight = X[keep], y[keep], weight[keep]
        self.classes_, codes = encode_labels(y, classes)
        prior = check_prior_log_proba(prior_log_proba, (len(keep), len(self.classes_)))
        prior = None if prior is None else prior[keep]
        self._anchored = prior is not None
        weight = times_class_weight(weight, y, self.class_weight)
        rows, basis = dense_coordinates(X) if sparse.issparse(X) else (X, None)
        # callbacks get X only if the head can predict it: with a prior, or in a basis, it cannot
        notified = {} if self._anchored or basis is not None else {"X": X, "y": y}
        self._center, self._scale = center_and_scale(rows, weight)
        self._averaged = None
        if self.strength == "auto" and self.loss != "gce" and not self.hidden_layer_sizes:
            with notify_fit(self, **notified):
                self._average(rows, codes, weight, prior)
        else:
            self._train(rows, codes, weight, prior, notified)
        if basis is not None:
            basis, self._scale = basis * np.isfinite(self._scale), self._scale.min()
            self._center = basis @ self._center
            self._weights, self._net = with_features(self._weights, basis), None
            self._averaged = self._averaged and self._averaged.with_features(basis)
        self._net = self._net or self._net_from_weights()
        return self

    def predict_proba(self, X: Any, prior_log_proba: np.ndarray | None = None) -> np.ndarray:
        """Probability of every class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
            The representation.
        prior_log_proba : array-like of shape (n, K), default=None
            Log-probabilities of the prior; required if and only if fit had them.

        Returns
        -------
        proba : float64 array of shape (n, K)
            Rows sum to 1, columns follow `classes_`.
        """
        X = self._check_features(X)
        shape = X.shape[0], len(self.classes_)
        prior = check_prior_log_proba(prior_log_proba, shape, self._anchored)
        proba, module = np.empty(shape), self.net_.module_.eval()
        size = max(1, _CHUNK // (shape[1] if sparse.issparse(X) else X.shape[1]))
        for start in range(0, shape[0], size):
            rows = slice(start, start + size)
            inputs = self._inputs(X[rows], None if prior is None else prior[rows])
            with torch.inference_mode():
                tensors = {k: torch.from_numpy(v).to(self._device()) for k, v in inputs.items()}
                logits = module(**tensors, first_layer_done=sparse.issparse(X))
                proba[rows] = torch.softmax(logits, dim=1).cpu().numpy()
        return proba

    def predict(self, X: Any, prior_log_proba: np.ndarray | None = None) -> np.ndarray:
        """The most probable class of every row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
            The representation.
        prior_log_proba : array-like of shape (n, K), default=None
            As in `predict_proba`.

        Returns
        -------
        labels : ndarray of shape (n,)
            Members of `classes_`.
        """
        proba = self.predict_proba(X, prior_log_proba)
        return self.classes_[proba.argmax(axis=1)]

    def last_layer_inputs(self, X: Any) -> Any:
        """Inputs of the output layer: the scaled features, after any hidden layers.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
            The representation.

        Returns
        -------
        inputs : float64 array of shape (n, h)
            Centered and scaled; h is d, or the width of the last hidden layer. Sparse features of
            a linear head remain sparse: they are scaled and not centered.
        """
        X = self._check_features(X)
        is_sparse = sparse.issparse(X)
        if is_sparse and not self.hidden_layer_sizes:
            return X.multiply(1 / self._scale).tocsr()
        inputs = torch.from_numpy(self._inputs(X, None)["X"]).to(self._device())
        module = self.net_.module_.eval()
        with torch.inference_mode():
            return module.last_hidden(inputs, first_layer_done=is_sparse).cpu().numpy()

    @property
    def net_(self) -> WeightedNet:
        check_is_fitted(self)
        if self._net is None:  # unpickled: only weights are saved
            self._net = self._net_from_weights()
        return self._net

    @property
    def out_of_fold_proba_(self) -> np.ndarray:
        return self._average_for("out_of_fold_proba_").out_of_fold[self._entry]

    @property
    def held_out_heads_(self) -> list[tuple[np.ndarray, "SoftmaxHead"]]:
        held_out = self._average_for("held_out_heads_").held_out_weights
        return [(rows[self._entry], self._copy_with(weights)) for rows, weights in held_out]

    @property
    def coef_(self) -> np.ndarray:
        return self._linear("output.weight") / self._scale

    @property
    def intercept_(self) -> np.ndarray:
        return self._linear("output.bias") - self.coef_ @ self._center

    @property
    def prior_scale_(self) -> float:
        check_is_fitted(self)
        return float(self._weights["prior_scale"]) if self._anchored else 0.0

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_net": None}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _check_features(self, X: Any) -> Any:
        check_is_fitted(self)
        return validate_data(self, X, dtype=_FLOATS, accept_sparse="csr", reset=False)

    def _inputs(self, X: Any, prior: np.ndarray | None) -> dict[str, np.ndarray]:
        if sparse.issparse(X):
            inputs = {"X": first_layer_outputs(X, self._weights, self._center, self._scale)}
        else:
            inputs = {"X": (X - self._center) / self._scale}
        return inputs if prior is None else inputs | {"prior_log_proba": prior}

    def _average(
        self, X: np.ndarray, codes: np.ndarray, weight: np.ndarray, prior: np.ndarray | None
    ) -> None:
        """Average several linear heads: see `TrainingData.average`."""
        X, codes, weight, prior, entry = merge_rows(X, codes, weight, prior)
        X = (X - self._center) / self._scale
        frequency = self._log_class_frequency(codes, weight)
        data = TrainingData(X, codes, weight, frequency, prior, self._device())
        rates = (0.0,) if self.loss == "cross_entropy" else NOISE_RATES
        self._averaged = averaged = data.average(rates, self._decided)
        self._entry, self._net, self.n_iter_ = entry, None, N_ITER
        self._weights, self.anchor_ = averaged.weights, averaged.anchor
        self.strength_ = averaged.anchor["strength"]

    def _train(self, X: Any, codes: Any, weight: Any, prior: Any, notified: dict[str, Any]) -> None:
        """Train the skorch net with a given strength."""
        self.strength_ = 2.0 if self.strength == "auto" else float(self.strength)
        inputs = self._inputs(X, prior) | {
            "sample_weight": weight / weight.mean(),
            "offset": np.tile(self._log_class_frequency(codes, weight), (len(X), 1)),
        }
        with private_torch_generator(draw_seed(self.random_state), self._device()):
            self._net = net = self._make_net(self.strength_ / weight.sum()).initialize()
            with notify_epochs(self, net, lambda: {"_net": net}, **notified):
                net.partial_fit(inputs, codes)
        self._weights = {k: v.cpu().numpy().copy() for k, v in net.module_.state_dict().items()}
        self.n_iter_ = count_iterations(net, self.max_iter)

    def _average_for(self, attribute: str) -> AveragedHead:
        if self._averaged is None:
            raise AttributeError(f"{attribute} needs strength='auto', no 'gce', no hidden layers.")
        return self._averaged

    def _log_class_frequency(self, codes: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return log_class_frequency(codes, weight, len(self.classes_), self.class_weight)

    def _with_weights(self, weights: dict[str, np.ndarray]) -> "SoftmaxHead":
        """A fitted copy of a linear head, with other weights, which apply to unscaled features."""
        head = self._copy_with(weights)
        head._center, head._scale = np.zeros_like(self._center), np.ones(())
        return head

    def _copy_with(self, weights: dict[str, np.ndarray]) -> "SoftmaxHead":
        """A fitted copy with other weights."""
        head = copy(self)
        head._weights, head._net, head._averaged = weights, None, None
        return head

    def _net_from_weights(self) -> WeightedNet:
        with private_torch_generator(0):  # initial weights are random; they are replaced below
            net = self._make_net(shrinkage=0.0).initialize()
        net.module_.load_state_dict({k: torch.tensor(v) for k, v in self._weights.items()})
        return net

    def _make_net(self, shrinkage: float) -> WeightedNet:
        return make_net(
            (len(self._center), *self.hidden_layer_sizes, len(self.classes_)),
            LOSSES["cross_entropy" if self.loss == "auto" else self.loss],
            self.max_iter,
            {"device": self._device(), "shrinkage": shrinkage} | self._net_params(),
        )

    def _device(self) -> str:
        return resolve_device(self.device, double=True)

    def _linear(self, name: str) -> np.ndarray:
        check_is_fitted(self)
        if self.hidden_layer_sizes:
            raise AttributeError("A SoftmaxHead with hidden layers has no coef_ or intercept_.")
        return self._weights[name]
