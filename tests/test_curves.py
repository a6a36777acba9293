"""LearningCurves: savings and costs, by hand and by their properties."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.isotonic import IsotonicRegression

from skactive import LearningCurves

RISING = [0.5, 0.6, 0.7, 0.8, 0.9]


def records(strategy, scores, *, repeat=0, step=20, start=0, **more):
    return [
        {
            "strategy": strategy,
            "repeat": repeat,
            "n_labels": start + step * i,
            "score": score,
            **more,
        }
        for i, score in enumerate(scores)
    ]


def noisy(strategy, n_repeats, seed, lift=0.0):
    rng = np.random.default_rng(seed)
    base = 0.4 + 0.5 * (1 - np.exp(-np.arange(11) / 3))
    curves = base + lift + rng.normal(scale=0.02, size=(n_repeats, 11))
    return [r for i, row in enumerate(curves) for r in records(strategy, row, repeat=i)]


def row_of(curves, strategy="margin", **options):
    return curves.savings(**options).loc[strategy]


def test_savings_by_hand():
    """The baseline reaches 0.5 + 0.95 * 0.4 = 0.88 with 76 labels, the other strategy with 36."""
    curves = LearningCurves(
        records("random", RISING) + records("margin", [0.5, 0.8, 0.9, 0.9, 0.9])
    )
    row = row_of(curves)
    assert row["target"] == pytest.approx(0.88)
    assert row["gain"] == pytest.approx(0.4)
    assert row["labels"] == pytest.approx(20 + 20 * 0.8)
    assert row["baseline_labels"] == pytest.approx(60 + 20 * 0.8)
    assert row["savings"] == pytest.approx(1 - 36 / 76)
    assert row["lead"] == pytest.approx((0.2 + 0.2 + 0.1) * 20 / 80)
    assert np.isnan(row["savings_low"])


def test_scores_are_averaged_then_made_monotone():
    baseline = records("random", RISING) + records("random", RISING, repeat=1)
    first = records("margin", [0.5, 0.9, 0.7, 0.9, 1.0])
    second = records("margin", [0.5, 0.9, 0.5, 0.9, 1.0], repeat=1)
    row = row_of(LearningCurves(baseline + first + second))
    mean = [0.5, 0.9, 0.6, 0.9, 1.0]
    monotone = IsotonicRegression().fit_transform(np.arange(5), mean)
    assert monotone[1] == pytest.approx(0.75)
    assert row["labels"] == pytest.approx(np.interp(0.88, monotone[2:4], [40, 60]))


def test_an_equal_curve_saves_nothing_and_half_the_labels_save_half():
    curves = noisy("random", 6, 0)
    equal = [{**record, "strategy": "equal"} for record in curves]
    half = [{**r, "strategy": "half", "n_labels": r["n_labels"] // 2} for r in curves]
    table = LearningCurves(curves + equal + half).savings()
    columns = ["savings", "savings_low", "savings_high"]
    assert table.loc["equal", [*columns, "lead", "lead_low", "lead_high"]].tolist() == [0] * 6
    assert table.loc["half", columns].tolist() == pytest.approx([0.5] * 3)


def test_a_target_that_is_not_reached():
    curves = LearningCurves(
        records("random", RISING) + records("margin", [0.5, 0.5, 0.6, 0.6, 0.8])
    )
    row = row_of(curves)
    assert row["labels"] == np.inf
    assert row["savings"] == -np.inf
    assert row["last_labels"] == 80
    assert f"< {1 - 80 / 76:.0%}, not reached" in curves.to_markdown()


def test_a_curve_may_start_later_and_above_the_target():
    curves = LearningCurves(records("random", RISING) + records("margin", [0.9, 0.95], start=20))
    row = row_of(curves)
    assert row["labels"] == 20
    assert row["apart"] == ""
    assert row["lead"] == pytest.approx(np.trapezoid([0.9 - 0.6, 0.95 - 0.7], dx=1))


def test_a_baseline_with_little_gain_marks_the_row_as_apart():
    flat = records("random", [0.5, 0.51, 0.52])
    row = row_of(LearningCurves(flat + records("margin", [0.5, 0.6, 0.7])))
    assert row["apart"] == "the baseline gains 0.020 only"
    assert np.isnan(row["savings"])
    assert row["lead"] == pytest.approx((0.09 + 0.09 / 2 + 0.18 / 2 - 0.09 / 2) / 2)


def test_a_prior_above_the_target_marks_the_row_as_apart():
    baseline = records("random", RISING, start=20)
    known = LearningCurves(baseline + records("margin", [0.89, 0.9, 0.9]))
    assert row_of(known)["apart"] == "the prior alone scores 0.890"
    unknown = LearningCurves(baseline + records("margin", [0.89, 0.9, 0.9], start=20))
    assert row_of(unknown)["apart"] == ""
    assert row_of(unknown, zero_shot=0.95)["apart"] == "the prior alone scores 0.950"
    assert "the prior alone" in unknown.to_markdown(zero_shot=0.95)


def test_the_null_is_centered_on_zero_and_excludes_a_better_method():
    curves = LearningCurves(noisy("random", 10, 0) + noisy("margin", 10, 1, lift=0.1))
    table = curves.savings()
    null, own = table.loc["random"], table.loc["margin"]
    assert null["savings"] == 0
    assert null["savings_low"] < 0 < null["savings_high"]
    assert null["lead_low"] < 0 < null["lead_high"]
    assert null["savings_high"] < own["savings_low"] <= own["savings"] <= own["savings_high"]


def test_the_bootstrap_is_paired():
    """A common shift of both curves in a repeat does not widen the interval."""
    shift = np.random.default_rng(0).normal(scale=0.1, size=8)
    both = []
    for repeat, common in enumerate(shift):
        both += records("random", np.add(RISING, common), repeat=repeat)
        both += records("margin", np.add(RISING, common + 0.1), repeat=repeat)
    row = row_of(LearningCurves(both))
    assert row["lead_low"] == pytest.approx(0.1)
    assert row["lead_high"] == pytest.approx(0.1)
    assert row["savings_low"] == pytest.approx(row["savings_high"]) == pytest.approx(20 / 76)


def test_only_shared_repeats_are_compared():
    baseline = records("random", RISING) + records("random", [0.1] * 5, repeat=1)
    curves = LearningCurves(baseline + records("margin", [0.5, 0.8, 0.9, 0.9, 0.9]))
    assert row_of(curves)["n_repeats"] == 1
    assert row_of(curves)["baseline_labels"] == pytest.approx(76)


def test_total_cost_by_hand():
    """The strategies reach 0.88 after 76 labels and 0.76 s, and after 36 labels and 36 s."""
    slow = records("random", RISING) + records("margin", [0.5, 0.8, 0.9, 0.9, 0.9])
    for record in slow:
        record["seconds"] = record["n_labels"] * {"random": 0.01, "margin": 1}[record["strategy"]]
    curves = LearningCurves(slow)
    row = curves.total_cost(2, 3).loc["margin"]
    assert row["cost"] == pytest.approx(36 * 5)
    assert row["baseline_cost"] == pytest.approx(76 * 2.03)
    assert row["savings"] == pytest.approx(1 - 180 / (76 * 2.03))
    free = curves.total_cost(1, 0).loc["margin"]
    assert free["cost"] == row_of(curves)["labels"]


def test_resampling_is_seeded_and_has_n_resamples():
    curves = LearningCurves(noisy("random", 6, 0) + noisy("margin", 6, 1, lift=0.1))
    bounds = ["savings_low", "savings_high"]
    few, again, other = (
        row_of(curves, n_resamples=50, random_state=seed)[bounds] for seed in (0, 0, 1)
    )
    assert few.equals(again)
    assert not few.equals(other)
    assert row_of(curves, n_resamples=1)[bounds].isna().all()


def test_total_cost_of_labels_alone_is_the_savings():
    frame = pd.DataFrame(noisy("random", 6, 0) + noisy("margin", 6, 1, lift=0.1))
    frame = frame.assign(seconds=1.0, f1=frame["score"] ** 2)
    options = {"baseline": "margin", "score": "f1", "n_resamples": 20, "random_state": 3}
    curves = LearningCurves(frame)
    for zero_shot in (None, 0.0, 0.9):
        savings = curves.savings(**options, zero_shot=zero_shot)
        cost = curves.total_cost(1, 0, **options, zero_shot=zero_shot)
        same = cost.rename(columns=lambda name: name.replace("cost", "labels"))
        pd.testing.assert_frame_equal(same, savings)


def test_another_column_can_be_compared():
    curves = LearningCurves(
        [{**r, "macro_f1": 1 - r["score"] + 2 * r["n_labels"]} for r in records("random", RISING)]
    )
    assert row_of(curves, "random", score="macro_f1")["gain"] == pytest.approx(159.6)


def test_frames_round_trip():
    curves = LearningCurves(noisy("random", 3, 0) + noisy("margin", 3, 1))
    again = LearningCurves(curves.to_frame())
    assert again.records == curves.records
    pd.testing.assert_frame_equal(again.savings(), curves.savings())
    assert repr(curves) == "LearningCurves(random, margin; 3 repeats)"


def test_markdown_has_a_line_for_each_strategy():
    curves = LearningCurves(noisy("random", 5, 0) + noisy("margin", 5, 1, lift=0.1))
    header, rule, *lines = curves.to_markdown().splitlines()
    assert header.count("|") == rule.count("|")
    assert [line.split("|")[1].strip() for line in lines] == ["random (null)", "margin"]
    assert re.search(r"\d+% \[\d+%, \d+%\]", lines[1])
    other = LearningCurves([{**record, "f1": record["score"] / 2} for record in curves.records])
    header, _, random, margin = other.to_markdown(baseline="margin", score="f1").splitlines()
    assert "f1 at the end" in header
    assert margin.startswith("| margin (null)")
    last = [r["f1"] for r in other.records if r["strategy"] == "random" and r["n_labels"] == 200]
    assert f"| {np.mean(last):.3f}" in random


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([], "records is empty"),
        ([{"strategy": "a", "repeat": 0, "n_labels": 1}], "no column 'score'"),
        (records("a", RISING) + records("a", RISING), "10 records of 1 repeats"),
        (records("a", RISING) + records("a", RISING, repeat=1, start=20), "2 repeats at 6"),
        (records("a", [0.1, np.nan]), "has NaN"),
    ],
)
def test_invalid_records(bad, message):
    with pytest.raises(ValueError, match=message):
        LearningCurves(bad)


def test_invalid_arguments_of_savings():
    curves = LearningCurves(records("random", RISING) + records("a", RISING, repeat=1))
    with pytest.raises(ValueError, match=r"baseline='b' is not among .* Give one of random, a"):
        curves.savings("b")
    with pytest.raises(ValueError, match="'a' has no repeat in common with 'random'"):
        curves.savings()
    with pytest.raises(ValueError, match="no column 'seconds'"):
        curves.total_cost(1, 1)
    with pytest.raises(ValueError, match="no column 'f1'"):
        curves.savings("a", score="f1")
