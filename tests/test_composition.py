"""In and out of scikit-learn's own estimators."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from active_cases import ESTIMATORS, X_NEW, X, Y, make_active, make_prior
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from skactive import SoftmaxHead, strategies
from skactive.strategies import Margin


def test_clone_forgets_labels_and_keeps_parameters():
    clf = make_active(strategy=Margin(), prior=make_prior()).fit(X, Y)
    copy = clone(clf)
    assert not hasattr(copy, "estimator_")
    with pytest.raises(NotFittedError):
        copy.suspects()
    assert repr(copy) == repr(clf)


@pytest.mark.parametrize(
    ("estimator", "grid"),
    [
        (SoftmaxHead(), {"estimator__strength": [0.1, 100.0]}),
        (
            make_pipeline(StandardScaler(), LogisticRegression()),
            {"estimator__logisticregression__C": [0.01, 1]},
        ),
        (LogisticRegression(), {"strategy": ["margin", "random"], "noise": ["auto", None]}),
        (LogisticRegression(), {"strategy__n_samples": [2, 3]}),
    ],
)
def test_grid_search(estimator, grid):
    strategy = strategies.get("bald") if "strategy__n_samples" in grid else "margin"
    search = GridSearchCV(make_active(estimator, strategy=strategy), grid, cv=3).fit(X, Y)
    assert search.best_score_ > 0.8
    assert set(search.best_params_) == set(grid)


def test_grid_search_tells_values_apart():
    grid = {"estimator__strength": [1.0, 1e6]}
    search = GridSearchCV(make_active(SoftmaxHead(class_weight=None)), grid, scoring="neg_log_loss")
    near, far = search.fit(X, Y).cv_results_["mean_test_score"]
    assert near > far
    assert far == pytest.approx(-np.log(3), abs=0.01)


def test_last_step_of_a_pipeline():
    outer = make_pipeline(StandardScaler(), make_active()).fit(X, Y)
    inner = make_active(make_pipeline(StandardScaler(), LogisticRegression())).fit(X, Y)
    np.testing.assert_allclose(outer.predict_proba(X_NEW), inner.predict_proba(X_NEW), atol=1e-3)


def test_metadata_routing_of_sample_weight():
    weight = np.where(Y == "ant", 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        clf = make_active().set_fit_request(sample_weight=True)
        clf.set_partial_fit_request(sample_weight=True, classes=True)
        outer = make_pipeline(Normalizer(), clf).fit(X, Y, sample_weight=weight)
        assert outer.classes_.tolist() == ["bee", "cow"]
        scorer_free = clf.set_score_request(sample_weight=False)
        scores = cross_val_score(scorer_free, X, Y, cv=3, params={"sample_weight": weight})
    assert (scores <= 2 / 3).all()  # no ant was ever learned


def test_inner_pipelines_need_no_routing_for_weights():
    weight = np.where(Y == "ant", 0.25, 1.0)
    for routing in (False, True):
        with sklearn.config_context(enable_metadata_routing=routing):
            clf = make_active(ESTIMATORS["pipeline"]).fit(X, Y, sample_weight=weight)
        unweighted = make_active(ESTIMATORS["pipeline"]).fit(X, Y)
        ants = clf.predict_proba(X)[:, 0].mean()
        assert ants < unweighted.predict_proba(X)[:, 0].mean() - 0.01


def test_set_output_and_names_do_not_get_in_the_way():
    frame = pd.DataFrame(X, columns=list("abcd"))
    scaler = StandardScaler().set_output(transform="pandas")
    clf = make_active(make_pipeline(scaler, LogisticRegression())).fit(frame, Y)
    assert clf.score(frame, Y) > 0.8
    assert len(clf.query(pd.DataFrame(X_NEW, columns=list("abcd")), 4)) == 4


def test_verbose_prints_one_line_a_fit(capsys):
    make_active(verbose=True).fit(X, Y).query(X_NEW)
    assert capsys.readouterr().out == "ActiveClassifier: 60 labels, 3 classes\n"
    make_active().fit(X, Y)
    assert capsys.readouterr().out == ""
