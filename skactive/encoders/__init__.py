"""Frozen foundation models as scikit-learn transformers, and the row cache they share."""

from skactive.encoders.image import ClipEncoder
from skactive.encoders.text import SentenceEncoder

__all__ = ["ClipEncoder", "SentenceEncoder"]
