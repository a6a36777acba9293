"""ActiveClassifier in several threads and processes: no label is lost."""

import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from skactive import ActiveClassifier
from skactive._utils.locks import exclusive, object_lock

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
Y = (X[:, 0] > 0).astype(int)


def make(**params):
    return ActiveClassifier(LogisticRegression(), random_state=0, **params)


def test_concurrent_partial_fit_keeps_all_labels():
    clf = make()
    batches = np.array_split(np.arange(100), 20)
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda rows: clf.partial_fit(X[rows], Y[rows]), batches))
    assert len(clf.label_trust_) == 100
    one_thread = make().fit(X[:100], Y[:100])
    np.testing.assert_array_equal(clf.predict_proba(X), one_thread.predict_proba(X))


def test_a_failed_call_erases_nothing_that_another_thread_adds():
    clf = make().fit(X[:10], Y[:10])
    failed = []

    def fail(_):
        try:
            clf.partial_fit(X[:2], ["text", "text"])
        except ValueError:
            failed.append(1)

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(fail, i) for i in range(20)]
        rows = [np.arange(10 + 4 * i, 14 + 4 * i) for i in range(20)]
        jobs += [pool.submit(clf.partial_fit, X[part], Y[part]) for part in rows]
        for job in jobs:
            job.result()
    assert len(failed) == 20
    assert len(clf.label_trust_) == 90


def test_readers_see_one_state_or_the_next():
    """Predictions during a fit come from the labels before or after it, never from none."""
    clf = make().fit(X[:20], Y[:20])
    expected = [clf.predict_proba(X), make().fit(X[20:60], 1 - Y[20:60]).predict_proba(X)]
    done, seen = threading.Event(), []

    def read():
        while not done.is_set():
            seen.append(clf.predict_proba(X))

    reader = threading.Thread(target=read)
    reader.start()
    clf.fit(X[20:60], 1 - Y[20:60])
    done.set()
    reader.join()
    seen.append(clf.predict_proba(X))
    assert all(any(np.array_equal(proba, one) for one in expected) for proba in seen)
    np.testing.assert_array_equal(seen[-1], expected[1])


def test_query_and_partial_fit_in_two_threads():
    clf = make().fit(X[:4], Y[:4])
    with ThreadPoolExecutor(2) as pool:
        queries = pool.submit(lambda: [clf.query(X, 5) for _ in range(20)])
        for start in range(4, 84, 4):
            clf.partial_fit(X[start : start + 4], Y[start : start + 4])
        assert all(len(asked) == 5 for asked in queries.result())
    assert len(clf.label_trust_) == 84


def test_the_lock_is_neither_copied_nor_pickled():
    clf = make().fit(X[:10], Y[:10])
    with object_lock(clf):
        for copy in (clone(clf), pickle.loads(pickle.dumps(clf))):
            assert object_lock(copy) is not object_lock(clf)
            thread = threading.Thread(target=copy.partial_fit, args=(X[:10], Y[:10]))
            thread.start()
            thread.join(timeout=20)
            assert not thread.is_alive()
    assert object_lock(clf) is object_lock(clf)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_child_can_fit_while_another_thread_of_its_parent_does():
    clf = make().fit(X[:10], Y[:10])
    held, release = threading.Event(), threading.Event()

    def hold():
        with object_lock(clf):
            held.set()
            release.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)
    child = os.fork()
    if child == 0:
        free = object_lock(clf).acquire(timeout=5)
        os._exit(0 if free else 1)
    assert os.waitpid(child, 0)[1] == 0
    release.set()
    thread.join()


def test_exclusive_methods_may_call_each_other():
    class Counter:
        n = 0

        @exclusive
        def add(self):
            before = self.n
            self.n = before + 1

        @exclusive
        def twice(self):
            self.add()
            self.add()

    counter = Counter()
    with ThreadPoolExecutor(8) as pool:
        for job in [pool.submit(counter.twice) for _ in range(200)]:
            job.result()
    assert counter.n == 400
