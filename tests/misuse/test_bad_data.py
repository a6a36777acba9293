"""What functions on labels and folders, a fine-tuning and a map of a pool cannot take."""

import numpy as np
import pytest
from misuse import X, Y, fails, table
from sklearn.linear_model import LogisticRegression

from skactive import FineTunedClassifier, PoolMapDisplay
from skactive.datasets import flip_labels, load_folder, make_long_tailed
from skactive.noise import estimate_noise, label_trust

EVEN = np.full((3, 2), 0.5)
BAD_CODES = {
    "labels": (EVEN, ["a", "b", "a"], r"codes must be whole numbers from 0 to 1.*searchsorted"),
    "floats": (EVEN, [0.0, 1.0, 0.0], "codes must be whole numbers from 0 to 1"),
    "too large": (EVEN, [0, 1, 2], r"codes must be whole numbers from 0 to 1.* got \[0, 1, 2\]"),
    "negative": (EVEN, [0, -1, 1], "codes must be whole numbers from 0 to 1"),
    "too few": (EVEN, [0, 1], r"proba has shape \(3, 2\) and codes \(2,\), expected \(m, K\)"),
    "no columns": (EVEN[0], [0, 1], r"proba has shape \(2,\)"),
}


@table(BAD_CODES)
def test_codes(case):
    proba, codes, match = case
    fails(match, label_trust, proba, codes)
    fails(match, estimate_noise, proba, codes, np.ones(3))


def test_weights_of_another_length():
    fails(r"weight has shape \(2,\), expected \(3,\)", estimate_noise, EVEN, [0, 1, 0], np.ones(2))


def test_lists_are_taken():
    np.testing.assert_allclose(label_trust([[0.25, 0.75]], [0]), 0.25 / 0.75**0.5)


@pytest.mark.parametrize("amount", ["0.2", None, [0.2]])
def test_shares_that_are_no_numbers(amount):
    fails("rate must be a probability between 0 and 1, got", flip_labels, Y, amount)
    fails("ratio must be a number of at least 1, got", make_long_tailed, X, Y, amount)


@pytest.mark.parametrize("folder", [None, 3, ["a", "b"]])
def test_folders_that_are_no_paths(folder):
    fails("folder must be a path, got", load_folder, folder)


def test_fine_tuning(tiny_sentence_model):
    clf = FineTunedClassifier(str(tiny_sentence_model), random_state=0)
    fails("X is 'text' .*list or array with one entry per row", clf.fit, "text", list("abab"))
    fails("X is None", clf.fit, None, ["a"])
    fails("requires y to be passed", clf.fit, ["one", "two"], None)
    fails("y contains NaN or None, at position 1", clf.fit, ["one", "two"], ["a", None])
    fails("X has 2 rows, but y has 1 labels", clf.fit, ["one", "two"], ["a"])
    fails("resume=True needs the checkpoint_dir", clf.set_params(resume=True).fit, ["one"], ["a"])


def test_a_map_of_what_no_active_classifier_sees():
    clf = LogisticRegression().fit(X, Y)
    fails("estimator must be an ActiveClassifier, got", PoolMapDisplay.from_estimator, clf, X)
