"""Reports on a labeling project."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from skactive import ActiveClassifier
from skactive.evaluation import (
    Estimate,
    LabelingProgress,
    Report,
    audit,
    estimate_performance,
    pool_report,
    report,
)
from skactive.evaluation.reports import _expected_classes, _predict_out_of_fold
from tests.support.errors import fails

X, Y = load_digits(return_X_y=True)
X = X / 16
NAMES = np.array(list("abcdefghij"))[Y]
LABELED = np.arange(0, 1797, 20)


@pytest.fixture(scope="module")
def clf():
    return ActiveClassifier(LogisticRegression(), random_state=0).fit(X[LABELED], NAMES[LABELED])


def test_a_report_with_an_audit(clf):
    drawn = audit(clf, X, 60, exclude=LABELED, random_state=0)
    made = report(clf, X, audit=drawn, y=NAMES[drawn.positions], metric="accuracy", target=0.5)
    values = made.to_dict()
    assert values["labels"] == 90
    assert values["classes_found"] == values["classes_expected"] == 10
    counts = dict(zip(*np.unique(NAMES[LABELED], return_counts=True), strict=True))
    assert values["labels_per_class"] == counts
    frequency = clf.predict_proba(X).mean(axis=0)
    assert list(values["expected_frequencies"].values()) == pytest.approx(frequency.tolist())
    shift = sum(abs(n / 90 - f) for n, f in zip(counts.values(), frequency, strict=True)) / 2
    assert values["shift"] == pytest.approx(shift)
    low, high = values["estimate"].interval
    assert low < clf.score(X, NAMES) < high
    assert values["audited"] == 60
    assert values["forecast"] is values["annotators"] is None
    assert values["noise_rate"] == clf.noise_.rate
    assert values["suspects"] == round(90 * clf.noise_.rate)
    assert values["advice"] == "Stop: the accuracy is at the target of 0.5."
    text = str(made)
    assert "advice" in text
    assert f"[{low:.3f}, {high:.3f}]" in text
    assert "forecast" not in text


def test_a_report_without_an_audit(clf):
    values = report(clf, X, metric="accuracy", confidence=0.8).to_dict()
    assert values["audited"] == 0
    assert values["estimate"].confidence == 0.8
    assert values["estimate"].value == pytest.approx(clf.score(X, NAMES), abs=0.1)
    assert values["advice"].startswith("Audit:")
    elsewhere = report(clf, X[1::20]).to_dict()  # a pool without the labeled rows
    assert elsewhere["estimate"] is None


def test_a_forecast_needs_three_estimates(clf):
    drawn = audit(clf, X, 30, exclude=LABELED, random_state=0)
    options = {"audit": drawn, "y": NAMES[drawn.positions], "progress": LabelingProgress()}
    for i, score in enumerate([0.5, 0.7, 0.8]):
        assert report(clf, X, **options).to_dict()["forecast"] is None
        options["progress"].add(clf, X, n_labels=30 * (i + 1), estimate=score)
    later = report(clf, X, **options).to_dict()["forecast"]
    assert isinstance(later, Estimate)
    assert later.value > 0.75


def test_a_forecast_is_of_the_metric_of_the_report(clf):
    drawn = audit(clf, X, 60, exclude=LABELED, random_state=0)
    options = {"audit": drawn, "y": NAMES[drawn.positions]}
    score = estimate_performance(clf, drawn, options["y"], metric="accuracy")
    options["progress"] = LabelingProgress()
    for n_labels in (30, 60, 90):
        options["progress"].add(clf, X, n_labels=n_labels, estimate=score)
    message = "estimates of 'accuracy', .* estimate 'balanced_accuracy'. .*metric='accuracy', or"
    fails(message, report, clf, X, **options)
    values = report(clf, X, metric="accuracy", **options).to_dict()
    assert values["forecast"].metric == values["estimate"].metric == "accuracy"
    assert values["advice"].startswith("Stop")


def test_a_report_without_noise():
    clf = ActiveClassifier(LogisticRegression(), noise=None, random_state=0)
    values = report(clf.fit(X[LABELED], Y[LABELED]), X).to_dict()
    assert values["noise_rate"] is None
    assert values["suspects"] is None


def test_audited_rows_that_were_learned_are_predicted_out_of_fold(clf):
    drawn = audit(clf, X, 100, exclude=LABELED, random_state=0)
    answers = NAMES[drawn.positions]
    learned = ActiveClassifier(RandomForestClassifier(20), random_state=0)
    learned.fit(X[LABELED], NAMES[LABELED])
    learned.partial_fit(X[drawn.positions], answers)
    assert (learned.predict(X[drawn.positions]) == answers).mean() > 0.97
    values = report(learned, X, audit=drawn, y=answers, metric="accuracy").to_dict()
    low, high = values["estimate"].interval
    rest = np.setdiff1d(np.arange(len(X)), np.r_[LABELED, drawn.positions])
    assert low < learned.score(X[rest], NAMES[rest]) < high < 0.97


def test_equal_rows_of_the_pool_are_predicted_out_of_fold():
    rows, names = X[LABELED], NAMES[LABELED]
    clf = ActiveClassifier(LogisticRegression(), random_state=0).fit(rows, names)
    pool = np.concatenate([rows, X[1:20], rows])
    proba = clf.predict_proba(pool)
    held_out, positions, given = _predict_out_of_fold(clf._fitted(), pool, proba)
    np.testing.assert_array_equal(held_out[:90], held_out[-90:])
    np.testing.assert_array_equal(held_out[90:-90], proba[90:-90])
    assert (held_out[:90] != proba[:90]).any(axis=1).all()
    assert len(positions) == 90
    of_row = {row.tobytes(): name for row, name in zip(rows, names, strict=True)}
    assert given.tolist() == [of_row[pool[i].tobytes()] for i in positions]


def test_annotators(clf):
    given, who = NAMES[LABELED].copy(), np.array(["ann", "bob", "ann"] * 30)
    given[who == "bob"] = np.roll(given[who == "bob"], 1)  # bob is mostly wrong
    crowd = ActiveClassifier(LogisticRegression(), random_state=0)
    crowd.fit(X[LABELED], given, annotators=who)
    table = report(crowd, X).to_dict()["annotators"]
    assert {name: row["answers"] for name, row in table.items()} == {"ann": 60, "bob": 30}
    assert table["bob"]["accuracy"] < 0.5 < 0.8 < table["ann"]["accuracy"]
    known = {"annotator": ["cid"], "answers": [7], "accuracy": [0.25]}
    made = report(clf, X, annotators=known)
    assert made.to_dict()["annotators"] == {"cid": {"answers": 7, "accuracy": 0.25}}
    assert "cid (answers: 7, accuracy: 0.250)" in str(made)


def test_what_a_pool_report_found(clf):
    new = np.clip(X[:50] + 2, 0, 3)
    found = pool_report(clf, X, X_new=new, random_state=0)
    drawn = audit(clf, X, 60, exclude=LABELED, random_state=0)
    options = {"audit": drawn, "y": NAMES[drawn.positions], "target": 0.5}
    values = report(clf, X, pool_report=found, **options).to_dict()
    summary = found.summary()
    for name in ("near_duplicates", "conflicting_labels", "leaked_rows", "new_p_value"):
        assert values[name] == summary[name]
    assert values["new_frequency_shift"] == summary["new_frequency_shift"]
    assert values["advice"].startswith("Audit: the new rows differ")
    without = report(clf, X, pool_report=pool_report(clf, X, random_state=0), **options).to_dict()
    assert "leaked_rows" not in without
    assert without["near_duplicates"] == summary["near_duplicates"]
    assert without["advice"].startswith("Stop")


def test_plot(clf):
    _, ax = plt.subplots()
    made = report(clf, X)
    assert made.plot(ax=ax) is ax
    heights = [bar.get_height() for bar in ax.patches]
    assert sum(heights[:10]) == pytest.approx(1)
    assert sum(heights[10:]) == pytest.approx(1)
    assert ax.get_title() == made.to_dict()["advice"]
    assert made.plot().figure is not ax.figure
    plt.close("all")


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        ([5, 4, 3], 3),
        ([3, 0, 0], 3),  # announced
        ([9, 1, 1, 1], 7),  # 4 + 3 * 2 / 2
        ([9, 1, 1, 2], 5),  # 4 + 2 * 1 / 4, rounded up
    ],
)
def test_number_of_classes_by_hand(count, expected):
    assert _expected_classes(np.array(count)) == expected


def test_values_are_formatted():
    nested = {"ann": {"answers": 2, "accuracy": 0.5}, "bob": {"answers": 1, "accuracy": 1.0}}
    values = {"labels": 3, "shift": 0.12345, "forecast": None, "per_class": {"a": 2}}
    assert str(Report(values | {"who": nested})).splitlines() == [
        "labels     3",
        "shift      0.123",
        "per_class  a: 2",
        "who        ann (answers: 2, accuracy: 0.500); bob (answers: 1, accuracy: 1.000)",
    ]


def test_invalid_arguments(clf):
    drawn = audit(clf, X, 30, random_state=0)
    fails("Give audit and y together", report, clf, X, audit=drawn)
    smaller = {"audit": drawn, "y": NAMES[drawn.positions]}
    fails("50 rows, but the audit was drawn from 1797", report, clf, X[:50], **smaller)
    fails("annotators has no column 'answers'", report, clf, X, annotators={"annotator": []})
    fails("'clf' parameter of report", report, LogisticRegression(), X)
    fails("'metric' parameter", report, clf, X, metric="recall")
    with pytest.raises(NotFittedError):
        report(ActiveClassifier(), X)
