"""PoolView, and what the base classes of strategies do."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skactive import ActiveClassifier, strategies
from skactive.strategies import PoolView
from tests.support.strategies import make_view


def test_missing_parts_of_a_view_are_named():
    view = make_view(proba=None)
    assert strategies.KCenter().read(view, "X") is view.X
    with pytest.raises(
        ValueError, match=r"KCenter needs proba, the predicted.* label some rows first"
    ):
        strategies.KCenter().read(view, "proba")
    with pytest.raises(ValueError, match=r"needs linear, and got None: .* a linear head"):
        strategies.KCenter().read(view, "linear")
    with pytest.raises(ValueError, match=r"needs labeled_X, and got None: give PoolView lab"):
        strategies.KCenter().read(PoolView(3), "labeled_X")


class Custom(strategies.QueryStrategy):
    """A strategy as users write it: a function of the view, which is ranked."""

    def __init__(self, rank=None):
        self.rank = rank

    def select(self, view, n):
        return self.rank(view)[:n]

    def score(self, view):
        return self.rank(view).astype(float)


@pytest.mark.parametrize(
    "rank",
    [
        lambda view: view.proba.max(axis=1).argsort(),  # AttributeError
        lambda view: (1 - view.proba).max(axis=1).argsort(),  # TypeError
        lambda view: view.proba[:, 0].argsort(),
        lambda view: np.max(view.proba, axis=1).argsort(),  # AxisError
        lambda view: np.asarray(view.proba)[:, 0].argsort(),  # IndexError
        lambda view: view.take(np.arange(4)).proba.max(axis=1).argsort(),
        lambda view: view.sampled_proba(3).max(axis=2).mean(axis=0).argsort(),
    ],
)
def test_undeclared_inputs_that_are_missing_are_named(rank):
    strategy, missing = Custom(rank), make_view(proba=None, sample_proba=None)
    message = r"Custom needs proba, .* label some rows.* set needs = frozenset\({'proba'}\)"
    for call in (lambda: strategy.select(view=missing, n=2), lambda: strategy.score(missing)):
        with pytest.raises(ValueError, match=message) as raised:
            call()
        assert isinstance(raised.value.__cause__, (AttributeError, TypeError, IndexError))
    assert len(strategy.select(make_view(), 2)) == 2


def test_other_errors_of_a_strategy_are_not_changed():
    def misspelled(view):
        return np.arange(len(view)) if view.proba is None else view.porba

    def of_another_none(view):
        return (view.proba, None.missing)

    assert Custom(misspelled).select(make_view(proba=None), 2).tolist() == [0, 1]
    for rank in (misspelled, of_another_none):
        with pytest.raises(AttributeError):
            Custom(rank).select(make_view(), 2)

    def misspelled_after_a_missing_input(view):
        return view.porba if view.proba is None else None

    with pytest.raises(AttributeError, match="porba"):
        Custom(misspelled_after_a_missing_input).select(make_view(proba=None), 2)


def test_a_strategy_that_declares_its_inputs_waits_for_them():
    X, y = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2

    class Declared(Custom):
        needs = frozenset({"proba"})

    def doubtful(view):
        return view.proba.max(axis=1).argsort()

    clf = ActiveClassifier(LogisticRegression(), strategy=Custom(doubtful), random_state=0)
    with pytest.raises(ValueError, match=r"Custom needs proba"):
        clf.query(X, 3)
    clf.set_params(strategy=Declared(doubtful))
    asked = clf.query(X, 3)
    assert asked.tolist() == clf.set_params(strategy="typiclust").query(X, 3).tolist()
    clf.set_params(strategy=Declared(doubtful)).partial_fit(X[:10], y[:10])
    assert len(clf.query(X, 3)) == 3


def test_kernels_run_on_the_device_of_the_view():
    view = PoolView(3, X=np.eye(3), device="abacus")
    with pytest.raises(RuntimeError, match="abacus"):
        strategies.KCenter().select(view, 1)


def test_view_of_some_rows():
    view, rows = make_view(linear=(np.ones((3, 4)), np.zeros(3))), np.array([7, 2, 50])
    part = view.take(rows)
    assert len(part) == 3
    for name in ("X", "proba", "head_proba", "prior_proba"):
        np.testing.assert_array_equal(getattr(part, name), getattr(view, name)[rows])
    for name in ("labeled_X", "labeled_y", "label_trust", "labeled_proba", "linear", "rng"):
        assert getattr(part, name) is getattr(view, name)
    np.testing.assert_array_equal(part.sampled_proba(4), view.sampled_proba(4)[:, rows])
    assert make_view(prior_proba=None).take(rows).prior_proba is None


def test_nothing_is_computed_before_it_is_read():
    def fail():
        raise AssertionError

    lazy = dict.fromkeys(("X", "head_proba", "prior_proba", "labeled_X", "linear"), fail)
    view = make_view(**lazy).take(np.arange(20))
    assert len(strategies.Margin().select(view, 3)) == 3


class Pairs(strategies.SequentialStrategy):
    """Selects the first rows, two in each step, and records the answers."""

    def steps(self, view, n):
        self.answers = []
        for i in range(0, n, 2):
            self.answers.append((yield np.arange(i, min(i + 2, n))))


def test_select_answers_with_the_predicted_classes():
    pairs, view = Pairs(), make_view()
    assert pairs.select(view, 5).tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(np.concatenate(pairs.answers), view.proba.argmax(axis=1)[:4])


def test_ask_answers_with_the_given_labels():
    pairs = Pairs()
    positions = pairs.ask(make_view(), 5, lambda rows: 2 - rows % 3)
    assert positions.tolist() == [0, 1, 2, 3, 4]
    assert np.concatenate(pairs.answers).tolist() == [2, 1, 0, 2]


def test_notes_and_pseudo_labels_of_a_part_are_kept_in_the_whole():
    view = make_view()
    part = view.take(np.arange(10, 30)).take(np.array([3, 5, 7]))
    part.note(np.array([0, 2]), ["first", "second"])
    part.note(positions=np.array([2]), notes=["third"])
    part.pseudo_label(np.array([1]), np.array([2]))
    part.pseudo_label(positions=np.array([0]), codes=np.array([1]))
    assert view.notes == {13: "first", 17: "third"}
    assert view.pseudo_labels == {15: 2, 13: 1}
    assert make_view(labeled_note=np.array(["a"])).take(np.arange(3)).labeled_note.tolist() == ["a"]
