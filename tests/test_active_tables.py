"""ActiveClassifier on tables with missing values and categories."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from skactive import ActiveClassifier, strategies
from skactive._data.tables import table_matrix
from skactive.strategies import QueryStrategy
from tests.support.tables import TABLE, N, Y

BOOSTING = HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=2)
NO_PRIOR = [name for name in strategies.names() if "prior" not in strategies.get(name).needs]


class FirstRows(QueryStrategy):
    """Selects the first rows and keeps the view."""

    def select(self, view, n):
        FirstRows.view = view
        return np.arange(n)


# In the classifier --------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [0, 12])
@pytest.mark.parametrize("strategy", ["auto", *NO_PRIOR])
def test_every_strategy_accepts_a_table(strategy, labels):
    clf = ActiveClassifier(BOOSTING, strategy=strategy, random_state=0)
    if labels:
        clf.fit(TABLE[:labels], Y[:labels])
    queried = clf.query(TABLE, 5)
    assert len(set(queried)) == 5
    assert queried.min() >= labels


def test_a_table_is_passed_to_the_head_unchanged():
    clf = ActiveClassifier(BOOSTING, random_state=0)
    for _ in range(3):
        queried = clf.query(TABLE, 10)
        clf.partial_fit(TABLE.iloc[queried], Y[queried])
    assert clf.score(TABLE, Y) > 0.85
    assert clf.feature_names_in_.tolist() == TABLE.columns.tolist()
    assert clf.estimator_.is_categorical_.tolist() == [False, True, False, False, False]


@pytest.mark.parametrize("head", [BOOSTING, RandomForestClassifier(5)])
def test_tree_heads_receive_standardized_columns(head):
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(60, 3)) * [1, 1e3, 1e6]
    clf = ActiveClassifier(head, strategy=FirstRows(), random_state=0).fit(rows[:9], Y[:9])
    for model in (clf, clone(clf)):
        model.query(rows, 5)
        np.testing.assert_allclose(FirstRows.view.X.std(axis=0), 1, atol=1e-3)
    np.testing.assert_array_equal(
        ActiveClassifier(head, random_state=0).query(rows, 9),
        ActiveClassifier(head, random_state=0).query(rows * [1e3, 1, 1e-3], 9),
    )


def test_labeled_rows_are_on_the_scale_of_the_pool():
    rng = np.random.default_rng(1)
    table = TABLE.assign(size=rng.normal(size=N))  # no two rows are equal
    clf = ActiveClassifier(BOOSTING, strategy=FirstRows(), random_state=0).fit(table[:9], Y[:9])
    clf.query(table, 5)
    known = {row.tobytes() for row in table_matrix(table[9:])(table[:9])}
    assert {row.tobytes() for row in FirstRows.view.labeled_X} == known


def test_other_heads_receive_the_original_scale():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(20, 2)) * [1, 1e6]
    ActiveClassifier(LogisticRegression(), strategy=FirstRows()).query(rows, 5)
    np.testing.assert_array_equal(FirstRows.view.X, rows)


def test_batches_with_other_categories():
    """As if each batch came from its own file."""
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
