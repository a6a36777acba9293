"""Active learning for scikit-learn: rare classes, unreliable labels, a foundation model's prior.

Nothing is imported before it is asked for: torch and the foundation models take seconds to load.
"""

import importlib
from typing import Any

__version__ = "0.1.0.dev0"

_HOME = {
    "ActiveClassifier": "skactive.active",
    "BudgetedClassifier": "skactive.budget",
    "ClipEncoder": "skactive.encoders",
    "FineTunedClassifier": "skactive.finetune",
    "LearningCurves": "skactive.curves",
    "LearningCurvesDisplay": "skactive.display",
    "PoolMapDisplay": "skactive.display",
    "SentenceEncoder": "skactive.encoders",
    "SkorchAdapter": "skactive.heads",
    "SoftmaxHead": "skactive.heads",
    "TRUSTED_TYPES": "skactive._trusted_types",
    "ZeroShotClassifier": "skactive.priors",
    "simulate": "skactive.simulation",
}
_MODULES = ("datasets", "encoders", "finetune", "heads", "noise", "priors", "strategies")

__all__ = [*_HOME, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"skactive.{name}")
    raise AttributeError(f"module 'skactive' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
