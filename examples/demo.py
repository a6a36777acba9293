"""Active learning on real texts: predict the subpackage of SciPy that a docstring comes from.

There are thirteen classes; the largest is 22 times the size of the smallest. A foundation model
embeds the texts. A simulated annotator, who is wrong one time in five, gives 200 labels in batches
of twenty. Each seed is a different split into pool and test set. On each split, the scores are
averaged over four annotators who are wrong on different rows, because the result of learning from
two hundred noisy labels varies a lot.
"""

from pathlib import Path

import matplotlib
import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skactive import ActiveClassifier, SentenceEncoder, SoftmaxHead, ZeroShotClassifier
from skactive.datasets import CLASS_PROMPTS, flip_labels, load_scipy_docs

matplotlib.use("Agg")
import matplotlib.pyplot as plt

BATCH, BUDGET, SEEDS, ANNOTATORS = 20, 200, range(5), 4
STRATEGIES = {"random": "random", "default": "auto"}
HERE = Path(__file__).resolve().parent.parent

texts, labels = load_scipy_docs()
encoder = SentenceEncoder(cache_dir=HERE / ".cache")
prior = ZeroShotClassifier(CLASS_PROMPTS, encoder=encoder)


def mean_curve(strategy: str, seed: int) -> np.ndarray:
    """Mean of the learning curves of all annotators on one split."""
    return np.mean(
        [learning_curve(strategy, seed, annotator) for annotator in range(ANNOTATORS)], axis=0
    )


def learning_curve(strategy: str, seed: int, annotator: int) -> list[float]:
    """Balanced accuracy on the test set, before any label and after each batch."""
    pool, test, y_pool, y_test = train_test_split(
        texts, labels, test_size=0.3, stratify=labels, random_state=seed
    )
    run_seed = ANNOTATORS * seed + annotator
    answers = flip_labels(y_pool, 0.2, random_state=run_seed)
    clf = ActiveClassifier(
        make_pipeline(encoder, SoftmaxHead()), strategy=strategy, prior=prior, random_state=run_seed
    )
    scores = [balanced_accuracy_score(y_test, prior.predict(test))]
    for _ in range(BUDGET // BATCH):
        asked = clf.query(pool, BATCH)
        clf.partial_fit([pool[i] for i in asked], answers[asked])
        scores.append(balanced_accuracy_score(y_test, clf.predict(test)))
    return scores


def with_error(values: np.ndarray) -> str:
    return f"{values.mean():.3f} ± {values.std(ddof=1) / len(values) ** 0.5:.3f}"


print(f"{len(texts)} docstrings in {len(CLASS_PROMPTS)} classes")
encoder.transform(texts)  # embeds each text once; later calls read the row cache
curves = {
    name: np.array([mean_curve(strategy, seed) for seed in SEEDS])
    for name, strategy in STRATEGIES.items()
}

n_labels = np.arange(0, BUDGET + 1, BATCH)
zero_shot = curves["default"][:, 0]
print(f"\nBalanced accuracy, mean ± standard error over {len(SEEDS)} seeds, 20 % wrong labels")
print("labels  " + "".join(f"{name:>16s}" for name in ("zero-shot", *curves)))
for column, n in enumerate(n_labels):
    row = (zero_shot, *(scores[:, column] for scores in curves.values()))
    print(f"{n:6d}  " + "".join(f"{with_error(values):>16s}" for values in row))
last = {name: scores[:, -1] for name, scores in curves.items()}
print(f"\nLead of the default strategy at {BUDGET} labels, mean ± standard error over the seeds")
print(f"  over random:    {with_error(last['default'] - last['random'])}")
print(f"  over zero-shot: {with_error(last['default'] - zero_shot)}")

figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
axes.axhline(zero_shot.mean(), color="gray", linestyle="--", label="zero-shot")
for name, scores in curves.items():
    mean, error = scores.mean(axis=0), scores.std(axis=0, ddof=1) / len(scores) ** 0.5
    axes.plot(n_labels, mean, marker="o", label=name)
    axes.fill_between(n_labels, mean - error, mean + error, alpha=0.2)
axes.set(xlabel="number of labels", ylabel="balanced accuracy", title="SciPy's docstrings")
axes.legend()
figure.savefig(HERE / "demo.png", dpi=150)
print(f"\nThe learning curves are in {HERE / 'demo.png'}")
