"""The data sets, long tails and flipped labels."""

import re
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from skactive.datasets import CLASS_PROMPTS, flip_labels, load_scipy_docs, make_long_tailed
from tests.support.errors import X, Y, fails


@pytest.fixture(scope="module")
def docs():
    return load_scipy_docs()


# SciPy's docstrings


def test_many_texts_in_unequal_classes(docs):
    texts, labels = docs
    assert len(texts) == len(labels) == len(set(texts)) > 2500
    classes, counts = np.unique(labels, return_counts=True)
    assert classes.tolist() == sorted(CLASS_PROMPTS)
    assert 15 < counts.max() / counts.min() < 30


def test_texts_are_prose_without_their_label(docs):
    for text, label in zip(*docs, strict=True):
        assert isinstance(text, str)
        assert text == " ".join(text.split()) != ""
        assert not re.search(rf"\b{label}\b", text, re.IGNORECASE), text
        assert "(x, /, out=None" not in text
        assert not re.fullmatch(r"\S+: \w+ ---.*", text)


def test_no_python_builtins_and_no_deprecated_objects(docs):
    texts, _ = docs
    names = {text.split(": ")[0] for text in texts}
    assert {"csr_array.tocoo", "norm", "gamma", "KDTree.query", "dijkstra"} <= names
    assert not any(name.endswith((".with_traceback", ".fromkeys", ".popitem")) for name in names)
    assert not any(name.endswith(".dtype") for name in names)
    assert not any(part.startswith("_") for name in names for part in name.split("."))


def test_same_in_another_process_with_warnings_as_errors(docs):
    code = (
        "import sys, zlib; from skactive.datasets import load_scipy_docs; t, y = load_scipy_docs();"
        "print(zlib.crc32('|'.join([*t, *y]).encode())); assert 'torch' not in sys.modules"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, check=True, capture_output=True)
    assert int(done.stdout) == zlib.crc32("|".join([*docs[0], *docs[1]]).encode())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = load_scipy_docs()
    assert again[0] == docs[0]
    assert (again[1] == docs[1]).all()


def test_stripped_docstrings_are_an_error():
    code = "from skactive.datasets import load_scipy_docs; load_scipy_docs()"
    done = subprocess.run([sys.executable, "-OO", "-c", code], capture_output=True, text=True)
    assert "removes SciPy's docstrings" in done.stderr


def test_prompts_are_different_sentences():
    assert all(prompt.endswith(".") for prompt in CLASS_PROMPTS.values())
    assert len(set(CLASS_PROMPTS.values())) == 13


# make_long_tailed


@given(
    counts=st.lists(st.integers(60, 200), min_size=2, max_size=6),
    ratio=st.floats(1, 50),
    seed=st.integers(0, 2**31 - 1),
)
def test_long_tail_has_its_profile(counts, ratio, seed):
    y = np.repeat([f"c{code}" for code in range(len(counts))], counts)
    rows, kept = make_long_tailed(np.arange(len(y)), y, ratio, random_state=seed)
    assert (np.diff(rows) > 0).all()  # distinct, in the original order
    assert (kept == y[rows]).all()
    sizes = np.sort(np.unique(kept, return_counts=True)[1])
    assert len(sizes) == len(counts)
    profile = sizes[0] * ratio ** (np.arange(len(sizes)) / (len(sizes) - 1))
    np.testing.assert_allclose(sizes, profile, atol=1 + 1e-6)
    again, _ = make_long_tailed(np.arange(len(y)), y, ratio, random_state=seed)
    assert (again == rows).all()


def test_long_tail_keeps_as_much_as_it_can():
    y = np.repeat([0, 1, 2], 100)
    for seed in range(5):
        _, kept = make_long_tailed(y, y, ratio=25, random_state=seed)
        assert sorted(np.bincount(kept)) == [4, 20, 100]
    assert len(make_long_tailed(y, y, ratio=1)[1]) == 300


def test_class_order_and_rows_are_random():
    y = np.repeat([0, 1, 2], 100)
    rows = [make_long_tailed(np.arange(300), y, 25, random_state=seed)[0] for seed in range(20)]
    largest = {np.bincount(y[kept]).argmax() for kept in rows}
    assert largest == {0, 1, 2}
    assert len({row for kept in rows for row in kept}) > 290


