"""The code of the documentation's pages runs, and the page of strategies is up to date."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.preprocessing import normalize

from skactive import ActiveClassifier, SoftmaxHead, ZeroShotClassifier, strategies

STRATEGIES = Path(__file__).resolve().parent.parent / "docs" / "make_strategies.py"
PAGE = STRATEGIES.with_name("scikit_learn.md").read_text()
SECTIONS = {
    part.splitlines()[0]: "".join(re.findall(r"```python\n(.*?)```", part, flags=re.DOTALL))
    for part in PAGE.split("\n## ")
}
(_, START), *REST = SECTIONS.items()


@pytest.fixture(scope="module")
def after_a_search():
    names = {}
    exec(START + SECTIONS["Parameters and searches"], names)
    return names


def run(title, names):
    exec(START + SECTIONS[title], names)
    return names


@pytest.mark.parametrize("title", [title for title, code in REST if code])
def test_code_of_the_page(title, after_a_search, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = run(title, after_a_search | {"np": np, "sklearn": sklearn})
    assert names["pool"].shape == (450, 64)


def test_pipelines(after_a_search):
    names = run("Pipelines", dict(after_a_search))
    assert names["accuracy"] > 0.8
    assert len(set(names["asked"])) == 20


def test_searches(after_a_search):
    assert len(after_a_search["search"].best_estimator_.queried_) == 40
    assert len(after_a_search["halving"].best_estimator_.queried_) == 45
    assert after_a_search["clf"].strategy.bandwidth == 2.0
    calibrated = run("Meta-estimators", dict(after_a_search))["calibrated"]
    assert calibrated.score(after_a_search["X_test"], after_a_search["y_test"]) > 0.7


def test_a_strategy_of_the_user(after_a_search):
    names = run("Your own strategy", dict(after_a_search))
    assert len(set(names["asked"].tolist()) - set(names["first"].tolist())) == 10
    proba = names["clf"].predict_proba(names["pool"][names["asked"]])
    np.testing.assert_allclose(names["scores"], 1 - proba.max(axis=1))
    assert names["scores"].mean() > 1 - names["clf"].predict_proba(names["pool"]).max(axis=1).mean()


def test_weights_reach_the_head(after_a_search):
    names = run("Sample weights", dict(after_a_search))
    plain = names["make_pipeline"](names["StandardScaler"](), clone(names["clf"]))
    plain.fit(names["pool"], names["y_pool"])
    eights = [
        model.predict_proba(names["X_test"])[:, 8].mean() for model in (names["weighted"], plain)
    ]
    assert eights[0] > eights[1]


def test_every_round_is_scored(after_a_search):
    names = run("Callbacks", dict(after_a_search))
    if "monitor" in names:
        assert len(names["monitor"].get_logs().data) == 5  # four rounds and the whole


def test_reports_and_adaptation(after_a_search):
    names = run("Shift, duplicates and leakage", dict(after_a_search))
    assert len(names["rows"]) == 450
    assert set(names["leaked"]["leakage"]) <= {"equal", "near"}
    names = run("Adaptation to new data", dict(after_a_search))
    assert names["after"] > names["before"] + 0.2
    made = run("Rows that are not in the pool", dict(after_a_search))["made"]
    assert made.shape == (10, 64)


def test_posterior_samples_and_a_small_model(after_a_search):
    names = run("Posterior samples of nets", dict(after_a_search))
    assert names["sampled"].shape == (20, 150, 10)
    assert names["sampled"].std(axis=0).max() > 0.01
    names = run("A small model selects for a large one", dict(after_a_search))
    assert len(set(names["labeled"])) == 80
    assert names["large"].score(names["X_test"], names["y_test"]) > 0.8


def test_saved_and_loaded(after_a_search, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(run("Saving", dict(after_a_search))["clf"].label_trust_) == 60


def test_code_of_the_page_on_evaluation():
    page = (Path(__file__).parents[1] / "docs" / "evaluation.md").read_text()
    names = {}
    exec("".join(re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)), names)
    low, high = names["accuracy"].interval
    assert 0.8 < low < high < 1
    assert np.ptp(names["corrected"].interval) > np.ptp(names["estimate"].interval)
    assert names["rule"].should_stop(names["progress"])
    assert names["values"]["audited"] == 100
    assert names["comparison"].verdict in ("better", "worse", "cannot tell")


def test_page_of_strategies_says_what_the_docstrings_say():
    page = runpy.run_path(str(STRATEGIES))["page"]()
    assert STRATEGIES.with_name("strategies.md").read_text() == page, "run make_strategies.py"
    for name in strategies.names():
        assert f"| `{name}` |" in page


def test_inputs_that_the_pool_changes():
    """Those that the page calls the same are equal, bit for bit; all others differ."""
    page = runpy.run_path(str(STRATEGIES))
    assert page["inputs"](strategies.get("co_decision")) == ["head_proba", "prior_proba"]
    rng = np.random.default_rng(0)
    centers = np.eye(6)[:3]
    y = np.arange(90) % 3
    X = normalize(centers[y] + 0.3 * rng.normal(size=(90, 6)))
    prior = ZeroShotClassifier(class_embeddings=centers, classes=[0, 1, 2])
    views = []
    for transductive in (True, False):
        clf = ActiveClassifier(SoftmaxHead(), prior=prior, transductive=transductive)
        clf.set_params(random_state=0, strategy="random").query(X, 1)
        clf.partial_fit(X[:24], np.r_[y[:20], 0, 0, 0, 0])
        views.append(clf._open_pool(X).selectable(None).view)
    for name, (_, as_published) in page["INPUTS"].items():
        if name == "sample_proba":
            values = [view.sampled_proba(3) for view in views]
        else:
            values = [np.concatenate([np.ravel(a) for a in getattr(view, name)]) for view in views]
        assert np.array_equal(*values) == (as_published == "the same"), name
