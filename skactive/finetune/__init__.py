"""The foundation model itself, trained on the labels."""

from skactive.finetune.classifier import FineTunedClassifier

__all__ = ["FineTunedClassifier"]
