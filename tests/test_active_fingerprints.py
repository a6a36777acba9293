"""A changed encoder or prior is an error: labels are stored with what they were learned with."""

import pickle

import numpy as np
import pytest
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from skactive import SentenceEncoder, SoftmaxHead, ZeroShotClassifier
from skactive._data.fingerprint import fingerprint
from tests.support.active import X_NEW, X, Y, make_active, make_prior

CHANGED = r"leading steps of estimator.* were changed after labels were given.*call fit"


@pytest.mark.parametrize(
    "changed",
    [
        make_pipeline(Normalizer("l1"), LogisticRegression()),
        LogisticRegression(),
        make_pipeline(StandardScaler(), Normalizer(), LogisticRegression()),
        make_pipeline(FrozenEstimator(StandardScaler().fit(X)), LogisticRegression()),
    ],
    ids=["parameter", "removed", "behind a step to fit", "another class"],
)
@pytest.mark.parametrize("call", ["partial_fit", "query", "relabel", "predict"])
def test_another_representation_is_an_error(changed, call):
    clf = make_active(make_pipeline(Normalizer(), LogisticRegression())).fit(X, Y)
    before = clf.predict_proba(X_NEW)
    clf.set_params(estimator=changed)
    calls = {
        "partial_fit": lambda: clf.partial_fit(X_NEW[:5], Y[:5]),
        "query": lambda: clf.query(X_NEW, 2),
        "relabel": lambda: clf.relabel([0], ["bee"]),
        "predict": lambda: clf.predict(X_NEW),
    }
    with pytest.raises(ValueError, match=CHANGED):
        calls[call]()
    clf.set_params(estimator=make_pipeline(Normalizer(), LogisticRegression()))
    np.testing.assert_array_equal(clf.predict_proba(X_NEW), before)
    assert len(clf.label_trust_) == 60
    clf.set_params(estimator=changed).fit(X, Y)


def test_a_new_head_and_refitted_step_are_no_errors():
    clf = make_active(make_pipeline(Normalizer(), LogisticRegression())).fit(X, Y)
    clf.set_params(estimator=make_pipeline(Normalizer(), StandardScaler(), SoftmaxHead()))
    assert clf.partial_fit(X_NEW, Y).score(X, Y) > 0.8


def test_another_fitted_state_of_a_frozen_step():
    first, second = (FrozenEstimator(StandardScaler().fit(rows)) for rows in (X, 2 * X))
    clf = make_active(make_pipeline(first, LogisticRegression())).fit(X, Y)
    loaded = pickle.loads(pickle.dumps(clf))
    loaded.partial_fit(X_NEW, Y)  # equal after pickling
    with pytest.raises(ValueError, match=CHANGED):
        clf.set_params(estimator=make_pipeline(second, LogisticRegression())).partial_fit(X, Y)


@pytest.mark.parametrize("call", ["partial_fit", "query", "predict"])
def test_another_prior_is_an_error(call):
    prototypes = np.eye(3, 4)
    prior = ZeroShotClassifier(class_embeddings=prototypes, classes=["ant", "bee", "cow"])
    clf = make_active(prior=prior).fit(X, Y)
    clf.prior = ZeroShotClassifier(class_embeddings=prototypes, classes=["bee", "ant", "cow"])
    calls = {
        "partial_fit": lambda: clf.partial_fit(X_NEW[:5], Y[:5]),
        "query": lambda: clf.query(X_NEW, 2),
        "predict": lambda: clf.predict(X_NEW),
    }
    with pytest.raises(ValueError, match=r"prior was changed after labels were given.*prompts"):
        calls[call]()
    clf.prior = ZeroShotClassifier(class_embeddings=prototypes, classes=["ant", "bee", "cow"])
    calls[call]()


def test_a_frozen_prior_counts_by_its_fitted_state():
    clf = make_active(prior=make_prior()).fit(X, Y)
    clf.set_params(prior=make_prior()).partial_fit(X_NEW[:5], Y[:5])
    other = FrozenEstimator(LogisticRegression(C=10).fit(X, Y))
    with pytest.raises(ValueError, match="prior was changed after labels were given"):
        clf.set_params(prior=other).query(X_NEW, 2)


def test_prompts_count_and_device_does_not(tmp_path):
    encoder = SentenceEncoder(device="cpu")
    prior = ZeroShotClassifier({"a": "one", "b": "two"}, encoder=encoder)
    other = SentenceEncoder(device="cpu", batch_size=7, cache_dir=tmp_path, verbose=False)
    assert fingerprint(prior) == fingerprint(prior.set_params(encoder=other))
    assert fingerprint(encoder) == fingerprint(other) != fingerprint(HashingVectorizer())
    assert fingerprint(encoder) != fingerprint(SentenceEncoder(precision="bfloat16"))
    before = fingerprint(prior)
    assert fingerprint(prior.set_params(prompts={"a": "one", "b": "three"})) != before


def test_parameters_that_cannot_be_hashed():
    def words(text):
        return text.split()

    one, other = (HashingVectorizer(tokenizer=t) for t in (words, lambda text: [text]))
    assert fingerprint(one) == fingerprint(HashingVectorizer(tokenizer=words))
    assert fingerprint(one) != fingerprint(other)
