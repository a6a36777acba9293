"""The version of skactive in a pickle."""

import io
import pickle

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import skactive
from skactive import ActiveClassifier, BudgetedClassifier, SkorchAdapter
from tests.support.active import X, Y
from tests.support.nets import make_net


@pytest.fixture(params=["active", "budgeted", "adapter"])
def saved(request, monkeypatch):
    """A classifier as an older skactive would have saved it."""
    active = ActiveClassifier(LogisticRegression(), random_state=0)
    clf = {
        "active": active,
        "budgeted": BudgetedClassifier(active, budget=9),
        "adapter": SkorchAdapter(make_net(module__n_classes=3), random_state=0),
    }[request.param]
    with monkeypatch.context() as patch:
        patch.setattr("skactive._utils.versioning.__version__", "0.0.1")
        return pickle.dumps(clf.fit(np.column_stack([X, X[:, 0]]), Y))


def test_another_version_is_named(saved):
    own = skactive.__version__
    match = f"saved by skactive 0.0.1 and is loaded by {own}. It may fail.*fit it again"
    with pytest.warns(UserWarning, match=match):
        copy = pickle.load(io.BytesIO(saved))
    assert copy.predict(np.zeros((1, 5))).shape == (1,)


def test_the_version_is_updated_when_saved_again(saved):
    with pytest.warns(UserWarning, match=r"skactive 0\.0\.1"):
        copy = pickle.loads(saved)
    pickle.loads(pickle.dumps(copy))  # a warning would fail the test
    assert "_skactive_version" not in vars(copy)


def test_a_model_without_a_version():
    clf = ActiveClassifier()
    with pytest.warns(UserWarning, match="saved by skactive an unknown version"):
        clf.__setstate__({"random_state": 3})
    assert clf.random_state == 3
