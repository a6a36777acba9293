"""Small networks on top of a representation."""

from skactive.heads.skorch_adapter import SkorchAdapter
from skactive.heads.softmax import SoftmaxHead

__all__ = ["SkorchAdapter", "SoftmaxHead"]
