"""Rows as vectors: frozen foundation models, with the row cache they share, and tables."""

from skactive.encoders.image import ClipEncoder
from skactive.encoders.table import TableEncoder
from skactive.encoders.text import SentenceEncoder

__all__ = ["ClipEncoder", "SentenceEncoder", "TableEncoder"]
