"""A digest of several labeling jobs, to compare processes."""

from hashlib import sha256

from tests.support.active import ESTIMATORS, X_NEW, X, Y, make_active, make_prior


def jobs_digest():
    """A digest of the queries, predictions and label trust of several labeling jobs."""
    results, some = [], ["auto", "badge", "u_herding", "galaxy", "typiclust", "random", "bald"]
    for estimator, strategy in zip(ESTIMATORS.values(), some, strict=True):
        clf = make_active(estimator, strategy=strategy, prior=make_prior())
        for _ in range(2):
            queried = clf.query(X, 10)
            clf.partial_fit(X[queried], Y[queried])
            results += [queried, clf.predict_proba(X_NEW), clf.label_trust_]
    return sha256(b"".join(part.tobytes() for part in results)).hexdigest()
