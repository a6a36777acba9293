"""The types in a saved model that skops may load."""

import inspect

from skactive import strategies

TRUSTED_TYPES: list[str] = [
    "skactive.active.ActiveClassifier",
    "skactive.budget.BudgetedClassifier",
    "skactive._learned.Learned",
    "skactive._memory.Canonical",
    "skactive._memory.LabelMemory",
    "skactive._pipeline.Parts",
    "skactive._prior.Prior",
    "skactive._seen_pool.SeenPool",
    "skactive.encoders.image.ClipEncoder",
    "skactive.encoders.table.TableEncoder",
    "skactive.encoders.text.SentenceEncoder",
    "skactive.encoders.tuned.TunedEncoder",
    "skactive.encoders.tuned.Weights",
    "skactive.finetune.classifier.FineTunedClassifier",
    "skactive.heads.anchoring.PoolSummary",
    "skactive.heads.directions.Directions",
    "skactive.heads.directions.Groups",
    "skactive.heads.automatic.AveragedHead",
    "skactive.heads.automatic.LabelledRows",
    "skactive.heads.expert.Expert",
    "skactive.heads.joint.JointModel",
    "skactive.heads.softmax.SoftmaxHead",
    "skactive.noise.NoiseEstimate",
    "skactive.priors.ZeroShotClassifier",
    *(
        f"{strategy.__module__}.{strategy.__name__}"
        for strategy in map(strategies.__dict__.get, strategies.__all__)
        if inspect.isclass(strategy) and not inspect.isabstract(strategy)
    ),
]
"""What ``skops.io.load(path, trusted=skactive.TRUSTED_TYPES)`` needs to be told of: skactive's
estimators, its strategies, and what holds the numpy arrays in them. Nothing of torch is among them,
since weights are saved as numpy arrays; types of scikit-learn's that skops asks about are not
skactive's to vouch for."""
