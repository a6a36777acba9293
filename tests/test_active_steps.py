"""query_steps, and what a strategy may return."""

import numpy as np
import pytest

from skactive import simulate, strategies
from skactive.strategies import QueryStrategy, SequentialStrategy
from tests.support.active import X_NEW, FirstRows, X, Y, make_active, make_prior


def answered(clf, pool, labels, n):
    """All positions of query_steps, with the true labels sent."""
    steps, asked = clf.query_steps(pool, n), []
    positions = next(steps, None)
    while positions is not None:
        asked.append(positions)
        try:
            positions = steps.send(labels[positions])
        except StopIteration:
            positions = None
    return np.concatenate([np.empty(0, dtype=int), *asked])


@pytest.mark.parametrize("name", ["galaxy", "direct", "tailor", "nas"])
def test_a_sequential_strategy_receives_the_labels(name):
    clf = make_active(strategy=name).fit(X[:12], Y[:12])
    labels = np.roll(np.unique(Y), 1)[np.searchsorted(np.unique(Y), Y)]  # all are surprising
    asked = answered(clf, X, labels, 20)
    assert len(set(asked.tolist())) == 20
    view = make_active(strategy=name).fit(X[:12], Y[:12])._open_pool(X).selectable(None).view
    codes = np.searchsorted(np.unique(Y), labels[12:])
    by_hand = strategies.get(name).ask(view, 20, codes.__getitem__) + 12
    np.testing.assert_array_equal(asked, by_hand)


@pytest.mark.parametrize("name", strategies.names())
def test_without_labels_it_selects_as_query_does(name):
    clf = make_active(strategy=name, prior=make_prior()).fit(X[:20], Y[:20])
    expected = clf.query(X, 7)
    found = np.concatenate(list(clf.query_steps(X, 7)))
    np.testing.assert_array_equal(found, expected)


def test_other_strategies_yield_once():
    clf = make_active(strategy="margin").fit(X[:12], Y[:12])
    steps = list(clf.query_steps(X, 5, exclude=[20, 21]))
    assert len(steps) == 1
    assert not np.isin([20, 21], steps[0]).any()


def test_n_of_the_pool_and_more():
    clf = make_active(strategy="galaxy").fit(X[:12], Y[:12])
    assert len(answered(clf, X[:30], Y[:30], 100)) == 18
    assert list(clf.query_steps(X[:12], 3)) == []


def test_a_new_class_is_replaced_by_the_prediction():
    clf = make_active(strategy="galaxy").fit(X[:12], Y[:12])
    unknown = np.full(len(X), "zebra")
    np.testing.assert_array_equal(answered(clf, X, unknown, 6), clf.query(X, 6))


def test_labels_of_another_number_or_type_are_refused():
    for labels, message in [(["ant", "bee"], "but labels has 2 labels"), ([1], "labels holds")]:
        steps = make_active(strategy="galaxy").fit(X[:12], Y[:12]).query_steps(X, 4)
        next(steps)
        with pytest.raises(ValueError, match=message):
            steps.send(labels)


class Returns(QueryStrategy):
    """Returns what it is given."""

    def __init__(self, value=None):
        self.value = value

    def select(self, view, n):
        return self.value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.arange(8), "n=3 different positions.* returned 8 of them"),
        (np.arange(2), "returned 2 of them"),
        (np.array([-1, 0, 1]), "between 0 and 59.* returned position -1"),
        (np.array([0, 1, 60]), "returned position 60"),
        (np.zeros(3, dtype=int), "a position more than once"),
        (np.array([0.0, 1.0, 2.0]), "dtype float64"),
        (np.array([[0, 1, 2]]), r"shape \(1, 3\)"),
        (["a", "b", "c"], "returned an array of shape"),
        (None, "returned an array of shape"),
    ],
    ids=["many", "few", "negative", "outside", "repeated", "float", "2-D", "texts", "None"],
)
def test_what_a_strategy_returns_is_checked(value, message):
    clf = make_active(strategy=Returns(value))
    with pytest.raises(ValueError, match=f"strategy Returns must return .*{message}"):
        clf.query(X, 3)
    with pytest.raises(ValueError, match="strategy Returns must return"):
        simulate(clf, X, Y, X_test=X_NEW, y_test=Y, budget=3, batch_size=3)


def test_a_list_of_positions_is_fine():
    np.testing.assert_array_equal(make_active(strategy=Returns([2, 0, 1])).query(X, 3), [2, 0, 1])
    assert len(make_active(strategy=FirstRows()).query(X, 3)) == 3


class Steps(SequentialStrategy):
    """Yields what it is given."""

    def __init__(self, parts=()):
        self.parts = parts

    def steps(self, view, n):
        for part in self.parts:
            yield np.array(part)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([[0, 1], [1]], "a position more than once"),
        ([[0, 1], [2, 3, 4]], "1 to 2 different positions.* returned 3 of them"),
        ([[0, 1], []], "returned an array of shape"),
        ([[0, 1]], "returned 0 of them"),
    ],
    ids=["repeated", "many", "empty", "early"],
)
def test_steps_are_checked(parts, message):
    clf = make_active(strategy=Steps(parts)).fit(X[:12], Y[:12])
    with pytest.raises(ValueError, match=f"strategy Steps must return .*{message}"):
        answered(clf, X, Y, 4)
