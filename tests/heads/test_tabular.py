"""TabularClassifier."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import balanced_accuracy_score

from skactive import SoftmaxHead, TabularClassifier
from tests.support.tables import TABLE, N, Y


def fitted(**params):
    return TabularClassifier(random_state=0, **params).fit(TABLE[::2], Y[::2])


def test_a_mixed_table_as_it_comes():
    clf = fitted()
    assert clf.score(TABLE[1::2], Y[1::2]) > 0.85
    proba = clf.predict_proba(TABLE)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal(clf.predict(TABLE), clf.classes_[proba.argmax(axis=1)])
    assert clf.feature_names_in_.tolist() == TABLE.columns.tolist()
    weights = clf.learner_weights_
    assert list(weights) == ["linear", "kernel", "forest", "boosting"]
    np.testing.assert_allclose(sum(weights.values()), 1)


def test_polars_and_pandas_agree():
    frame = pl.from_pandas(TABLE.reset_index(drop=True))
    clf = TabularClassifier(random_state=0).fit(frame[::2], Y[::2])
    np.testing.assert_array_equal(clf.predict_proba(frame[:20]), fitted().predict_proba(TABLE[:20]))


def test_the_order_of_the_rows_does_not_matter_and_a_weight_is_a_repetition():
    order = np.random.default_rng(0).permutation(60)
    rows, labels = TABLE.iloc[:60], Y[:60]
    clf = TabularClassifier(random_state=0)
    expected = clone(clf).fit(rows, labels).predict_proba(TABLE)
    shuffled = clone(clf).fit(rows.iloc[order], labels[order]).predict_proba(TABLE)
    np.testing.assert_array_equal(shuffled, expected)
    weight = np.arange(60) // 3 % 3
    repeated = clone(clf).fit(rows.iloc[np.repeat(range(60), weight)], np.repeat(labels, weight))
    weighted = clone(clf).fit(rows, labels, sample_weight=weight)
    np.testing.assert_allclose(weighted.predict_proba(TABLE), repeated.predict_proba(TABLE))
    assert weighted.out_of_fold_proba_.shape == (39, 3)


def test_a_weight_is_a_repetition_with_more_categories_than_indicators():
    table = pd.DataFrame({"c": np.r_[np.repeat([f"k{i:02d}" for i in range(40)], 2), ["zz"]]})
    labels, weight = np.r_[np.tile([0, 1], 40), 1], np.r_[np.ones(80), 30]
    repeated = np.repeat(np.arange(81), weight.astype(int))
    clf = TabularClassifier(random_state=0)
    expected = clone(clf).fit(table.iloc[repeated], labels[repeated]).predict_proba(table)
    weighted = clone(clf).fit(table, labels, sample_weight=weight).predict_proba(table)
    np.testing.assert_allclose(weighted, expected)


def test_categories_stored_as_integers_are_known_when_a_missing_value_makes_them_floats():
    store = np.random.default_rng(0).integers(1, 5, 150)
    clf = TabularClassifier(random_state=0)
    clf.fit(pd.DataFrame({"store": pd.Categorical(store)}), store % 2)
    rows = pd.DataFrame({"store": pd.Categorical([1, 2, 3, 4, None])})
    assert clf.predict(rows)[:4].tolist() == [1, 0, 1, 0]


def test_out_of_fold_probabilities_do_not_contain_the_label():
    labels = np.random.default_rng(0).choice(["a", "b"], size=N)
    distinct = TABLE.assign(number=np.random.default_rng(1).normal(size=N))
    clf = TabularClassifier(random_state=0).fit(distinct, labels)
    held_out = clf.classes_[clf.out_of_fold_proba_.argmax(axis=1)]
    assert (held_out == labels).mean() < 0.6
    assert clf.score(distinct, labels) > 0.7


def test_learners_that_fit_the_table_get_the_weight():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(400, 4))
    checks = (np.floor(2 * X[:, 0]) + np.floor(2 * X[:, 1])) % 2
    weights = TabularClassifier(random_state=0).fit(X, checks).learner_weights_
    assert weights["linear"] < 0.1
    smooth = X @ rng.normal(size=4) > 0
    weights = TabularClassifier(random_state=0).fit(X, smooth).learner_weights_
    assert weights["linear"] > 2 * weights["boosting"]


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_at_least_as_good_as_one_linear_head_on_an_interaction(noise):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 5))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    given = np.where(rng.random(900) < noise, rng.integers(2, size=900), y)
    clf = TabularClassifier(random_state=0).fit(X[:300], given[:300])
    head = SoftmaxHead().fit(X[:300], given[:300])
    assert clf.score(X[300:], y[300:]) > head.score(X[300:], y[300:]) + 0.15


def test_balanced_by_default_and_plain_accuracy_on_request():
    rng = np.random.default_rng(0)
    y = (rng.random(900) < 0.1).astype(int)
    X = rng.normal(size=(900, 3)) + 1.2 * y[:, None]
    models = [
        TabularClassifier(class_weight=weight, random_state=0) for weight in ("balanced", None)
    ]
    balanced, plain = (model.fit(X[:300], y[:300]).predict(X[300:]) for model in models)
    assert balanced_accuracy_score(y[300:], balanced) > balanced_accuracy_score(y[300:], plain)
    assert (plain == y[300:]).mean() > (balanced == y[300:]).mean()


def test_class_weights_by_class():
    even = TabularClassifier(class_weight=None, random_state=0).fit(TABLE, Y)
    favored = TabularClassifier(class_weight={"ant": 20.0}, random_state=0).fit(TABLE, Y)
    assert favored.predict_proba(TABLE)[:, 0].mean() > even.predict_proba(TABLE)[:, 0].mean()


def test_rows_of_a_class_of_weight_zero_are_ignored_and_held_out():
    clf = TabularClassifier(class_weight={"ant": 0.0}, random_state=0).fit(TABLE, Y)
    even = TabularClassifier(class_weight=None, random_state=0)
    even.fit(TABLE, Y, sample_weight=(Y != "ant").astype(float))
    proba = clf.predict_proba(TABLE)
    np.testing.assert_array_equal(proba, even.predict_proba(TABLE))
    np.testing.assert_array_equal(clf.out_of_fold_proba_[Y == "ant"], proba[Y == "ant"])
    np.testing.assert_array_equal(clf.out_of_fold_proba_[Y != "ant"], even.out_of_fold_proba_)


@pytest.mark.parametrize(
    ("rows", "labels"), [([0], ["ant"]), ([0, 3, 6], ["ant"] * 3), ([0, 1], ["ant", "bee"])]
)
def test_few_labels_and_one_class(rows, labels):
    clf = TabularClassifier(random_state=0)
    clf.fit(TABLE.iloc[rows], labels, classes=["ant", "bee", "cow"])
    assert clf.classes_.tolist() == ["ant", "bee", "cow"]
    proba = clf.predict_proba(TABLE)
    assert proba.shape == (N, 3)
    assert np.isfinite(proba).all()
    assert clf.out_of_fold_proba_.shape == (len(rows), 3)
    assert clone(clf).fit(TABLE.iloc[rows], labels).classes_.tolist() == sorted(set(labels))


def test_unusual_columns():
    rng = np.random.default_rng(0)
    table = TABLE.assign(
        constant=1, none=None, id=[f"id {i}" for i in range(N)], wide=1e300 * rng.normal(size=N)
    )
    clf = TabularClassifier(random_state=0).fit(table[::2], Y[::2])
    later = table[1::2].assign(constant="x", none="y", color="unseen")
    assert np.isfinite(clf.predict_proba(later)).all()
    assert clf.score(table[1::2], Y[1::2]) > 0.8
    constant = pd.DataFrame({"a": np.ones(9)})
    proba = TabularClassifier(random_state=0).fit(constant, Y[:9]).predict_proba(constant)
    np.testing.assert_allclose(proba, 1 / 3, atol=0.1)


def test_ten_thousand_categories():
    rng = np.random.default_rng(0)
    names = np.array([f"c{i}" for i in rng.integers(10_000, size=2000)])
    table = pd.DataFrame({"name": names, "x": rng.normal(size=2000)})
    labels = table["x"] > 0
    clf = TabularClassifier(random_state=0).fit(table[:300], labels[:300])
    assert clf.score(table[300:], labels[300:]) > 0.9


@pytest.mark.parametrize("as_text", [False, True])
def test_dates_from_pandas_and_polars(as_text):
    days = pd.date_range("2023-01-01", periods=300, freq="31h").to_series(index=range(300))
    labels = np.is_busday(days.to_numpy().astype("datetime64[D]"))
    table = pd.DataFrame({"day": days.dt.strftime("%Y-%m-%d %H:%M") if as_text else days})
    proba = []
    for frame in (table, pl.from_pandas(table)):
        clf = TabularClassifier(random_state=0).fit(frame[::2], labels[::2])
        assert clf.score(frame[1::2], labels[1::2]) > 0.95
        proba.append(clf.predict_proba(frame))
    np.testing.assert_array_equal(*proba)


def test_texts_are_embedded_where_asked():
    class Words:
        """Counts of two words."""

        def transform(self, texts):
            return np.array([[text.count("red"), text.count("blue")] for text in texts]) * 1.0

    colors = np.random.default_rng(0).choice(["red", "blue"], size=80)
    table = pd.DataFrame({"note": [f"note {i}: the door is {c}" for i, c in enumerate(colors)]})
    with pytest.raises(ValueError, match=r"Column 'note' holds texts.*drop the column"):
        TabularClassifier().fit(table, colors)
    clf = TabularClassifier(text_encoder=Words(), random_state=0).fit(table[:40], colors[:40])
    assert clf.score(table[40:], colors[40:]) == 1


def test_distances_follow_the_importance_of_columns():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 8))
    clf = TabularClassifier(random_state=0)
    before = clf.distance_features(X)(X)
    np.testing.assert_allclose(before.std(axis=0), 1, atol=1e-3)
    after = clf.fit(X, X[:, 0] > 0).distance_features(X)(X)
    spread = after.std(axis=0)
    assert spread[0] > 2
    assert spread[1:].max() < 1
    np.testing.assert_allclose((spread**2).sum(), 8, rtol=0.02)


def test_distance_features_refuse_texts():
    with pytest.raises(ValueError, match="holds texts"):
        TabularClassifier().distance_features(
            TABLE.assign(note="a text of more than four words" + TABLE.index)
        )


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"text_encoder": "all-MiniLM-L6-v2"}, "'text_encoder' parameter"),
        ({"class_weight": "even"}, "'class_weight' parameter"),
        ({"random_state": "seed"}, "'random_state' parameter"),
    ],
)
def test_invalid_parameters(params, match):
    with pytest.raises(ValueError, match=match):
        TabularClassifier(**params).fit(TABLE, Y)


def test_invalid_rows_and_labels():
    clf = TabularClassifier()
    with pytest.raises(NotFittedError):
        clf.predict(TABLE)
    with pytest.raises(ValueError, match="not among classes"):
        clf.fit(TABLE, Y, classes=["ant", "bee"])
    with pytest.raises(ValueError, match="at least one"):
        clf.fit(TABLE, Y, sample_weight=np.zeros(N))
    with pytest.raises(ValueError, match="'size' contains infinity"):
        clf.fit(TABLE.assign(size=np.r_[np.inf, np.zeros(N - 1)]), Y)
