"""Reliability of annotators, against brute force and hand-computed results."""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from cleanlab.multiannotator import get_label_quality_multiannotator
from hypothesis import given
from hypothesis import strategies as st

from skactive.annotators import (
    AnnotatorEstimate,
    answer_gain,
    dawid_skene,
    krippendorff_alpha,
)


def crowd(seed=0, n=60, accuracies=(0.9, 0.8, 0.4), n_classes=3, per_row=3):
    """Answers of a simulated crowd."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(n_classes, size=n)
    rows = np.repeat(np.arange(n), per_row)
    annotators = np.concatenate([rng.permutation(len(accuracies))[:per_row] for _ in range(n)])
    right = rng.random(len(rows)) < np.array(accuracies)[annotators]
    wrong = (truth[rows] + rng.integers(1, n_classes, size=len(rows))) % n_classes
    return truth, rows, annotators, np.where(right, truth[rows], wrong)


def test_unreliable_annotators_are_found():
    truth, rows, annotators, codes = crowd(n=300)
    estimate = dawid_skene(rows, annotators, codes, 3)
    assert np.abs(estimate.accuracy - [0.9, 0.8, 0.4]).max() < 0.1
    majority = np.array([np.bincount(codes[rows == i], minlength=3).argmax() for i in range(300)])
    assert (estimate.proba.argmax(axis=1) == truth).mean() > (majority == truth).mean()
    np.testing.assert_allclose(estimate.proba.sum(axis=1), 1)
    np.testing.assert_allclose(estimate.confusion.sum(axis=2), 1)


def test_class_dependent_errors_are_found():
    """An annotator who never says 2, among two good ones."""
    _, rows, annotators, codes = crowd(n=400, accuracies=(0.9, 0.9, 0.9))
    codes = np.where((annotators == 2) & (codes == 2), 0, codes)
    confusion = dawid_skene(rows, annotators, codes, 3).confusion
    assert confusion[2, 2, 0] > 0.8
    assert confusion[0, 2, 2] > 0.8


def test_posterior_by_brute_force():
    """Given the confusion matrices, the posterior is that of Bayes' rule."""
    _, rows, annotators, codes = crowd(n=12)
    prior = np.random.default_rng(1).dirichlet(np.ones(3), size=12)
    estimate = dawid_skene(rows, annotators, codes, 3, prior=prior)
    for row in range(12):
        joint = prior[row].copy()
        for annotator, code in zip(annotators[rows == row], codes[rows == row], strict=True):
            joint *= estimate.confusion[annotator, :, code]
        np.testing.assert_allclose(estimate.proba[row], joint / joint.sum(), atol=1e-3)


def test_few_labels_are_shrunk_to_one_coin():
    estimate = dawid_skene([0, 1, 2], [0, 0, 1], [0, 1, 0], 3)
    off = estimate.confusion[1][~np.eye(3, dtype=bool)].reshape(3, 2)
    assert np.ptp(off[1]) < 0.02  # of a class that this annotator has not seen
    assert 0.4 < estimate.accuracy[1] < 1


def test_a_prior_tells_annotators_apart_with_one_answer_per_row():
    truth, rows, annotators, codes = crowd(n=90, accuracies=(0.95, 0.3), per_row=1)
    prior = np.full((90, 3), 0.1)
    prior[np.arange(90), truth] = 0.8
    accuracy = dawid_skene(rows, annotators, codes, 3, prior=prior).accuracy
    assert accuracy[0] > 0.8
    assert accuracy[1] < 0.6


@given(st.integers(0, 2**31))
def test_order_has_no_effect(seed):
    rng = np.random.default_rng(seed)
    _, rows, annotators, codes = crowd(seed, n=8)
    order = rng.permutation(len(rows))
    first = dawid_skene(rows, annotators, codes, 3)
    second = dawid_skene(rows[order], annotators[order], codes[order], 3)
    assert isinstance(first, AnnotatorEstimate)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_one_class_and_one_annotator():
    estimate = dawid_skene([0, 1], [0, 0], [0, 0], 1)
    certain = AnnotatorEstimate(np.ones((2, 1)), np.ones((1, 1, 1)), estimate.accuracy)
    for found, expected in zip(estimate, certain, strict=True):
        np.testing.assert_allclose(found, expected)
    codes = np.array([0, 1, 2, 1])
    estimate = dawid_skene(np.arange(4), np.zeros(4, dtype=int), codes, 3)
    assert estimate.proba.argmax(axis=1).tolist() == codes.tolist()


