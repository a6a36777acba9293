"""Losses without reduction, for sample weights, and the weights and frequencies of classes."""

from numbers import Real
from typing import Any

import numpy as np
import torch

_SMOOTHING = 0.1  # added to the number of labels of each class


class CrossEntropy(torch.nn.Module):
    """Negative log-probability of the given label."""

    def forward(self, logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(logits, y, reduction="none")


class GeneralizedCrossEntropy(torch.nn.Module):
    """(1 - p_y^q) / q: cross-entropy as q goes to 0, the mean absolute error at q = 1.

    Its gradient is that of the cross-entropy times p_y^q. Labels that the model finds unlikely, as
    many wrong labels are, therefore have less influence.

    Parameters
    ----------
    q : float, default=0.7
        0 < q <= 1.

    References
    ----------
    Z. Zhang and M. Sabuncu, "Generalized cross entropy loss for training deep neural networks with
    noisy labels", NeurIPS 2018.
    """

    def __init__(self, q: float = 0.7) -> None:
        super().__init__()
        self.q = q

    def forward(self, logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        log_proba = -torch.nn.functional.cross_entropy(logits, y, reduction="none")
        return -torch.expm1(self.q * log_proba) / self.q


class NoisyCrossEntropy(torch.nn.Module):
    """Negative log-likelihood of labels of which a fraction `noise_rate` is uniformly random.

    A label with a probability far below noise_rate / K has almost no influence.

    Parameters
    ----------
    noise_rate : float
        0 <= noise_rate < 1; with 0 the loss is the cross-entropy.
    """

    def __init__(self, noise_rate: float) -> None:
        super().__init__()
        self.noise_rate = noise_rate

    def extra_repr(self) -> str:
        return f"noise_rate={self.noise_rate}"

    def forward(self, logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        log_proba = -torch.nn.functional.cross_entropy(logits, y, reduction="none")
        if not self.noise_rate:
            return -log_proba
        noise = torch.full_like(log_proba, self.noise_rate / logits.shape[1]).log()
        return -torch.logaddexp(log_proba + np.log1p(-self.noise_rate), noise)


LOSSES = {"cross_entropy": CrossEntropy, "gce": GeneralizedCrossEntropy}


def log_class_frequency(
    codes: np.ndarray, weight: np.ndarray, n_classes: int, class_weight: object
) -> np.ndarray:
    """Logarithms of the class frequencies, the logit offset of the balanced softmax.

    The offset is added to the logits in training only. Without it, the classifier would favor
    classes with many labels.

    Parameters
    ----------
    codes : int array of shape (n,)
        Labels.
    weight : array of shape (n,)
        Sample weights.
    n_classes : int
        K.
    class_weight : object
        The offset is zero unless `class_weight` is ``"balanced"``.

    Returns
    -------
    log_class_frequency : array of shape (K,)
        Logarithms of the smoothed class frequencies among the labels, or zeros.
    """
    if class_weight != "balanced":
        return np.zeros(n_classes)
    totals = np.bincount(codes, weight, n_classes) + _SMOOTHING
    return np.log(totals / totals.sum())


def times_class_weight(weight: np.ndarray, y: np.ndarray, class_weight: Any) -> np.ndarray:
    """Sample weights times the weights of the classes, if these are given as a dict.

    Parameters
    ----------
    weight : array of shape (n,)
        Sample weights, of which one is positive.
    y : array of shape (n,)
        Labels.
    class_weight : dict or object
        Weight of each class, 1 for other classes. No dict: the sample weights stay as they are.

    Returns
    -------
    weight : array of shape (n,)

    Raises
    ------
    ValueError
        If a weight of a class is negative, infinite or no number, or all products are zero.
    """
    if not isinstance(class_weight, dict):
        return weight
    for label, value in class_weight.items():
        if not isinstance(value, Real) or not 0 <= float(value) < np.inf:
            raise ValueError(
                f"class_weight gives class {label!r} the weight {value!r}. Give a finite number, "
                "at least 0."
            )
    weight = weight * np.array([class_weight.get(label, 1.0) for label in y.tolist()], dtype=float)
    if not (weight > 0).any():
        raise ValueError(
            f"class_weight={class_weight!r} gives every row weight 0. Give a positive weight to a "
            "class in y."
        )
    return weight
