"""A changed encoder or prior is an error: labels are stored with what they were learned with."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from skactive import SentenceEncoder, SoftmaxHead, ZeroShotClassifier
from skactive._learner.fingerprints import fingerprint
from tests.support.active import X_NEW, X, Y, make_active

FOREST = RandomForestClassifier(5, random_state=0)
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


@pytest.mark.parametrize("model", [KNeighborsClassifier(), FOREST], ids=repr)
def test_a_frozen_prior_may_be_used_and_saved(model):
    """Its state changes with use and with saving, so only its class counts."""
    clf = make_active(prior=FrozenEstimator(model.fit(X, Y))).fit(X, Y)
    expected = clf.predict_proba(X_NEW)
    clf.query(X_NEW, 2)
    for copy in (pickle.loads(pickle.dumps(clf)), deepcopy(clf)):
        np.testing.assert_array_equal(copy.predict_proba(X_NEW), expected)
        copy.partial_fit(X_NEW, Y)


def test_parameters_survive_pickling_whatever_their_memory_layout():
    prototypes = np.eye(6, 8)[::2, ::2]
    prior = ZeroShotClassifier(class_embeddings=prototypes, classes=["ant", "bee", "cow"])
    clf = make_active(prior=prior).fit(X, Y)
    pickle.loads(pickle.dumps(clf)).partial_fit(X_NEW, Y)


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


def test_prompts_count_and_device_does_not(tmp_path):
    encoder = SentenceEncoder(device="cpu")
    prior = ZeroShotClassifier({"a": "one", "b": "two"}, encoder=encoder)
    other = SentenceEncoder(device="cpu", batch_size=7, cache_dir=tmp_path, verbose=False)
    assert fingerprint(prior) == fingerprint(prior.set_params(encoder=other))
    assert fingerprint(encoder) == fingerprint(other) != fingerprint(HashingVectorizer())
    assert fingerprint(encoder) != fingerprint(SentenceEncoder(precision="bfloat16"))
    before = fingerprint(prior)
    assert fingerprint(prior.set_params(prompts={"a": "one", "b": "three"})) != before


def test_functions_count_by_name():
    def words(text):
        return text.split()

    one, other = (HashingVectorizer(tokenizer=t) for t in (words, lambda text: [text]))
    assert fingerprint(one) == fingerprint(HashingVectorizer(tokenizer=words))
    assert fingerprint(one) != fingerprint(other)
