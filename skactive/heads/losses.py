"""Losses of one row each, so that sample weights can enter: logits (n, K), codes (n,) -> (n,)."""

import torch


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


LOSSES = {"cross_entropy": CrossEntropy, "gce": GeneralizedCrossEntropy}