ERRORS = {
    "annotators has shape": ([0, 1], [0], [0, 1], 2, None),
    "rows must hold whole numbers": ([0.5], [0], [0], 2, None),
    "codes holds 2, but n_classes=2": ([0], [0], [2], 2, None),
    "annotators must hold whole numbers from 0": ([0], [-1], [0], 2, None),
    r"prior must hold probabilities of shape \(1, 2\)": ([0], [0], [0], 2, [[1.0]]),
}


@pytest.mark.parametrize("message", ERRORS)
def test_errors(message):
    rows, annotators, codes, n_classes, prior = ERRORS[message]
    with pytest.raises(ValueError, match=message):
        dawid_skene(rows, annotators, codes, n_classes, prior=prior)


def test_alpha_of_krippendorffs_example():
    """Four observers, twelve units, from Krippendorff (2011), section C: 0.743."""
    table = [
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    ]
    entries = [(i, int(c)) for line in table for i, c in enumerate(line.split()) if c != "."]
    assert krippendorff_alpha(*zip(*entries, strict=True)) == pytest.approx(0.743, abs=5e-4)


@pytest.mark.filterwarnings("ignore")
def test_crowd_kit_agrees():
    """With many answers, priors have no effect: its Dawid-Skene gives the same labels."""
    pytest.importorskip("crowdkit", reason="needs the package crowd-kit")
    from crowdkit.aggregation import DawidSkene
    from crowdkit.metrics.data import alpha_krippendorff

    _, rows, annotators, codes = crowd(n=300, accuracies=(0.9, 0.8, 0.7, 0.6, 0.5), per_row=5)
    answers = pd.DataFrame({"task": rows, "worker": annotators, "label": codes})
    expected = DawidSkene(n_iter=100).fit_predict(answers).reindex(range(300)).to_numpy()
    found = dawid_skene(rows, annotators, codes, 3).proba.argmax(axis=1)
    assert (found == expected).mean() > 0.97
    assert krippendorff_alpha(rows, codes) == pytest.approx(alpha_krippendorff(answers))


def test_labels_are_as_accurate_as_those_of_cleanlab():
    """With the same held-out predictions, which are right for 60 % of the rows."""
    gains = []
    for seed in range(5):
        truth, rows, annotators, codes = crowd(seed, 120, (0.9, 0.8, 0.4, 0.7), per_row=3)
        guess = np.where(np.random.default_rng(seed).random(120) < 0.6, truth, (truth + 1) % 3)
        prior = 0.2 + 0.4 * np.eye(3)[guess]
        found = dawid_skene(rows, annotators, codes, 3, prior=prior).proba.argmax(axis=1)
        answers = pd.DataFrame({"row": rows, "who": annotators, "code": codes})
        answers = answers.pivot(index="row", columns="who", values="code")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            quality = get_label_quality_multiannotator(answers, prior, verbose=False)
        theirs = quality["label_quality"]["consensus_label"].to_numpy()
        gains.append((found == truth).mean() - (theirs == truth).mean())
    assert np.mean(gains) >= 0


def test_alpha_at_its_limits():
    assert krippendorff_alpha([0, 0, 1, 1], [0, 0, 1, 1]) == 1.0
    assert np.isnan(krippendorff_alpha([0, 1, 2], [0, 1, 0]))
    assert np.isnan(krippendorff_alpha([0, 0], [1, 1]))
    assert np.isnan(krippendorff_alpha([], []))
    rng = np.random.default_rng(0)
    assert abs(krippendorff_alpha(np.repeat(np.arange(3000), 2), rng.integers(3, size=6000))) < 0.05
    for message, rows, codes in (
        ("rows has shape", [0], [0, 1]),
        ("rows has shape", [0], 1),
        (r"codes must hold whole numbers from 0; got \[1, -1\]", [2, 2], [1, -1]),
        ("codes must hold whole numbers", [0, 0], [0.0, 1.0]),
        ("rows must hold whole numbers", [0.5, 0.5], [0, 1]),
    ):
        with pytest.raises(ValueError, match=message):
            krippendorff_alpha(rows, codes)


def test_gain_by_brute_force():
    rng = np.random.default_rng(0)
    proba, confusion = rng.dirichlet(np.ones(3), size=5), rng.dirichlet(np.ones(3), size=3)
    for p, gain in zip(proba, answer_gain(proba, confusion), strict=True):
        after = sum(
            max(p[true] * confusion[true, answer] for true in range(3)) for answer in range(3)
        )
        assert gain == pytest.approx(after - p.max())
    assert (answer_gain(proba, np.full((3, 3), 1 / 3)) == 0).all()
    for p, q in itertools.pairwise([0.5, 0.7, 0.9]):
        confident, less = answer_gain(
            [[q, 1 - q], [p, 1 - p]], np.array([[0.95, 0.05], [0.05, 0.95]])
        )
        assert confident < less
