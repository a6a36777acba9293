"""Tables with missing values and categories, for heads that take them as they are."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from skactive import ActiveClassifier, strategies
from skactive._data.tables import fill_empty_columns, table_matrix
from skactive.strategies import QueryStrategy

N = 240
RNG = np.random.default_rng(0)
CODES = np.arange(N) % 3
Y = np.array(["ant", "bee", "cow"])[CODES]
TABLE = pd.DataFrame(
    {
        "size": np.where(RNG.random(N) < 0.2, np.nan, 1e6 * (CODES + 0.2 * RNG.normal(size=N))),
        "color": pd.Categorical(np.where(CODES == 1, "red", RNG.choice(["red", "blue"], size=N))),
        "legs": pd.array(np.where(CODES == 0, 6, 4), dtype="Int64"),
        "tame": RNG.random(N) < 0.5,
        "empty": np.full(N, np.nan),
    },
    index=[f"row {i}" for i in range(N)],
)
TABLE.loc[TABLE.index[::7], "legs"] = pd.NA
TABLE.loc[TABLE.index[::9], "color"] = None
BOOSTING = HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=2)
NO_PRIOR = [name for name in strategies.names() if "prior" not in strategies.get(name).needs]


class Watching(QueryStrategy):
    """Keeps the view."""

    def select(self, view, n):
        Watching.view = view
        return np.arange(n)


# The matrix of a table ----------------------------------------------------------------------------


def test_numbers_are_standardised_and_missing_ones_put_at_the_mean():
    table = pd.DataFrame({"a": [1.0, 3.0, np.nan], "b": [-1e9, 1e9, 0.0]})
    expected = [[-1, -(1.5**0.5)], [1, 1.5**0.5], [0, 0]]
    np.testing.assert_allclose(table_matrix(table)(table), expected, rtol=1e-6)


def test_categories_become_columns_most_frequent_first():
    table = pd.DataFrame({"a": ["x", "y", "y", None, "y", "x"]})
    expected = np.array([[0, 1, 0], [1, 0, 0], [1, 0, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(table_matrix(table)(table), expected)
    unknown = table_matrix(table)(pd.DataFrame({"a": ["z"]}))
    np.testing.assert_array_equal(unknown, [[0, 0, 0]])


def test_two_categories_are_as_far_apart_as_two_numbers_on_average():
    numbers = RNG.normal(size=(500, 1))
    matrix = table_matrix(numbers)(numbers)
    squares = (matrix - matrix.T) ** 2
    assert squares.mean() == pytest.approx(2)
    texts = np.array([["x"], ["y"]], dtype=object)
    one, other = table_matrix(texts)(texts)
    assert ((one - other) ** 2).sum() == pytest.approx(2)


def test_many_categories_are_cut():
    names = [f"name {i}" for i in range(100)] + ["often"] * 3
    matrix = table_matrix(pd.DataFrame({"a": names}))(pd.DataFrame({"a": ["often", "name 0"]}))
    assert matrix.shape == (2, 32)
    assert matrix[0, 0] == 1


def test_categories_that_are_numbers_are_categories():
    table = pd.DataFrame({"a": pd.Categorical([1, 2, 9])})
    assert table_matrix(table)(table).shape == (3, 3)


@pytest.mark.parametrize(
    "column", [np.full(4, np.nan), [None] * 4, pd.array([pd.NA] * 4, dtype="Int64"), np.ones(4)]
)
def test_a_column_that_tells_nothing_moves_nothing(column):
    table = pd.DataFrame({"a": column})
    np.testing.assert_array_equal(table_matrix(table)(table), np.zeros((4, 1)))
    if table["a"].isna().all():
        texts = pd.DataFrame({"a": ["x", "y"]})
        np.testing.assert_array_equal(table_matrix(table)(texts), np.zeros((2, 1)))


@pytest.mark.parametrize(
    "container",
    [
        lambda frame: frame,
        lambda frame: frame.astype("Float64"),
        lambda frame: pl.DataFrame(frame.to_dict("list")).with_columns(pl.all().fill_nan(None)),
        lambda frame: frame.to_numpy(),
        lambda frame: frame.to_numpy().astype(object),
    ],
    ids=["pandas", "nullable", "polars", "array", "objects"],
)
def test_the_container_does_not_matter(container):
    frame = pd.DataFrame({"a": [1.0, np.nan, 4.0], "b": [0.0, 1.0, 1.0]})
    table = container(frame)
    np.testing.assert_array_equal(table_matrix(table)(table), table_matrix(frame)(frame))


# In the classifier --------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [0, 12])
@pytest.mark.parametrize("strategy", ["auto", *NO_PRIOR])
def test_every_strategy_takes_a_table(strategy, labels):
    clf = ActiveClassifier(BOOSTING, strategy=strategy, random_state=0)
    if labels:
        clf.fit(TABLE[:labels], Y[:labels])
    asked = clf.query(TABLE, 5)
    assert len(set(asked)) == 5
    assert asked.min() >= labels


def test_a_table_is_learned_from_as_it_is():
    clf = ActiveClassifier(BOOSTING, random_state=0)
    for _ in range(3):
        asked = clf.query(TABLE, 10)
        clf.partial_fit(TABLE.iloc[asked], Y[asked])
    assert clf.score(TABLE, Y) > 0.85
    assert clf.feature_names_in_.tolist() == TABLE.columns.tolist()
    assert clf.estimator_.is_categorical_.tolist() == [False, True, False, False, False]


@pytest.mark.parametrize("head", [BOOSTING, RandomForestClassifier(5)])
def test_to_trees_the_scale_of_a_column_means_nothing(head):
    rows = RNG.normal(size=(60, 3)) * [1, 1e3, 1e6]
    clf = ActiveClassifier(head, strategy=Watching(), random_state=0).fit(rows[:9], Y[:9])
    for model in (clf, clone(clf)):
        model.query(rows, 5)
        np.testing.assert_allclose(Watching.view.X.std(axis=0), 1, atol=1e-3)
    np.testing.assert_array_equal(
        ActiveClassifier(head, random_state=0).query(rows, 9),
        ActiveClassifier(head, random_state=0).query(rows * [1e3, 1, 1e-3], 9),
    )


def test_labeled_rows_are_on_the_scale_of_the_pool():
    table = TABLE.assign(size=RNG.normal(size=N))  # no two rows are equal
    clf = ActiveClassifier(BOOSTING, strategy=Watching(), random_state=0).fit(table[:9], Y[:9])
    clf.query(table, 5)
    known = {row.tobytes() for row in table_matrix(table[9:])(table[:9])}
    assert {row.tobytes() for row in Watching.view.labeled_X} == known


def test_to_other_heads_the_scale_is_their_own_affair():
    rows = RNG.normal(size=(20, 2)) * [1, 1e6]
    ActiveClassifier(LogisticRegression(), strategy=Watching()).query(rows, 5)
    np.testing.assert_array_equal(Watching.view.X, rows)


def test_batches_that_know_other_categories():
    """As when each is read from a file of its own."""
    first, second = TABLE[TABLE["color"] == "red"], TABLE[TABLE["color"] == "blue"]
    apart = [
        part.assign(color=pd.Categorical(part["color"].astype(str))) for part in (first, second)
    ]
    assert apart[0]["color"].dtype != apart[1]["color"].dtype
    labels = [pd.Series(Y, index=TABLE.index)[part.index] for part in apart]
    clf = ActiveClassifier(BOOSTING, random_state=0).partial_fit(apart[0], labels[0])
    clf.partial_fit(apart[1], labels[1])
    assert clf.estimator_.is_categorical_[1]
    assert apart[0]["color"].cat.categories.tolist() == ["red"]
    assert clf.score(TABLE, Y) > 0.6


@pytest.mark.parametrize(
    "container",
    [
        lambda frame: frame,
        lambda frame: frame.rename(columns={"a": 0, "b": 1, "c": 2}),
        lambda frame: frame.to_numpy(),
        lambda frame: pl.DataFrame(frame.to_dict("list")),
    ],
    ids=["pandas", "numbers for names", "array", "polars"],
)
def test_a_column_of_labeled_rows_without_any_number(container):
    frame = pd.DataFrame({"a": [np.nan] * 6, "b": [0, np.nan, 0, 1, 1, 1.0], "c": [np.nan] * 6})
    rows, y = container(frame), [0, 0, 0, 1, 1, 1]
    filled = np.asarray(fill_empty_columns(rows))
    np.testing.assert_array_equal(filled, np.column_stack([np.zeros(6), frame["b"], np.zeros(6)]))
    clf = ActiveClassifier(HistGradientBoostingClassifier(min_samples_leaf=1), random_state=0)
    assert clf.fit(rows, y).score(rows, y) == 1
    assert np.isnan(np.asarray(rows, dtype=float)).sum() == 13


def test_columns_with_something_in_them_are_left_alone():
    some = TABLE.drop(columns="empty")
    assert fill_empty_columns(some) is some
    assert fill_empty_columns(TABLE)["color"].dtype == "category"
