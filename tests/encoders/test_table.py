"""TableEncoder: each part by hand, and properties of any table."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import make_circles
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skactive import ActiveClassifier, SoftmaxHead, TableEncoder

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False, width=32) | st.just(float("nan"))
TABLES = arrays(np.float64, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=NUMBERS)


def make_table(n=200, d=3, seed=0):
    return np.random.default_rng(seed).lognormal(size=(n, d))


def parts(encoder, X):
    encoded, d = encoder.transform(X), X.shape[1]
    return encoded[:, :d], encoded[:, d : 2 * d], encoded[:, 2 * d :]


def test_values_are_standardized():
    X = make_table()
    values, _, _ = parts(TableEncoder().fit(X), X)
    np.testing.assert_allclose(values, (X - X.mean(axis=0)) / X.std(axis=0) / 3**0.5, atol=1e-5)


def test_scores_are_normal_quantiles_of_ranks():
    X = make_table(n=99, d=1)  # no more rows than quantiles
    _, scores, _ = parts(TableEncoder().fit(X), X)
    by_hand = np.empty(99)
    by_hand[X[:, 0].argsort()] = norm.ppf(np.linspace(0, 1, 99))
    by_hand = np.clip(by_hand, -3, 3)
    np.testing.assert_allclose(scores[:, 0], by_hand / by_hand.std(), atol=1e-4)


def test_random_features_approach_a_gaussian_kernel():
    X = make_table(n=30)
    _, _, features = parts(TableEncoder(n_components=100_000).fit(X), X)
    kernel = rbf_kernel(StandardScaler().fit_transform(X), gamma=0.25 / 3)
    np.testing.assert_allclose(features @ features.T, kernel, atol=0.03)


def test_every_part_has_a_mean_square_of_one():
    X = make_table()
    for part in parts(TableEncoder().fit(X), X):
        assert (part**2).sum(axis=1).mean() == pytest.approx(1, abs=0.1)


def test_no_kernel():
    assert TableEncoder(n_components=0).fit_transform(make_table()).shape == (200, 6)


@settings(max_examples=50, deadline=None)
@given(TABLES, st.integers(0, 2**32 - 1))
def test_any_table(X, seed):
    encoder = TableEncoder(n_components=5).fit(X)
    encoded = encoder.transform(X)
    assert encoded.shape == (len(X), 2 * X.shape[1] + 5)
    assert encoded.dtype == np.float32
    assert np.isfinite(encoded).all()
    order = np.random.default_rng(seed).permutation(len(X))
    np.testing.assert_array_equal(encoder.transform(X[order]), encoded[order])
    in_other_order = TableEncoder(n_components=5).fit(X[order]).transform(X)
    np.testing.assert_allclose(in_other_order, encoded, rtol=1e-3, atol=1e-3)


def test_single_precision_and_an_increasing_function_of_a_column():
    X = make_table(n=100)  # with more rows, some scores are interpolated
    scores = parts(TableEncoder().fit(X), X)[1]
    single = TableEncoder().fit_transform(X.astype(np.float32))
    np.testing.assert_allclose(single, TableEncoder().fit_transform(X), atol=1e-4)
    np.testing.assert_allclose(parts(TableEncoder().fit(X**3), X**3)[1], scores, atol=1e-5)


def test_missing_values_become_zero():
    X = make_table()
    encoder = TableEncoder().fit(X)
    values, scores, _ = parts(encoder, np.full((1, 3), np.nan))
    np.testing.assert_array_equal(values, 0)
    np.testing.assert_array_equal(scores, 0)
    holes = np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X)
    assert np.isfinite(TableEncoder().fit_transform(holes)).all()


def test_constant_and_empty_columns():
    X = np.column_stack([np.full(20, 7.0), np.full(20, np.nan), np.arange(20)])
    encoder = TableEncoder().fit(X)
    values, scores, _ = parts(encoder, X + np.array([1e9, 0, 0]))  # their scale is unknown
    np.testing.assert_array_equal(values[:, :2], 0)
    np.testing.assert_array_equal(scores[:, :2], 0)


def test_random_state():
    X = make_table()
    first = TableEncoder(random_state=1).fit_transform(X)
    np.testing.assert_array_equal(first, TableEncoder(random_state=1).fit_transform(X))
    assert not np.array_equal(first, TableEncoder(random_state=2).fit_transform(X))
    # with a fixed seed the random features do not depend on the rows
    half = TableEncoder(random_state=1).fit(X[:100])
    whole = clone(half).fit(X)
    np.testing.assert_array_equal(half._kernel.random_weights_, whole._kernel.random_weights_)


def test_names_of_columns_and_pickle():
    table = pd.DataFrame(make_table(), columns=["a", "b", "c"])
    encoder = TableEncoder(n_components=2).fit(table)
    assert list(encoder.get_feature_names_out()) == [f"tableencoder{i}" for i in range(8)]
    with pytest.raises(ValueError, match="feature names"):
        encoder.transform(table[["b", "a", "c"]])
    copy = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(copy.transform(table), encoder.transform(table))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([["a", "b"]], "could not convert"),
        ([[np.inf, 1.0]], "infinity"),
        (np.empty((0, 2)), "0 sample"),
    ],
)
def test_invalid_tables(X, message):
    with pytest.raises(ValueError, match=message):
        TableEncoder().fit(X)


@pytest.mark.parametrize("value", [-1, 2.5, "many"])
def test_invalid_parameter(value):
    with pytest.raises(ValueError, match="n_components"):
        TableEncoder(n_components=value).fit(make_table())


def test_a_linear_head_follows_a_circle():
    X, y = make_circles(400, noise=0.1, factor=0.4, random_state=0)
    plain = SoftmaxHead().fit(X[:100], y[:100]).score(X[100:], y[100:])
    encoded = make_pipeline(TableEncoder(), SoftmaxHead()).fit(X[:100], y[:100])
    assert plain < 0.7
    assert encoded.score(X[100:], y[100:]) > 0.95


def test_with_categories_inside_active_classifier():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"size": rng.lognormal(size=300), "kind": rng.choice(["x", "y"], 300)})
    labels = np.where((table["size"] > 1) == (table["kind"] == "x"), "yes", "no")
    table.loc[::10, "size"] = np.nan
    columns = make_column_transformer(
        (TableEncoder(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), ["kind"]),
    )
    clf = ActiveClassifier(make_pipeline(columns, SoftmaxHead()), random_state=0)
    for _ in range(3):
        queried = clf.query(table, 10)
        clf.partial_fit(table.iloc[queried], labels[queried])
    assert clf.predict_proba(table).shape == (300, 2)
