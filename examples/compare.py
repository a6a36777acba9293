"""Compare strategies: simulate active learning on SciPy's docstrings, whose labels are known.

Simulated annotators are wrong one time in five. All strategies have the same prior and the same
head. Their label savings are relative to random sampling. An interrupted run of this script
resumes where it stopped.
"""

from pathlib import Path

import matplotlib
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skactive import (
    ActiveClassifier,
    LearningCurvesDisplay,
    PoolMapDisplay,
    SentenceEncoder,
    SoftmaxHead,
    ZeroShotClassifier,
    simulate,
)
from skactive.datasets import CLASS_PROMPTS, load_scipy_docs

matplotlib.use("Agg")

HERE = Path(__file__).resolve().parent.parent

texts, labels = load_scipy_docs()
pool, test, y_pool, y_test = train_test_split(
    texts, labels, test_size=0.3, stratify=labels, random_state=0
)
encoder = SentenceEncoder(cache_dir=HERE / ".cache")
prior = ZeroShotClassifier(CLASS_PROMPTS, encoder=encoder)
clf = ActiveClassifier(make_pipeline(encoder, SoftmaxHead()), prior=prior, random_state=0)

curves = simulate(
    clf,
    pool,
    y_pool,
    X_test=test,
    y_test=y_test,
    budget=200,
    batch_size=20,
    strategies=["auto", "margin", "typiclust"],
    noise_rate=0.2,
    n_repeats=5,
    random_state=0,
    cache_dir=HERE / ".cache" / "compare",
    verbose=True,
)
print(curves.to_markdown())
print("\nTotal cost at 10 cents per label and 3 cents per minute of computing time:")
costs = curves.total_cost(price_per_label=0.10, price_per_second=0.03 / 60)
print(costs[["cost", "baseline_cost", "savings"]].round(2))
display = LearningCurvesDisplay.from_curves(curves)
display.figure_.savefig(HERE / "compare.png", dpi=150)

asked = clf.query(pool, 20)
clf.fit([pool[i] for i in asked], y_pool[asked])
pool_map = PoolMapDisplay.from_estimator(clf, pool, asked=clf.query(pool, 20))
pool_map.figure_.savefig(HERE / "map.png", dpi=150)
print("\nThe learning curves are in compare.png, and a map of the pool is in map.png")
