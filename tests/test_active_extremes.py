"""Extreme numbers and unusual containers are named before a label is paid for."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.naive_bayes import GaussianNB, MultinomialNB

from skactive import ActiveClassifier
from skactive.strategies import BalancedHerding, PoolView
from tests.support.active import X_NEW, X, Y, make_active


@pytest.mark.parametrize("value", [1.7e308, 1e30, -1e30])
def test_a_huge_cell_is_named(value):
    pool = X.copy()
    pool[3, 1] = value
    with pytest.raises(ValueError, match=r"features of X_pool contain 1.*RobustScaler"):
        make_active().query(pool, 5)
    assert len(make_active(strategy="random").query(pool, 5)) == 5


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e20])
def test_large_and_small_features_are_fine(scale):
    assert len(set(make_active().query(X * scale, 5).tolist())) == 5


@pytest.mark.parametrize("n_rows", range(2, 9))
@pytest.mark.parametrize("width", [4, 5, 6])
def test_equal_sparse_rows_are_fine(n_rows, width):
    pool = sparse.csr_array(np.tile(np.r_[0.0, np.ones(width - 1)], (n_rows, 1)))
    clf = make_active(MultinomialNB(), strategy="k_center")
    assert len(clf.query(pool, 1)) == 1


def test_missing_values_of_any_block_are_named(monkeypatch):
    monkeypatch.setattr("skactive._data.containers._BLOCK", 40)
    pool = X.copy()
    pool[-1, -1] = np.nan
    with pytest.raises(ValueError, match="contain NaN or infinity"):
        make_active().query(pool, 5)


@pytest.mark.parametrize("dtype", ["g", "complex128"])
def test_dtypes_that_torch_lacks_are_named(dtype):
    with pytest.raises(ValueError, match=r"(convert it to float64|Complex data not supported)"):
        make_active().query(X.astype(dtype), 5)
    with pytest.raises(ValueError, match=r"(convert it to float64|Complex data not supported)"):
        make_active().fit(X.astype(dtype), Y)


@pytest.mark.parametrize(
    "labels", [[2**70] * 60, [2**70, 1] * 30, [2**63, 1] * 30, [-(2**64)] * 60]
)
def test_labels_beyond_64_bits_are_named(labels):
    with pytest.raises(ValueError, match=r"exceeds 64 bits. Give such labels as str"):
        make_active().fit(X, list(labels) * 30)


def test_huge_weights_are_named():
    with pytest.raises(ValueError, match=r"sample_weight contains 1e\+300"):
        ActiveClassifier().fit(X[:2], [0, 1], sample_weight=[1e300, 1])


@pytest.mark.parametrize("rows", [{"a", "b"}, frozenset("ab"), {"a": 1}.keys()])
def test_sets_are_refused(rows):
    with pytest.raises(ValueError, match=r"whose rows have no order. Give a list"):
        make_active().query(rows, 1)


def test_an_interrupt_by_a_callback_keeps_no_label():
    """A call that raises has changed nothing, so that it can be repeated."""
    sklearn_callback = pytest.importorskip("sklearn.callback")
    assert sklearn_callback

    class Interrupting(ActiveClassifier):
        def _init_callback_context(self, **options):
            context = super()._init_callback_context(**options)

            def end(**kwargs):
                raise KeyboardInterrupt

            context.call_on_fit_task_end = end
            return context

    clf = Interrupting(random_state=0)
    with pytest.raises(KeyboardInterrupt):
        clf.partial_fit(X, Y)
    with pytest.raises(NotFittedError):
        clf.predict(X_NEW)


@pytest.mark.parametrize("strategy", ["auto", "margin", "u_herding"])
def test_a_head_that_predicts_nan_is_named(strategy):
    rows = np.random.default_rng(0).normal(size=(40, 3))
    rows[:2] = 1.0  # equal rows of two classes: the variance of GaussianNB is 0
    clf = ActiveClassifier(GaussianNB(), strategy=strategy, random_state=0)
    with np.errstate(all="ignore"):
        clf.partial_fit(rows[:2], [0, 1])
        for method in (clf.query, clf.predict, clf.predict_proba):
            with pytest.raises(ValueError, match=r"GaussianNB predicts NaN or infinity for \d+ of"):
                method(rows)
        assert len(clf.set_params(strategy="random").query(rows, 4)) == 4
        clf.partial_fit(rows[2:20], (rows[2:20, 0] > 0).astype(int))
    assert np.isfinite(clf.predict_proba(rows)).all()


def test_nan_weights_of_a_cover_are_an_error():
    X = np.random.default_rng(0).normal(size=(20, 2))
    view = PoolView(20, X=X, proba=np.full((20, 2), np.nan))
    with pytest.raises(ValueError, match="are NaN"):
        BalancedHerding().select(view, 3)
