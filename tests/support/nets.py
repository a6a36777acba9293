"""A small skorch net."""

import torch
from skorch import NeuralNetClassifier


class Linear(torch.nn.Module):
    """As users write them: float32 in, logits out."""

    def __init__(self, n_classes=2, dropout=0.0):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Dropout(dropout), torch.nn.Linear(5, n_classes))

    def forward(self, X):
        return self.layers(X)


def make_net(module=Linear, criterion=torch.nn.CrossEntropyLoss, **params):
    defaults = {"lr": 0.05, "max_epochs": 15, "batch_size": -1, "verbose": 0}
    return NeuralNetClassifier(module, criterion=criterion, **(defaults | params))
