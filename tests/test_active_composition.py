"""ActiveClassifier inside and around scikit-learn's estimators."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from skactive import (
    ActiveClassifier,
    BudgetedClassifier,
    SentenceEncoder,
    SoftmaxHead,
    ZeroShotClassifier,
    strategies,
)
from skactive.strategies import Margin, Power, Schedule, TypiClust
from tests.support.active import CLASSES, ESTIMATORS, TEXTS, X_NEW, X, Y, make_active, make_prior

SEARCHED = {"noise": ["auto", None]}
ANT = Y == "ant"


def search(kind, clf, **options):
    grid = SEARCHED if isinstance(clf, ActiveClassifier) else {"priors": [None]}
    return kind(clf, grid, cv=3, **options).fit(X, Y)


# meta-estimators of scikit-learn around a classifier, fitted
AROUND = {
    "Pipeline": lambda clf: make_pipeline(StandardScaler(), clf).fit(X, Y),
    "GridSearchCV": lambda clf: search(GridSearchCV, clf),
    "RandomizedSearchCV": lambda clf: search(RandomizedSearchCV, clf, n_iter=1, random_state=0),
    "HalvingGridSearchCV": lambda clf: search(HalvingGridSearchCV, clf, random_state=0),
    "FrozenEstimator": lambda clf: FrozenEstimator(clf.fit(X, Y)).fit(X[:9], Y[:9]),
    "CalibratedClassifierCV": lambda clf: CalibratedClassifierCV(clf, cv=3).fit(X, Y),
    "calibrated, frozen": lambda clf: CalibratedClassifierCV(FrozenEstimator(clf.fit(X, Y))).fit(
        X, Y
    ),
    "calibrated, isotonic": lambda clf: CalibratedClassifierCV(
        clf, method="isotonic", ensemble=False
    ).fit(X, Y),
    "VotingClassifier": lambda clf: VotingClassifier(
        [("one", clf), ("other", GaussianNB())], voting="soft"
    ).fit(X, Y),
    "StackingClassifier": lambda clf: StackingClassifier(
        [("one", clf), ("other", GaussianNB())], final_estimator=clf, passthrough=True, cv=3
    ).fit(X, Y),
    "BaggingClassifier": lambda clf: BaggingClassifier(clf, 3, random_state=0).fit(X, Y),
    "AdaBoostClassifier": lambda clf: AdaBoostClassifier(clf, n_estimators=2, random_state=0).fit(
        X, Y
    ),
    "OneVsRestClassifier": lambda clf: OneVsRestClassifier(clf).fit(X, Y),
    "TunedThresholdClassifierCV": lambda clf: TunedThresholdClassifierCV(clf, cv=3).fit(X, ANT),
    "FixedThresholdClassifier": lambda clf: FixedThresholdClassifier(clf, threshold=0.3).fit(
        X, ANT
    ),
}


@pytest.mark.parametrize("name", AROUND)
def test_scikit_learns_meta_estimators(name):
    """With all labels, ActiveClassifier equals the classifier inside."""
    fit, plain = AROUND[name], GaussianNB()
    fitted, expected = fit(make_active(plain)), fit(plain)
    np.testing.assert_allclose(fitted.predict_proba(X_NEW), expected.predict_proba(X_NEW))
    np.testing.assert_array_equal(fitted.predict(X_NEW), expected.predict(X_NEW))
    np.testing.assert_array_equal(fitted.classes_, expected.classes_)


@pytest.mark.parametrize("around", [OneVsOneClassifier, MultiOutputClassifier])
def test_one_vs_one_and_multi_output(around):
    y = np.column_stack([Y, ANT]) if around is MultiOutputClassifier else Y
    fitted, expected = (around(clf).fit(X, y) for clf in (make_active(), LogisticRegression()))
    np.testing.assert_array_equal(fitted.predict(X_NEW), expected.predict(X_NEW))


def test_cross_validation():
    folds = {"cv": 3, "method": "predict_proba"}
    np.testing.assert_allclose(
        cross_val_predict(make_active(LogisticRegression(tol=1e-8)), X, Y, **folds),
        cross_val_predict(LogisticRegression(tol=1e-8), X, Y, **folds),
        atol=1e-3,
    )


def test_a_classifier_inside_a_classifier():
    inner = make_active(LogisticRegression(tol=1e-8)).fit(X, Y)
    outer = make_active(clone(inner)).fit(X, Y)
    np.testing.assert_allclose(outer.predict_proba(X_NEW), inner.predict_proba(X_NEW), atol=1e-3)


@pytest.mark.parametrize("steps", [[], [StandardScaler()]])
def test_a_stacking_classifier_that_has_probabilities_only_after_its_fit(steps):
    stacking = StackingClassifier([("bayes", GaussianNB())], cv=2)
    clf = make_active(make_pipeline(*steps, stacking) if steps else stacking)
    clf.fit(X[:30], Y[:30])
    assert len(clf.query(X, 3)) == 3
    assert clf.score(X, Y) > 0.5


def test_clone_drops_labels_and_keeps_parameters():
    clf = make_active(strategy=Margin(), prior=make_prior()).fit(X, Y)
    copy = clone(clf)
    assert not hasattr(copy, "estimator_")
    with pytest.raises(NotFittedError):
        copy.suspects()
    assert repr(copy) == repr(clf)


# Parameters -----------------------------------------------------------------------------------


def test_every_nested_parameter_can_be_set():
    encoder = SentenceEncoder()
    clf = BudgetedClassifier(
        ActiveClassifier(
            make_pipeline(encoder, StandardScaler(), SoftmaxHead(module__dropout=0.1)),
            strategy=Schedule(TypiClust(), Power(Margin()), switch_at=9),
            prior=ZeroShotClassifier({"ant": "an ant"}, encoder=encoder),
        ),
        budget=3,
    )
    expected = {
        "estimator__estimator__softmaxhead__strength",
        "estimator__estimator__softmaxhead__module__dropout",
        "estimator__estimator__sentenceencoder__batch_size",
        "estimator__strategy__then__beta",
        "estimator__strategy__then__strategy",
        "estimator__prior__prompts",
        "estimator__prior__encoder__model",
    }
    names = set(clf.get_params()) - {"estimator__estimator__steps"}
    assert expected <= names
    for name in names:
        value = object()
        changed = clone(clf).set_params(**{name: value}).get_params()
        assert changed[name] is value


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


def test_grid_search_distinguishes_values():
    grid = {"estimator__strength": [1.0, 1e6]}
    search = GridSearchCV(make_active(SoftmaxHead(class_weight=None)), grid, scoring="neg_log_loss")
    near, far = search.fit(X, Y).cv_results_["mean_test_score"]
    assert near > far
    assert far == pytest.approx(-np.log(3), abs=0.01)


def test_grid_search_over_prompts():
    right, wrong = ({"pet": a, "wild": b} for a, b in [("dog", "fish"), ("fish", "dog")])
    prior = ZeroShotClassifier(right, encoder=SentenceEncoder(verbose=False))
    pipeline = make_pipeline(SentenceEncoder(verbose=False), SoftmaxHead())
    clf = ActiveClassifier(pipeline, prior=prior, random_state=0)
    search = GridSearchCV(clf, {"prior__prompts": [wrong, right]}, scoring="neg_log_loss", cv=3)
    pets = ["pet" if "dog" in text or "cat" in text else "wild" for text in TEXTS]
    misled, led = search.fit(TEXTS, pets).cv_results_["mean_test_score"]
    assert led > misled


# Weights --------------------------------------------------------------------------------------


WEIGHT = np.where(ANT, 0.2, 1.0)


@pytest.mark.parametrize(
    "around",
    [
        lambda clf: make_pipeline(Normalizer(), clf),
        lambda clf: GridSearchCV(clf, {"noise": ["auto"]}, cv=3, error_score="raise"),
        lambda clf: CalibratedClassifierCV(FrozenEstimator(clf.fit(X, Y, WEIGHT))),
        lambda clf: VotingClassifier([("one", clf)], voting="soft"),
        lambda clf: BaggingClassifier(clf, 3, random_state=0),
        lambda clf: OneVsRestClassifier(clf),
    ],
    ids=["Pipeline", "GridSearchCV", "Calibrated", "Voting", "Bagging", "OneVsRest"],
)
def test_metadata_routing_of_sample_weight(around):
    with sklearn.config_context(enable_metadata_routing=True):
        clf, plain = make_active(GaussianNB()), GaussianNB()
        for asks in (clf, plain):
            asks.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        fitted = around(clf).fit(X, Y, sample_weight=WEIGHT)
        if isinstance(fitted, GridSearchCV):
            expected = plain.fit(X, Y, sample_weight=WEIGHT)
        else:
            expected = around(plain).fit(X, Y, sample_weight=WEIGHT)
        np.testing.assert_allclose(fitted.predict_proba(X_NEW), expected.predict_proba(X_NEW))


def test_weights_are_routed_on_request_only():
    with sklearn.config_context(enable_metadata_routing=True):
        clf = make_active().set_fit_request(sample_weight=True)
        clf.set_partial_fit_request(sample_weight=True, classes=True)
        none = np.where(ANT, 0.0, 1.0)
        outer = make_pipeline(Normalizer(), clf).fit(X, Y, sample_weight=none)
        assert outer.classes_.tolist() == ["bee", "cow"]
        unweighted = clf.set_score_request(sample_weight=False)
        scores = cross_val_score(unweighted, X, Y, cv=3, params={"sample_weight": none})
    assert (scores <= 2 / 3).all()  # no ant was in the training data


def test_inner_pipelines_need_no_routing_for_weights():
    for routing in (False, True):
        with sklearn.config_context(enable_metadata_routing=routing):
            clf = make_active(ESTIMATORS["pipeline"]).fit(X, Y, sample_weight=WEIGHT)
        unweighted = make_active(ESTIMATORS["pipeline"]).fit(X, Y)
        ants = clf.predict_proba(X)[:, 0].mean()
        assert ants < unweighted.predict_proba(X)[:, 0].mean() - 0.01


# Output -----------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["pandas", "polars"])
@pytest.mark.parametrize("head", [LogisticRegression(), SoftmaxHead(), ESTIMATORS["forest"]])
def test_set_output_of_the_steps(output, head):
    frame = pd.DataFrame(X, columns=list("abcd"))
    inside = make_pipeline(Normalizer(), StandardScaler(), head).set_output(transform=output)
    clf = ActiveClassifier(inside, strategy="k_center", random_state=0)
    plain = ActiveClassifier(make_pipeline(Normalizer(), StandardScaler(), head))
    plain.set_params(strategy="k_center", random_state=0)
    for _ in range(2):
        queried = clf.query(frame, 15)
        np.testing.assert_array_equal(plain.query(X, 15), queried)
        clf.partial_fit(frame.iloc[queried], Y[queried])
        plain.partial_fit(X[queried], Y[queried])
    assert clf.estimator_[-1].feature_names_in_.tolist() == list("abcd")
    np.testing.assert_allclose(clf.predict_proba(frame), plain.predict_proba(X), atol=1e-6)


def test_set_output_of_the_pipeline_around():
    frame = pd.DataFrame(X, columns=list("abcd"))
    outer = make_pipeline(StandardScaler(), make_active()).set_output(transform="pandas")
    outer.fit(frame, Y)
    assert outer[-1].feature_names_in_.tolist() == list("abcd")
    assert len(outer[-1].query(outer[:-1].transform(frame * 2), 4)) == 4


def test_verbose_prints_one_line_a_fit(capsys):
    make_active(verbose=True).fit(X, Y).query(X_NEW)
    assert capsys.readouterr().out == "ActiveClassifier: 60 labels, 3 classes\n"
    make_active().fit(X, Y)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("labels", [Y, np.searchsorted(CLASSES, Y)], ids=["names", "numbers"])
def test_a_prior_inside_an_estimator_that_encodes_the_classes(labels):
    """Integer classes work; other classes are an error."""
    clf = make_active(prior=FrozenEstimator(LogisticRegression(C=0.1).fit(X, labels)))
    voting = VotingClassifier([("active", clf), ("bayes", GaussianNB())], voting="soft")
    for outer in (voting, BaggingClassifier(clf, 3, random_state=0)):
        if labels is Y:
            with pytest.raises(ValueError, match="y holds labels of type number"):
                outer.fit(X, labels)
        else:
            assert outer.fit(X, labels).score(X, labels) > 0.8
