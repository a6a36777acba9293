"""Losses without reduction, for sample weights: logits (n, K) and codes (n,) to losses (n,)."""

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
