"""The skorch net inside SoftmaxHead: an anchored softmax layer, with or without hidden layers."""

from itertools import pairwise
from typing import Any

import torch
from skorch import NeuralNet


class AnchoredSoftmax(torch.nn.Module):
    """logits = a * log p_prior(x) + f(x), with f linear or a small ReLU network.

    It starts where f is zero, so that an untrained net says what the prior says.

    Parameters
    ----------
    n_features, n_classes : int
        Width of the input and of the output.
    hidden_layer_sizes : tuple of int, default=()
        Widths of the hidden layers; none of them makes f linear.
    dropout : float, default=0.0
        Share of hidden units dropped in training.
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        hidden_layer_sizes: tuple[int, ...] = (),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        widths = (n_features, *hidden_layer_sizes)
        self.hidden = torch.nn.Sequential(
            *(
                layer
                for pair in pairwise(widths)
                for layer in (torch.nn.Linear(*pair), torch.nn.ReLU(), torch.nn.Dropout(dropout))
            )
        )
        self.output = torch.nn.Linear(widths[-1], n_classes)
        torch.nn.init.zeros_(self.output.weight)
        torch.nn.init.zeros_(self.output.bias)
        self.prior_scale = torch.nn.Parameter(torch.ones(()))
        self.double()

    def forward(self, X: torch.Tensor, prior_log_proba: torch.Tensor | None = None) -> torch.Tensor:
        logits = self.output(self.hidden(X))
        return logits if prior_log_proba is None else logits + self.prior_scale * prior_log_proba

    def squared_distance_to_anchor(self) -> torch.Tensor:
        """How far the weights are from saying just what the prior says."""
        weights = [p for name, p in self.named_parameters() if name != "prior_scale"]
        return sum((w.square().sum() for w in weights), (self.prior_scale - 1).square())


class WeightedNet(NeuralNet):
    """A skorch net whose criterion gives one loss a row, weighted and shrunk toward the anchor.

    skorch hands every entry of a dict X to ``module.forward``; here ``sample_weight`` is kept back
    for the loss.

    Parameters
    ----------
    shrinkage : float
        Weight of half the squared distance to the anchor, beside the mean loss.
    """

    def __init__(self, *args: Any, shrinkage: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shrinkage = shrinkage

    def infer(self, x: dict[str, torch.Tensor], **fit_params: Any) -> torch.Tensor:
        inputs = {name: value for name, value in x.items() if name != "sample_weight"}
        return super().infer(inputs, **fit_params)

    def get_loss(
        self,
        y_pred: torch.Tensor,
        y_true: torch.Tensor,
        X: dict[str, torch.Tensor],
        training: bool = False,
    ) -> torch.Tensor:
        weight = X["sample_weight"].to(y_pred)
        loss = (weight * self.criterion_(y_pred, y_true.to(y_pred.device))).mean()
        return loss + self.shrinkage / 2 * self.module_.squared_distance_to_anchor()
