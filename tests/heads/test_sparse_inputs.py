"""Sparse features of SoftmaxHead: against the same features in a dense array."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from skactive.heads import SoftmaxHead, sparse_inputs
from skactive.heads.sparse_inputs import dense_coordinates

N, WIDTH = 48, 200
RNG = np.random.default_rng(0)
CODES = np.arange(N) % 3
DENSE = np.where(RNG.random((N, WIDTH)) < 0.05, RNG.random((N, WIDTH)), 0)
DENSE[np.arange(N), CODES] += 1
DENSE[-2:] = DENSE[:2]  # repeated rows
X, Y = sparse.csr_array(DENSE), np.array(["u", "v", "w"])[CODES]
WEIGHT = RNG.uniform(0.5, 2, size=N)
PRIOR = np.log(RNG.dirichlet(np.ones(3), size=N))
HEADS = {
    "averaged": {},
    "strength": {"strength": 1.0},
    "hidden": {"hidden_layer_sizes": (4,), "max_iter": 5},
}
every_head = pytest.mark.parametrize("name", HEADS)


@pytest.fixture(params=[1024, 60, 20], ids=["features", "basis", "truncated"])
def width(request, monkeypatch):
    """48 rows of 200 features: as they are, in a basis of 46 columns, in one of 20."""
    monkeypatch.setattr(sparse_inputs, "_MAX_WIDTH", request.param)
    return request.param


def fit(name, rows, y=Y, **params):
    return SoftmaxHead(random_state=0, **HEADS[name]).fit(rows, y, **params)


@every_head
def test_narrow_features_are_fitted_as_dense_ones(name):
    params = {"sample_weight": WEIGHT, "prior_log_proba": PRIOR}
    expected = fit(name, DENSE, **params).predict_proba(DENSE, PRIOR)
    proba = fit(name, X, **params).predict_proba(X, PRIOR)
    np.testing.assert_allclose(proba, expected, rtol=1e-9)


def test_a_linear_head_in_a_basis_is_the_same_head(monkeypatch):
    monkeypatch.setattr(sparse_inputs, "_MAX_WIDTH", 60)
    expected, head = (fit("strength", rows, sample_weight=WEIGHT) for rows in (DENSE, X))
    np.testing.assert_allclose(head.coef_, expected.coef_, atol=1e-4)
    np.testing.assert_allclose(head.intercept_, expected.intercept_, atol=1e-4)
    np.testing.assert_allclose(head.predict_proba(X), expected.predict_proba(DENSE), atol=1e-5)


@every_head
def test_sparse_and_dense_rows_have_equal_predictions(name, width):
    head = fit(name, X)
    np.testing.assert_allclose(head.predict_proba(X), head.predict_proba(DENSE), rtol=1e-9)
    assert head.score(X, Y) > (0.3 if name == "hidden" else 0.9)
    assert head.n_features_in_ == WIDTH
    copy = pickle.loads(pickle.dumps(head))
    np.testing.assert_array_equal(copy.predict_proba(X), head.predict_proba(X))


@every_head
def test_formats_order_and_repeated_rows(name, width):
    """Neither explicit zeros nor the format matters; for a linear head, nor does the order."""
    head = fit(name, X)
    with_zeros = X.copy()
    with_zeros.data[::9] = 0
    plain = with_zeros.copy()
    plain.eliminate_zeros()
    for rows in (X.tocoo(), sparse.csc_matrix(X), X.astype(np.float64)):
        np.testing.assert_array_equal(fit(name, rows).predict_proba(rows), head.predict_proba(X))
    zeros, none = fit(name, with_zeros), fit(name, plain)
    np.testing.assert_allclose(zeros.predict_proba(X), none.predict_proba(X), rtol=1e-9)
    if name == "hidden":
        return
    order = RNG.permutation(N)
    permuted = fit(name, X[order], Y[order]).predict_proba(X)
    np.testing.assert_allclose(permuted, head.predict_proba(X), atol=1e-6)
    twice = fit(name, X, sample_weight=np.full(N, 2.0)).predict_proba(X)
    repeated = fit(name, sparse.vstack([X, X]).tocsr(), np.tile(Y, 2)).predict_proba(X)
    np.testing.assert_allclose(repeated, twice, atol=1e-6)


def test_held_out_heads_in_a_basis(width):
    head = fit("averaged", X)
    assert head.out_of_fold_proba_.shape == (N, 3)
    for held_out, other in head.held_out_heads_:
        assert held_out.shape == (N,)
        proba = other.predict_proba(X)
        np.testing.assert_allclose(proba, other.predict_proba(DENSE), rtol=1e-9)
        assert (other.predict(X)[~held_out] == Y[~held_out]).mean() > 0.9


@every_head
def test_inputs_of_the_last_layer(name, width):
    head = fit(name, X)
    inputs, dense = head.last_layer_inputs(X), head.last_layer_inputs(DENSE)
    if name == "hidden":
        np.testing.assert_allclose(inputs, dense, atol=1e-9)
    else:  # sparse, therefore not centered
        assert sparse.issparse(inputs)
        shift = dense - inputs.toarray()
        np.testing.assert_allclose(shift, np.tile(shift[0], (N, 1)), atol=1e-9)


def test_a_basis_spans_the_rows(width):
    coordinates, basis = dense_coordinates(X)
    if basis is None:
        np.testing.assert_array_equal(coordinates, DENSE)
        return
    assert basis.shape == (WIDTH, min(N - 2, width))
    np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-8)
    if width > N:
        np.testing.assert_allclose(coordinates @ basis.T, DENSE, atol=1e-8)


@pytest.mark.parametrize("scale", [1e-150, 1e150, 1e155])
def test_units_do_not_matter(width, scale):
    expected, head = fit("averaged", X), fit("averaged", X * scale)
    assert head.score(X * scale, Y) > 0.9
    if width > N:  # else the basis is approximate
        proba = head.predict_proba(X * scale)
        np.testing.assert_allclose(proba, expected.predict_proba(X), atol=1e-5)


def test_rows_of_zeros(width):
    rows = sparse.csr_array((4, WIDTH))
    head = SoftmaxHead().fit(rows, ["a", "a", "b", "b"])
    np.testing.assert_allclose(head.predict_proba(rows), 0.5)


def test_neither_fit_nor_prediction_makes_a_large_matrix_dense(monkeypatch):
    """5,000 rows of 30,000 features would be 1.2 GB."""
    rng, shape = np.random.default_rng(0), (5000, 30_000)
    positions = rng.integers(shape[0], size=15_000), rng.integers(shape[1], size=15_000)
    rows = sparse.csr_array((rng.random(15_000), positions), shape=shape)
    rows = sparse.csr_array(rows + sparse.eye_array(5000, 30_000) * (np.arange(5000) < 3)[:, None])
    largest = 0
    toarray = sparse.csr_array.toarray

    def recorded(self, *args, **kwargs):
        nonlocal largest
        largest = max(largest, self.shape[0] * self.shape[1])
        return toarray(self, *args, **kwargs)

    monkeypatch.setattr(sparse.csr_array, "toarray", recorded)
    head = SoftmaxHead().fit(rows[:40], np.arange(40) % 3)
    assert head.predict_proba(rows).shape == (5000, 3)
    assert largest <= 40**2


def test_it_learns_what_logistic_regression_learns():
    expected = LogisticRegression().fit(X[::2], Y[::2]).predict(X[1::2])
    assert (fit("averaged", X[::2], Y[::2]).predict(X[1::2]) == expected).mean() > 0.8
