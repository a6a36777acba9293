"""TRUSTED_TYPES: the types of skactive that skops may load."""

import inspect

from skactive import strategies

TRUSTED_TYPES: list[str] = [
    "skactive.active.ActiveClassifier",
    "skactive.annotators.AnnotatorEstimate",
    "skactive.budget.BudgetedClassifier",
    "skactive._data.batch.Batch",
    "skactive._data.frame_records.ColumnRecord",
    "skactive._data.frame_records.FrameRecord",
    "skactive._data.labels.AggregatedLabels",
    "skactive._data.labels.LabelHistory",
    "skactive._data.pipeline.Parts",
    "skactive._learner.class_prototypes.ClassPrototypes",
    "skactive._learner.component.MixtureComponent",
    "skactive._learner.component.TrainingRows",
    "skactive._learner.fingerprints.Fingerprints",
    "skactive._learner.fitted_state.FittedState",
    "skactive._learner.learner.LearnerState",
    "skactive._learner.mixture.MixtureModel",
    "skactive._learner.pool_clusters.PoolClusters",
    "skactive._learner.pool_summary.PoolSummary",
    "skactive._learner.prior_calibration.CalibratedPrior",
    "skactive._learner.prior_calibration.PriorStatistics",
    "skactive._learner.query_record.PseudoLabels",
    "skactive._learner.query_record.RowNotes",
    "skactive._learner.refresh.RefreshState",
    "skactive._learner.tuned_model.TunedModel",
    "skactive.encoders.audio.AudioEncoder",
    "skactive.encoders.image.ClipEncoder",
    "skactive.encoders.table.TableEncoder",
    "skactive.encoders.text.SentenceEncoder",
    "skactive.encoders.tuned.TunedEncoder",
    "skactive.encoders.tuned.Weights",
    "skactive.finetune.classifier.FineTunedClassifier",
    "skactive.heads.averaged_head.AveragedHead",
    "skactive.heads.averaged_head.TrainingData",
    "skactive.heads.softmax.SoftmaxHead",
    "skactive.heads.stacking.Calibration",
    "skactive.heads.table_columns.CategoryColumn",
    "skactive.heads.table_columns.NumberColumn",
    "skactive.heads.table_columns.TableColumns",
    "skactive.heads.table_columns.TextColumn",
    "skactive.heads.table_features.TableFeatures",
    "skactive.heads.table_learners.LinearLearner",
    "skactive.heads.table_learners.TreesLearner",
    "skactive.heads.tabular.TabularClassifier",
    "skactive.noise.NoiseEstimate",
    "skactive.priors.cached_prior.CachedPrior",
    "skactive.priors.renamed_prior.RenamedPrior",
    "skactive.priors.zero_shot.ZeroShotClassifier",
    "skactive.regression.active_regressor.ActiveRegressor",
    "skactive.strategies.neuronal.LossNetworks",
    "skactive.stream.label_budget.LabelBudget",
    "skactive.stream.rules.FixedRule",
    "skactive.stream.rules.NeuronalRule",
    "skactive.stream.rules.QuantileRule",
    "skactive.stream.rules.RandomRule",
    "skactive.stream.rules.RandomVariableRule",
    "skactive.stream.rules.SplitRule",
    "skactive.stream.rules.VariableRule",
    "skactive.stream.sampler.StreamSampler",
    *(
        f"{strategy.__module__}.{strategy.__name__}"
        for strategy in map(strategies.__dict__.get, strategies.__all__)
        if inspect.isclass(strategy) and not inspect.isabstract(strategy)
    ),
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.gaussian_process.kernels.Sum",
    "sklearn.gaussian_process.kernels.WhiteKernel",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
]
"""Types to pass to ``skops.io.load(path, trusted=skactive.TRUSTED_TYPES)``.

The list contains the estimators and strategies of skactive, and the classes that store their numpy
arrays. It contains no types of torch, since weights are saved as numpy arrays. Of scikit-learn, it
contains the kernels of the default `ActiveRegressor` and the optimizer of the rule ``"neuronal"``.
Other types that skops reports as untrusted have to be added by the user, such as
``"sklearn.tree._tree.Tree"`` and
``"sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"`` for a table classifier: the
compiled code of trees does not check what it reads.
"""
