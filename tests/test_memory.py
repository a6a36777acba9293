"""LabelMemory: what a refit sees depends on the labels, not on how they came."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skactive._memory import LabelMemory
from skactive._row_keys import row_keys, row_sketches

quick = settings(max_examples=80, deadline=None)

# few rows, few labels and weights that do not add up exactly, so that everything collides
labels_given = st.lists(
    st.tuples(
        st.integers(0, 3), st.sampled_from(["a", "b", "cc"]), st.sampled_from([0.0, 0.1, 0.2, 1.0])
    ),
    min_size=1,
    max_size=12,
)


def remember(given, *, prior=True):
    rows, y, weight = zip(*given, strict=True)
    X = np.array(rows, dtype=float)[:, None]
    return LabelMemory(
        rows=X,
        y=np.array(y),
        weight=np.array(weight, dtype=float),
        keys=row_keys(X),
        sketches=row_sketches(X),
        prior_proba=np.hstack([X, 1 - X]) if prior else None,
    )


def content(memory):
    """The summary without the way back to the order given."""
    canonical = memory.canonical()
    names = ("rows", "y", "weight", "keys", "prior_proba")
    return [getattr(canonical, name).tolist() for name in names]


@quick
@given(given_=labels_given, data=st.data())
def test_order_does_not_matter(given_, data):
    shuffled = data.draw(st.permutations(given_))
    assert content(remember(shuffled)) == content(remember(given_))
    assert remember(shuffled).canonical().digest() == remember(given_).canonical().digest()


@quick
@given(given_=labels_given, data=st.data())
def test_batches_do_not_matter(given_, data):
    cut = data.draw(st.integers(1, len(given_)))
    memory = remember(given_[:cut])
    for one in given_[cut:]:
        memory = memory.extended(remember([one]))
    assert content(memory) == content(remember(given_))
    assert memory.canonical().digest() == remember(given_).canonical().digest()
    np.testing.assert_array_equal(memory.canonical().entry, remember(given_).canonical().entry)


@quick
@given(given_=labels_given)
def test_pairs_are_merged_and_weights_summed(given_):
    canonical = remember(given_).canonical()
    sums = {}
    for row, label, weight in given_:
        if weight:
            sums[row, label] = sums.get((row, label), 0) + weight
    merged = dict(
        zip(
            zip(canonical.rows[:, 0].astype(int), canonical.y.tolist(), strict=True),
            canonical.weight.tolist(),
            strict=True,
        )
    )
    assert merged == pytest.approx(sums)
    assert len(canonical.y) == len(sums)


@quick
@given(given_=labels_given)
def test_entry_leads_back_to_the_labels_given(given_):
    canonical = remember(given_).canonical()
    for (row, label, weight), entry in zip(given_, canonical.entry, strict=True):
        if weight == 0:
            assert entry == -1
        else:
            assert (canonical.rows[entry, 0], canonical.y[entry]) == (row, label)


@quick
@given(given_=labels_given)
def test_equal_rows_stand_side_by_side(given_):
    keys = remember(given_).canonical().keys
    runs = np.count_nonzero(keys[1:] != keys[:-1]) + bool(len(keys))
    assert runs == len(np.unique(keys))


def test_weight_of_two_is_a_row_given_twice():
    assert content(remember([(1, "a", 2.0)])) == content(remember([(1, "a", 1.0)] * 2))


def test_zero_weight_is_absent():
    kept = [(1, "a", 1.0), (2, "b", 1.0)]
    assert content(remember([*kept, (0, "cc", 0.0)])) == content(remember(kept))


def test_different_labels_are_votes():
    canonical = remember([(1, "a", 1.0), (1, "b", 1.0), (1, "b", 1.0)]).canonical()
    assert canonical.y.tolist() == ["a", "b"]
    assert canonical.weight.tolist() == [1.0, 2.0]


def test_relabelled_replaces_a_vote():
    memory = remember([(1, "a", 1.0), (2, "b", 1.0)])
    corrected = memory.relabelled(np.array([0]), np.array(["longer"]))
    assert corrected.y.tolist() == ["longer", "b"]
    assert memory.y.tolist() == ["a", "b"]


def test_digest_knows_rows_labels_and_weights():
    one = [(1, "a", 1.0), (2, "b", 1.0)]
    others = [
        [(1, "b", 1.0), (2, "a", 1.0)],
        [(1, "a", 2.0), (2, "b", 1.0)],
        [(1, "a", 1.0), (3, "b", 1.0)],
        one[:1],
    ]
    digests = {remember(given_).canonical().digest() for given_ in [one, *others]}
    assert len(digests) == 5


def test_digest_does_not_know_how_wide_labels_are_stored():
    memory = remember([(1, "a", 1.0)])
    wide = memory.relabelled(np.array([0]), np.array(["a" + "x" * 9])).relabelled(
        np.array([0]), np.array(["a"])
    )
    assert wide.y.dtype != memory.y.dtype
    assert wide.canonical().digest() == memory.canonical().digest()


def test_subset():
    canonical = remember([(1, "a", 1.0), (2, "b", 2.0), (3, "a", 1.0)]).canonical()
    part = canonical.subset(np.array([2, 0]))
    assert part.y.tolist() == canonical.y[[2, 0]].tolist()
    assert part.weight.tolist() == canonical.weight[[2, 0]].tolist()
    assert part.rows.tolist() == canonical.rows[[2, 0]].tolist()
    assert part.prior_proba.tolist() == canonical.prior_proba[[2, 0]].tolist()


def test_prior_may_not_come_or_change_later():
    with_prior, without = remember([(1, "a", 1.0)]), remember([(2, "b", 1.0)], prior=False)
    with pytest.raises(ValueError, match="call fit anew"):
        without.extended(with_prior)
