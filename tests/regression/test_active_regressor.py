"""ActiveRegressor: queries, learning, containers and errors."""

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor, StackingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import BayesianRidge, LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from skactive import TRUSTED_TYPES, ActiveRegressor
from skactive.regression.active_regressor import _STRATEGIES

every_strategy = pytest.mark.parametrize("strategy", _STRATEGIES)


def make_pool(n=120, seed=0):
    X = np.random.default_rng(seed).uniform(-3, 3, size=(n, 2))
    return X, np.sin(2 * X[:, 0]) + 0.2 * X[:, 1]


@parametrize_with_checks([ActiveRegressor(Ridge()), ActiveRegressor(random_state=0)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@every_strategy
@pytest.mark.parametrize("estimator", [None, RandomForestRegressor(n_estimators=10)])
def test_queries_are_distinct_repeatable_and_new(strategy, estimator):
    X, y = make_pool()
    reg = ActiveRegressor(estimator, strategy=strategy, n_members=3, random_state=0)
    queried = []
    for _ in range(3):
        rows = reg.query(X, 6)
        assert rows.dtype == np.int64
        np.testing.assert_array_equal(reg.query(X, 6), rows)
        reg.partial_fit(X[rows], y[rows])
        queried.extend(rows)
    assert len(set(queried)) == 18
    again = clone(reg).partial_fit(X[queried], y[queried])
    np.testing.assert_allclose(again.predict(X), reg.predict(X))


@every_strategy
def test_duplicates_exclusion_and_a_small_pool(strategy):
    X = np.repeat(np.arange(5.0)[:, None], 3, axis=0)
    reg = ActiveRegressor(BayesianRidge(), strategy=strategy, random_state=0)
    reg.fit(X[:3], [0.0, 1.0, 2.0])
    rows = reg.query(X, 3, exclude=[3, 4])
    assert len(np.unique(X[rows])) == 3
    assert not set(rows) & {0, 1, 2, 3, 4}
    with pytest.warns(UserWarning, match="only 4 different rows"):
        assert len(reg.query(X, 9)) == 4
    with pytest.warns(UserWarning, match="only 0 different rows"):
        assert len(reg.query(X[:3], 2)) == 0


@every_strategy
def test_constant_features_and_labels(strategy):
    X = np.column_stack([np.arange(20.0), np.ones(20)])
    reg = ActiveRegressor(BayesianRidge(), strategy=strategy, random_state=0)
    reg.fit(X[:4], np.zeros(4))
    assert len(np.unique(reg.query(X, 5))) == 5


@pytest.mark.parametrize("strategy", [s for s in _STRATEGIES if s != "random"])
def test_an_uneven_pool_is_learned_better_than_at_random(strategy):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(0, 0.1, size=(600, 1)), rng.uniform(-3, 3, size=(30, 1))])
    grid = np.linspace(-2.8, 2.8, 100)[:, None]
    errors = []
    for name in ("random", strategy):
        reg = ActiveRegressor(strategy=name, random_state=0)
        for _ in range(4):
            rows = reg.query(X, 5)
            reg.partial_fit(X[rows], np.sin(2 * X[rows, 0]))
        errors.append(np.abs(reg.predict(grid) - np.sin(2 * grid[:, 0])).mean())
    assert errors[1] < errors[0] / 10


@pytest.mark.parametrize("strategy", ["igs", "committee", "variance"])
def test_mixed_columns(strategy):
    X, y = make_pool(60)
    frame = pd.DataFrame({"a": X[:, 0].copy(), "color": np.where(X[:, 1] > 0, "red", "blue")})
    columns = make_column_transformer(
        (StandardScaler(), ["a"]), (OneHotEncoder(handle_unknown="ignore"), ["color"])
    )
    estimator = make_pipeline(columns, RandomForestRegressor(n_estimators=5))
    reg = ActiveRegressor(estimator, strategy=strategy, n_members=3, random_state=0)
    for _ in range(2):
        rows = reg.query(frame, 5)
        reg.partial_fit(frame.iloc[rows], y[rows])
    assert reg.feature_names_in_.tolist() == ["a", "color"]
    assert len(set(reg.query(frame, 5)) & set(rows)) == 0


def test_texts():
    texts = [f"{'long' if i % 2 else 'short'} text number {i}" for i in range(40)]
    y = np.arange(40) % 2 * 1.0
    reg = ActiveRegressor(make_pipeline(TfidfVectorizer(), Ridge(alpha=0.1)), random_state=0)
    for _ in range(2):
        rows = reg.query(texts, 5)
        reg.partial_fit([texts[i] for i in rows], y[rows])
    assert reg.score(texts, y) > 0.5


