"""Strategies of the literature against slow references that follow the published algorithms.

The references work row by row in double precision. They draw the same random numbers as the
strategies, and share no code with them.
"""

import math

import numpy as np
import pytest
from scipy.special import softmax

from skactive.kernels import sampling
from skactive.strategies import ClusterMargin, Direct, DropQuery, Falcun, PoolView, TypiClust

N_ROWS = 90
CASES = ["plain", "duplicates", "one class unlabeled", "four labels"]

every_case = pytest.mark.parametrize("case", CASES)
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def make_case(case, dtype=np.float64):
    """A pool of three classes, some labels, and the predictions of a linear head."""
    rng = np.random.default_rng(CASES.index(case))
    weights = rng.normal(size=(3, 5))
    n_labeled = 4 if case == "four labels" else 12
    labeled_y = np.arange(n_labeled) % (2 if case == "one class unlabeled" else 3)
    group = np.concatenate([rng.integers(3, size=N_ROWS), labeled_y])
    X = (weights[group] + 0.7 * rng.normal(size=(len(group), 5))).astype(dtype)
    if case == "duplicates":
        X = X[np.arange(len(X)) % (N_ROWS // 3)]
    offsets = np.array([0.1, 0.0, -9.0 if case == "one class unlabeled" else -0.1])
    proba = softmax(X @ weights.T + offsets, axis=1).astype(dtype)
    return PoolView(
        N_ROWS,
        X=X[:N_ROWS],
        proba=proba[:N_ROWS],
        labeled_X=X[N_ROWS:],
        labeled_y=labeled_y,
        labeled_proba=proba[N_ROWS:],
        linear=(weights, offsets),
        classes=np.arange(3),
        rng=np.random.default_rng(5),
    )


def distance(a, b):
    return math.sqrt(((a.astype(np.float64) - b.astype(np.float64)) ** 2).sum())


def draw(mass, uniform):
    """The first position where the cumulative mass exceeds the fraction `uniform` of its total."""
    return int(np.flatnonzero(np.cumsum(mass) > uniform * np.sum(mass))[0])


def k_means(points, n, rng, max_iter):
    """Centers after k-means++ seeding and Lloyd's iterations, largest cluster first."""
    points = points.astype(np.float64)
    seeds = [draw(np.ones(len(points)), rng.random())]
    while len(seeds) < n:
        mass = [min(distance(p, points[seed]) for seed in seeds) ** 2 for p in points]
        seeds.append(draw(mass, rng.random()))
    centers, cluster, earlier = points[seeds], None, None
    for _ in range(max_iter):
        cluster = [int(np.argmin([distance(p, center) for center in centers])) for p in points]
        if cluster == earlier:
            break
        for c in set(cluster):
            centers[c] = points[[label == c for label in cluster]].mean(axis=0)
        earlier = cluster
    return centers[sorted(range(n), key=lambda c: -cluster.count(c))]


@pytest.fixture
def one_proposal(monkeypatch):
    """Draw the seeds of k-means one by one, each with one random number."""
    monkeypatch.setitem(sampling.d2_sample.__kwdefaults__, "n_proposals", 1)


def plain_candidates(view, n, *, factor=25, dropout=0.75):
    """Rows whose prediction changes often enough, and the number of changes of each row."""
    X, (weights, offsets) = view.X.astype(np.float64), view.linear
    n_changes = [0] * N_ROWS
    for _ in range(3):
        kept = view.rng.random(X.shape, dtype=np.float32) >= dropout
        for i in range(N_ROWS):
            dropped = weights @ (X[i] * kept[i] / (1 - dropout)) + offsets
            n_changes[i] += dropped.argmax() != (weights @ X[i] + offsets).argmax()
    level = 2
    candidates = [i for i in range(N_ROWS) if n_changes[i] >= level]
    while len(candidates) < factor * n and level > 1:
        level -= 1
        candidates = [i for i in range(N_ROWS) if n_changes[i] >= level]
    return candidates, n_changes


@every_case
@both_dtypes
@pytest.mark.parametrize("factor", [1, 3, 25])
def test_drop_query(case, dtype, factor, one_proposal):
    picks = DropQuery(factor=factor).select(make_case(case, dtype), 9)
    view = make_case(case, dtype)
    left, _ = plain_candidates(view, 9, factor=factor)
    unit = view.X.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    centers = k_means(unit[left], 9, view.rng, max_iter=10)
    for pick, center in zip(picks, centers, strict=True):
        nearest = min(distance(unit[i], center) for i in left)
        left.remove(pick)
        # The two rows of a cluster are equally near to its center.
        assert distance(unit[pick], center) == pytest.approx(nearest, abs=1e-6)


@every_case
@pytest.mark.parametrize("n", [3, 9, 20])
def test_drop_query_selects_no_unchanged_row_while_others_change(case, n):
    changed = np.flatnonzero(DropQuery().score(make_case(case)))
    assert 20 <= len(changed) < N_ROWS
    assert set(DropQuery().select(make_case(case), n)) <= set(changed)


@every_case
@pytest.mark.parametrize("dropout", [0, 0.02])
def test_drop_query_fills_the_batch_at_random_where_few_rows_change(case, dropout):
    picks = DropQuery(dropout=dropout).select(make_case(case), 40)
    view = make_case(case)
    changed, n_changes = plain_candidates(view, 40, dropout=dropout)
    assert len(changed) < 40
    changed.sort(key=lambda i: -n_changes[i])
    others = [i for i in range(N_ROWS) if i not in changed]
    others = view.rng.choice(others, 40 - len(changed), replace=False)
    assert picks.tolist() == [*changed, *others]


def average_linkage(X, n_clusters):
    """Merge the two clusters of smallest mean distance until n are left."""
    between = np.array([[distance(a, b) for b in X] for a in X])
    clusters = [[i] for i in range(len(X))]
    while len(clusters) > n_clusters:
        member = np.array([np.isin(np.arange(len(X)), cluster) for cluster in clusters], float)
        means = member @ between @ member.T / np.outer(member.sum(axis=1), member.sum(axis=1))
        means[np.tril_indices(len(clusters))] = np.inf
        b, a = np.unravel_index(means.argmin(), means.shape)
        clusters[b] += clusters.pop(a)
    return clusters


def plain_cluster_margin(view, n, *, factor, max_linkage):
    """Queues of candidates, one for each cluster."""
    X, proba = view.X.astype(np.float64), np.sort(view.proba, axis=1)
    candidates = sorted(range(N_ROWS), key=lambda i: proba[i, -1] - proba[i, -2])[: factor * n]
    sample = np.sort(view.rng.choice(N_ROWS, size=min(N_ROWS, max_linkage), replace=False))
    clusters = [[int(sample[i]) for i in part] for part in average_linkage(X[sample], n)]
    means = [X[rows].mean(axis=0) for rows in clusters]
    queues = [[] for _ in clusters]
    for i in candidates:
        at = [c for c, rows in enumerate(clusters) if i in rows]
        nearest = int(np.argmin([distance(X[i], mean) for mean in means]))
        queues[at[0] if at else nearest].append(i)
    return queues


@every_case
@both_dtypes
@pytest.mark.parametrize("max_linkage", [4000, 45])
def test_cluster_margin(case, dtype, max_linkage, monkeypatch):
    monkeypatch.setattr("skactive.strategies.clustered._MAX_LINKAGE", max_linkage)
    picks = ClusterMargin(factor=4).select(make_case(case, dtype), 12)
    view = make_case(case, dtype)
    queues = plain_cluster_margin(view, 12, factor=4, max_linkage=max_linkage)
    # In each round, clusters are visited by size. Those of equal size come in any order.
    visits = sorted((r, len(q), row) for q in queues for r, row in enumerate(q))
    of = {row: (r, size) for r, size, row in visits}
    assert len(set(picks)) == 12
    assert [of[row] for row in picks] == [(r, size) for r, size, _ in visits[:12]]


def plain_falcun(view, n, gamma):
    proba = view.proba.astype(np.float64)
    ordered = np.sort(proba, axis=1)
    uncertainty = 1 - (ordered[:, -1] - ordered[:, -2])
    raw, left, picks = uncertainty.copy(), list(range(N_ROWS)), []
    for uniform in view.rng.random(n):
        span = raw[left].max() - raw[left].min()
        scaled = (raw[left] - raw[left].min()) / (span if span > 1e-14 else 1)
        mass = (scaled + uncertainty[left]) ** gamma
        pick = left[draw(mass if raw[left].any() else np.ones(len(left)), uniform)]
        picks.append(pick)
        left.remove(pick)
        raw = np.minimum(raw, np.abs(proba - proba[pick]).sum(axis=1))
    return picks


@every_case
@both_dtypes
@pytest.mark.parametrize("gamma", [10, 2])
def test_falcun(case, dtype, gamma):
    # At the end, the scaling magnifies the rounding errors of single precision.
    n = 30 if dtype == np.float32 else N_ROWS
    picks = Falcun(gamma=gamma).select(make_case(case, dtype), n)
    assert picks.tolist() == plain_falcun(make_case(case, dtype), n, gamma)


def test_falcun_scales_the_distances_for_the_first_draw():
    """The draws of the first row have the published frequencies."""
    proba = np.array([[0.6, 0.4, 0.0], [0.7, 0.3, 0.0], [0.9, 0.1, 0.0]])
    uncertainty = np.array([0.8, 0.6, 0.2])
    mass = (uncertainty + (uncertainty - 0.2) / 0.6) ** 3
    rng = np.random.default_rng(0)
    first = [Falcun(gamma=3).select(PoolView(3, proba=proba, rng=rng), 1)[0] for _ in range(2000)]
    np.testing.assert_allclose(np.bincount(first) / 2000, mass / mass.sum(), atol=0.03)


class PlainLine:
    """All rows, the most probable of class k first."""

    def __init__(self, proba, labels, k):
        top = proba.max(axis=1)
        score = proba[:, k] - top + 1e-8 * top
        self.order = sorted(range(len(proba)), key=lambda i: -score[i])
        self.labels, self.k = labels, k
        own, other = self.labeled(own=True), self.labeled(own=False)
        self.start = max([r for r in own if r < min(other, default=math.inf)], default=0)
        last = len(self.order) - 1
        self.stop = min([r for r in other if r > max(own, default=-1)], default=last)

    def labeled(self, *, own):
        found = [self.labels[row] for row in self.order]
        return [r for r, y in enumerate(found) if y is not None and (y == self.k) == own]

    def is_free(self, rank):
        return self.labels[self.order[rank]] is None

    def free(self):
        return [r for r in range(self.start, self.stop + 1) if self.is_free(r)]

    def errors(self, last):
        """Labels on the wrong side, if ranks up to `last` are predicted to be of the class."""
        missed = [r for r in self.labeled(own=True) if r > last]
        return len(missed) + len([r for r in self.labeled(own=False) if r <= last])

    def shorten(self, rounds, rng):
        goal = math.ceil(len(self.free()) ** (1 - 1 / rounds)) if rounds > 1 else math.inf
        while (excess := len(self.free()) - goal) > 0:
            if all(self.is_free(r) for r in range(self.start + 1, self.stop + 1)):
                free = self.free()[excess // 2 :]
                self.start, self.stop = free[0], free[-1 - (excess + 1) // 2]
                return
            # Of equal ends, one is drawn. The end moves up to the next label.
            if self.errors(self.start) > self.errors(self.stop) - rng.integers(2):
                self.start += 1
                while len(self.free()) > goal and self.is_free(self.start):
                    self.start += 1
            else:
                self.stop -= 1
                while len(self.free()) > goal and self.is_free(self.stop + 1):
                    self.stop -= 1

    def around_threshold(self, n):
        errors = [self.errors(r) for r in range(self.start, self.stop + 1)]
        first = last = errors.index(min(errors))
        while last + 1 < len(errors) and errors[last + 1] == errors[first]:
            last += 1
        threshold = self.start + (first + last) // 2
        after = [r for r in range(threshold + 1, len(self.order)) if self.is_free(r)]
        before = [r for r in range(threshold, -1, -1) if self.is_free(r)]
        picks = []
        while len(picks) < n and (after or before):
            picks += [side.pop(0) for side in (after, before) if side]
        return picks[:n]


def plain_direct(view, n, oracle, n_parallel, min_per_class):
    proba = np.concatenate([view.proba, view.labeled_proba]).astype(np.float64)
    labels = [None] * N_ROWS + view.labeled_y.tolist()
    asked = []

    def ask(line, ranks):
        for rank in ranks:
            row = line.order[rank]
            labels[row] = oracle[row]
            asked.append(row)

    classes = sorted(range(3), key=lambda k: -labels.count(k))
    for k in classes:
        line, budget = PlainLine(proba, labels, k), min(n // 3 // 2, min_per_class)
        while budget > 0 and (free := line.free()):
            size = min(budget, n_parallel, len(free))
            ask(line, view.rng.choice(free, size, replace=False))
            line.shorten(budget // n_parallel, view.rng)
            budget -= size
    for i, k in enumerate(view.rng.permutation(classes)):
        line = PlainLine(proba, labels, k)
        ask(line, line.around_threshold((n - len(asked)) // (3 - i)))
    return asked


@every_case
@both_dtypes
@pytest.mark.parametrize("n", [2, 20, 60])
def test_direct(case, dtype, n):
    view = make_case(case, dtype)
    flips = np.random.default_rng(1)
    oracle = np.where(
        flips.random(N_ROWS) < 0.2, flips.integers(3, size=N_ROWS), view.proba.argmax(axis=1)
    )
    picks = Direct(n_parallel=2, min_per_class=8).ask(view, n, oracle.__getitem__)
    expected = plain_direct(make_case(case, dtype), n, oracle, n_parallel=2, min_per_class=8)
    assert len(set(expected)) == n
    assert picks.tolist() == expected


@every_case
def test_direct_searches_the_threshold_of_each_class_in_every_batch(case, monkeypatch):
    from skactive.strategies import separation

    searched = []

    class Graph(separation._LinearGraph):
        def __init__(self, graphs, k, order):
            searched.append(int(k))
            super().__init__(graphs, k, order)

    monkeypatch.setattr(separation, "_LinearGraph", Graph)
    Direct().select(make_case(case), 20)
    assert sorted(searched) == [0, 0, 1, 1, 2, 2]


def plain_typiclust(view, n, max_clusters):
    """Pairs of the cluster and the mean distance to neighbors of each pick, and of all rows."""
    X = view.X.astype(np.float64)
    n_clusters = min(len(view.labeled_X) + n, max_clusters)
    points = np.concatenate([X, view.labeled_X])
    view.rng.choice(N_ROWS, size=N_ROWS, replace=False)  # the sample for k-means: all rows
    centers = k_means(points, n_clusters, view.rng, max_iter=30)
    cluster = [int(np.argmin([distance(p, center) for center in centers])) for p in points]
    members = [[i for i in range(N_ROWS) if cluster[i] == c] for c in range(n_clusters)]
    apart = {}
    for rows in members:
        k = min(20, max(1, len(rows) // 2), len(rows) - 1)
        for i in rows:
            nearest = sorted(distance(X[i], X[j]) for j in rows if j != i)[:k]
            apart[i] = sum(nearest) / k if k else 0.0
    visits = sorted(
        (len(members[c]) <= 5, cluster[N_ROWS:].count(c), -len(members[c]), c)
        for c in range(n_clusters)
    )
    picks = []
    for depth in range(N_ROWS):
        for *_, c in visits:
            if len(members[c]) > depth:
                picks.append((c, sorted(apart[i] for i in members[c])[depth]))
    return picks[:n], [(cluster[i], apart[i]) for i in range(N_ROWS)]


@every_case
@both_dtypes
@pytest.mark.parametrize("max_clusters", [500, 4])
def test_typiclust(case, dtype, max_clusters, one_proposal):
    picks = TypiClust(max_clusters=max_clusters).select(make_case(case, dtype), 9)
    expected, rows = plain_typiclust(make_case(case, dtype), 9, max_clusters)
    assert len(set(picks)) == 9
    np.testing.assert_allclose([rows[i] for i in picks], expected, rtol=1e-5, atol=1e-6)
