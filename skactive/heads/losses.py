"""Losses of one row each, so that sample weights can enter: logits (n, K), codes (n,) -> (n,)."""

import numpy as np
import torch

_UNSEEN = 0.1  # labels that a class without any is taken to have


class CrossEntropy(torch.nn.Module):
    """Minus the log-probability of the given label."""

    def forward(self, logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(logits, y, reduction="none")


class GeneralizedCrossEntropy(torch.nn.Module):
    """(1 - p_y^q) / q: cross-entropy as q goes to 0, the mean absolute error at q = 1.

    Its gradient is that of the cross-entropy times p_y^q: a label that the model finds unlikely,
    as wrong ones are, pulls less.

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
    """Minus the log-probability of a label that is any of the K with probability `noise_rate`.

    A label that the model finds much less likely than noise_rate / K hardly pulls at all.

    Parameters
    ----------
    noise_rate : float
        0 <= noise_rate < 1; at 0 it is the cross-entropy.
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
    """What is taken out of the logits so that no class is favored for being labeled often.

    Parameters
    ----------
    codes : int array of shape (n,)
        Labels.
    weight : array of shape (n,)
        How much each counts.
    n_classes : int
        K.
    class_weight : object
        Zeros unless it is ``"balanced"``.

    Returns
    -------
    log_class_frequency : array of shape (K,)
        Logarithms of the classes' shares among the labels.
    """
    if class_weight != "balanced":
        return np.zeros(n_classes)
    totals = np.bincount(codes, weight, n_classes) + _UNSEEN
    return np.log(totals / totals.sum())