def test_grid_search():
    X, y = make_pool(30)
    search = GridSearchCV(ActiveRegressor(Ridge()), {"estimator__alpha": [0.1, 10.0]}).fit(X, y)
    assert search.best_params_ in [{"estimator__alpha": 0.1}, {"estimator__alpha": 10.0}]


class Spread(Ridge):
    """A regressor whose standard deviation is the first column."""

    def predict(self, X, return_std=False):
        return (super().predict(X), X[:, 0]) if return_std else super().predict(X)


def test_any_standard_deviation_ranks_the_rows():
    X, y = make_pool(30)
    reg = ActiveRegressor(Spread(), strategy="variance").fit(X[:5], y[:5])
    assert reg.query(X[5:], 3).tolist() == np.argsort(-X[5:, 0])[:3].tolist()


@pytest.mark.parametrize(
    ("estimator", "same_as"), [(BayesianRidge(), "integrated_variance"), (Ridge(), "gsx")]
)
def test_auto(estimator, same_as):
    X, y = make_pool(60)
    queried = [
        ActiveRegressor(estimator, strategy=name, random_state=0).fit(X[:9], y[:9]).query(X, 6)
        for name in ("auto", same_as)
    ]
    np.testing.assert_array_equal(*queried)


def test_errors_name_the_remedy():
    X, y = make_pool(20)
    reg = ActiveRegressor(LinearRegression(), strategy="variance").fit(X, y)
    with pytest.raises(ValueError, match=r"LinearRegression does not have\. Take"):
        reg.query(make_pool(30, seed=1)[0], 2)
    with pytest.raises(ValueError, match="NaN"):
        reg.partial_fit(X, np.where(np.arange(20) == 3, np.nan, y))
    np.testing.assert_allclose(reg.predict(X), LinearRegression().fit(X, y).predict(X))
    with pytest.raises(ValueError, match="one label for each row"):
        reg.partial_fit(X, y[1:])
    with pytest.raises(ValueError, match="n must be"):
        reg.query(X, 0)
    with pytest.raises(NotFittedError):
        ActiveRegressor().predict(X)
    with pytest.raises(ValueError, match="strategy"):
        ActiveRegressor(strategy="best").fit(X, y)


@every_strategy
@pytest.mark.parametrize("estimator", [Ridge(), RandomForestRegressor(n_estimators=5)])
def test_the_order_of_the_labels_does_not_matter(strategy, estimator):
    X, y = make_pool(60)
    X[5], y[5] = X[4], y[4] + 1  # the same row with two labels
    if strategy in ("variance", "integrated_variance") and isinstance(estimator, Ridge):
        estimator = BayesianRidge()
    found = []
    for order in (np.arange(12), np.arange(12)[::-1], np.random.default_rng(0).permutation(12)):
        reg = ActiveRegressor(estimator, strategy=strategy, n_members=3, random_state=0)
        for part in np.array_split(order, len(found) + 1):  # batches of other sizes, too
            reg.partial_fit(X[part], y[part])
        found.append((reg.query(X, 6), reg.predict(X)))
    for queried, predicted in found[1:]:
        np.testing.assert_array_equal(queried, found[0][0])
        np.testing.assert_array_equal(predicted, found[0][1])


@pytest.mark.parametrize("steps", [[], [StandardScaler()]])
def test_a_stacking_regressor_that_predicts_only_after_its_fit(steps):
    X, y = make_pool(40)
    stacking = StackingRegressor([("ridge", Ridge()), ("tree", DecisionTreeRegressor())], cv=2)
    estimator = make_pipeline(*steps, stacking) if steps else stacking
    reg = ActiveRegressor(estimator, strategy="gsx", random_state=0)
    asked = reg.query(X, 20)
    assert reg.fit(X[asked], y[asked]).score(X, y) > 0
    with pytest.raises(ValueError, match="'fit' and 'predict'"):
        ActiveRegressor(StandardScaler()).fit(X, y)


@pytest.mark.parametrize("strategy", ["auto", "committee"])
def test_a_regressor_saved_with_skops_continues(strategy):
    X, y = make_pool(40)
    reg = ActiveRegressor(strategy=strategy, n_members=2, random_state=0).fit(X[:10], y[:10])
    copy = skops.io.loads(skops.io.dumps(reg), trusted=TRUSTED_TYPES)
    for model in (reg, copy):
        model.partial_fit(X[10:15], y[10:15])
    np.testing.assert_array_equal(copy.query(X, 3), reg.query(X, 3))
    np.testing.assert_array_equal(copy.predict(X), reg.predict(X))