@pytest.mark.parametrize(
    "container",
    [
        list,
        np.array,
        pd.Series,
        lambda v: pd.DataFrame({"a": v}),
        lambda v: sparse.csr_array([v]).T,
    ],
)
def test_containers_are_kept(container):
    y = ["a", "b"] * 50
    X = container([float(i) for i in range(100)])
    if sparse.issparse(X):
        X = X.tocsr()
    X_kept, y_kept = make_long_tailed(X, y, ratio=5, random_state=0)
    assert type(X_kept) is type(X)
    assert isinstance(y_kept, list)
    assert len(y_kept) == 60


@pytest.mark.parametrize("ratio", [0.5, 0, -1, np.nan, np.inf])
def test_ratio_below_one(ratio):
    with pytest.raises(ValueError, match="ratio must be a number of at least 1, got"):
        make_long_tailed([1, 2], ["a", "b"], ratio)


def test_too_few_rows_for_the_ratio():
    with pytest.raises(ValueError, match=r"class '.' has 2 rows, and would need 3 .* Lower ratio"):
        make_long_tailed(range(4), ["a", "a", "b", "b"], ratio=3)


def test_invalid_y():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make_long_tailed([1, 2, 3], ["a", "b"], 2)
    with pytest.raises(ValueError, match=r"y has 1 class\(es\), \['a'\]: give labels"):
        make_long_tailed([1, 2], ["a", "a"], 2)
    with pytest.raises(ValueError, match="continuous"):
        make_long_tailed([1, 2], [0.5, 0.25], 2)


# flip_labels

LABELS = {
    "str": np.repeat(["a", "b", "c"], 4000),
    "int": np.repeat([5, -3, 0, 9], 3000),
    "bool": np.repeat([True, False], 6000),
    "object": np.repeat(np.array(["a", "bb"], dtype=object), 6000),
}


@pytest.mark.parametrize("kind", ["symmetric", "pairflip"])
@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS)
def test_labels_are_flipped_at_the_rate_and_by_the_kind(y, kind):
    before = y.copy()
    given_y = flip_labels(y, 0.3, random_state=0, kind=kind)
    assert (y == before).all()
    assert given_y.dtype == y.dtype
    classes, codes = np.unique(y, return_inverse=True)
    step = (np.searchsorted(classes, given_y) - codes) % len(classes)
    frequency = np.bincount(step, minlength=len(classes)) / len(y)
    expected = np.zeros(len(classes))
    if kind == "symmetric":
        expected[1:] = 0.3 / (len(classes) - 1)
    else:
        expected[1] = 0.3
    expected[0] = 0.7
    np.testing.assert_allclose(frequency, expected, atol=0.02)  # five standard errors


@given(
    y=st.lists(st.integers(0, 3), min_size=2, max_size=30).filter(lambda y: len(set(y)) > 1),
    rates=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted),
    seed=st.integers(0, 2**31 - 1),
    kind=st.sampled_from(["symmetric", "pairflip"]),
)
def test_a_higher_rate_flips_a_superset(y, rates, seed, kind):
    low, high = (flip_labels(y, rate, seed, kind) for rate in rates)
    flipped = low != y
    assert (low[flipped] == high[flipped]).all()
    assert (flip_labels(y, 0, seed, kind) == y).all()
    assert (flip_labels(y, 1, seed, kind) != y).all()
    assert (flip_labels(y, rates[0], seed, kind) == low).all()


def test_seeds():
    y = LABELS["str"]
    assert (flip_labels(y, 0.5, 0) != flip_labels(y, 0.5, 1)).any()
    assert (flip_labels(y, 0.5) != flip_labels(y, 0.5)).any()
    rng = np.random.RandomState(0)
    assert (flip_labels(y, 0.5, rng) == flip_labels(y, 0.5, 0)).all()
    assert (flip_labels(y, 0.5, rng) != flip_labels(y, 0.5, 0)).any()


@pytest.mark.parametrize("rate", [-0.1, 1.1, np.nan])
def test_rate_is_a_probability(rate):
    with pytest.raises(ValueError, match="rate must be a probability between 0 and 1, got"):
        flip_labels([0, 1], rate)


def test_invalid_kind_and_single_class():
    with pytest.raises(ValueError, match="kind must be 'symmetric' or 'pairflip', got 'sym'"):
        flip_labels([0, 1], 0.1, kind="sym")
    with pytest.raises(ValueError, match="give labels of at least two"):
        flip_labels(["a", "a"], 0.1)


@pytest.mark.parametrize("amount", ["0.2", None, [0.2]])
def test_rates_and_ratios_that_are_no_numbers(amount):
    fails("rate must be a probability between 0 and 1, got", flip_labels, Y, amount)
    fails("ratio must be a number of at least 1, got", make_long_tailed, X, Y, amount)
