"""Fine-tuning: a classifier that trains the foundation model itself on the labels."""

from skactive.finetune.classifier import FineTunedClassifier

__all__ = ["FineTunedClassifier"]
