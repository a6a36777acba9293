"""Stopping rules, on progress that is computed by hand."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from skactive.evaluation import (
    ClassificationChange,
    GainBelowPrice,
    LabelingProgress,
    OverallUncertainty,
    RuleCombination,
    StabilizingPredictions,
    StationaryPredictions,
    StoppingRule,
    TargetReached,
)
from skactive.evaluation.stopping import _cohen_kappa
from tests.support.errors import fails

RNG = np.random.default_rng(0)


def progress_of(predictions):
    progress = LabelingProgress()
    for i, codes in enumerate(predictions):
        progress.add(np.eye(3)[codes], None, n_labels=20 * (i + 1))
    return progress


def test_kappa_equals_that_of_scikit_learn():
    first, second = RNG.integers(4, size=(2, 50))
    assert _cohen_kappa(first, second) == pytest.approx(cohen_kappa_score(first, second))
    assert _cohen_kappa(first * 0, first * 0) == 1.0


def test_stabilizing_predictions():
    one, other = [0, 1, 2, 0, 1, 2], [0, 1, 2, 0, 1, 1]
    kappa = cohen_kappa_score(one, other)  # 0.75
    rule = StabilizingPredictions(kappa=(1 + kappa) / 2 - 1e-9, window=2)
    assert not rule.should_stop(progress_of([one, one]))  # one pair only
    assert rule.should_stop(progress_of([one, other, other]))
    assert not rule.should_stop(progress_of([one, other, one]))
    assert rule.should_stop(progress_of([one, other, one, one]))
    assert not StabilizingPredictions(0.9).should_stop(progress_of([one, other, other]))


def test_stationary_predictions():
    base = np.arange(20) % 3

    def changed(*rows):
        codes = base.copy()
        codes[list(rows)] = (codes[list(rows)] + 1) % 3
        return codes

    steady = [changed(*range(n)) for n in range(5)]  # one further row changes each time
    fluctuating = [base, changed(0), base, changed(0), base]
    walk = [base, changed(0), changed(1), changed(0), changed(2)]
    assert not StationaryPredictions(ratio=1.99).should_stop(progress_of(steady))
    assert StationaryPredictions(ratio=2).should_stop(progress_of(steady))
    assert StationaryPredictions(ratio=1).should_stop(progress_of(fluctuating))
    # the last consecutive fits differ by 2, 2, 2 rows, fits two apart by 1, 0, 2
    assert StationaryPredictions(ratio=1).should_stop(progress_of(walk))
    assert not StationaryPredictions().should_stop(progress_of(fluctuating[1:]))  # four fits
    assert StationaryPredictions(window=2).should_stop(progress_of(fluctuating[1:]))
    kappa = cohen_kappa_score(base, changed(0))
    assert StationaryPredictions(kappa=kappa - 1e-9).should_stop(progress_of(fluctuating))
    assert not StationaryPredictions(kappa=kappa + 1e-9).should_stop(progress_of(fluctuating))
    only_last = [base, base, base, base, changed(0)]  # 1 / 3 in both means
    assert StationaryPredictions(ratio=1).should_stop(progress_of(only_last))
    before = [changed(0), base, base, base, base]  # consecutive fits are equal, fits apart differ
    assert not StationaryPredictions().should_stop(progress_of(before))


def test_overall_uncertainty():
    progress = LabelingProgress()
    progress.add(np.array([[0.5, 0.5], [1.0, 0.0]]), None, n_labels=1)
    assert OverallUncertainty(threshold=0.5).should_stop(progress)
    assert not OverallUncertainty(threshold=0.49).should_stop(progress)


def test_classification_change():
    before, now = [0, 1, 2, 0], [0, 1, 2, 1]
    assert not ClassificationChange().should_stop(progress_of([now]))
    assert ClassificationChange().should_stop(progress_of([before, now, now]))
    assert not ClassificationChange().should_stop(progress_of([before, now]))
    assert ClassificationChange(threshold=0.25).should_stop(progress_of([before, now]))


@pytest.mark.parametrize(
    "rule",
    [
        StabilizingPredictions(),
        StationaryPredictions(),
        OverallUncertainty(),
        ClassificationChange(),
        TargetReached(0.5),
        GainBelowPrice(),
        RuleCombination([OverallUncertainty(), TargetReached(0.5)]),
    ],
)
def test_no_rule_stops_before_the_first_fit(rule):
    assert rule.should_stop(LabelingProgress()) is False


class Never(StoppingRule):
    def should_stop(self, progress):
        return False


def test_combinations():
    progress = progress_of([[0, 1], [0, 1], [0, 1]])
    yes, no = ClassificationChange(), Never()
    for n_agree, stop in ((1, True), (2, True), (3, False)):
        assert RuleCombination([yes, no, yes], n_agree=n_agree).should_stop(progress) is stop
    assert RuleCombination([yes, TargetReached(0.5)]).needs_estimates
    assert not RuleCombination(iter([yes, no])).needs_estimates
    fails("n_agree=3, but there are 2", RuleCombination([yes, no], 3).should_stop, progress)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (StabilizingPredictions(kappa=2), "'kappa' parameter of StabilizingPredictions"),
        (StabilizingPredictions(window=0), "'window' parameter"),
        (StationaryPredictions(ratio=0.9), "'ratio' parameter of StationaryPredictions"),
        (OverallUncertainty(-1), "'threshold' parameter"),
        (ClassificationChange("none"), "'threshold' parameter"),
        (RuleCombination([], n_agree=0), "'n_agree' parameter"),
    ],
)
def test_invalid_rules(rule, message):
    fails(message, rule.should_stop, progress_of([[0, 1], [0, 1]]))
