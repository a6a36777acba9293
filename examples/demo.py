"""The main job on real text: name the subpackage of SciPy that a docstring comes from.

Thirteen classes, the largest 21 times the smallest. A foundation model reads the texts; an
annotator who is wrong one time in five answers 200 questions, twenty at a time. Every seed is a
split of its own, on which four annotators, wrong in different places, have their turn: what two
hundred noisy answers teach varies too much to be judged by one of them.
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


def learn(strategy: str, seed: int) -> np.ndarray:
    """Balanced accuracy on held-out texts: before any label, then after each batch."""
    return np.mean([ask(strategy, seed, annotator) for annotator in range(ANNOTATORS)], axis=0)


def ask(strategy: str, seed: int, annotator: int) -> list[float]:
    pool, test, y_pool, y_test = train_test_split(
        texts, labels, test_size=0.3, stratify=labels, random_state=seed
    )
    chance = ANNOTATORS * seed + annotator
    answers = flip_labels(y_pool, 0.2, random_state=chance)
    clf = ActiveClassifier(
        make_pipeline(encoder, SoftmaxHead()), strategy=strategy, prior=prior, random_state=chance
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
encoder.transform(texts)  # once; every later look-up comes from the cache
curves = {
    name: np.array([learn(strategy, seed) for seed in SEEDS])
    for name, strategy in STRATEGIES.items()
}

n_labels = np.arange(0, BUDGET + 1, BATCH)
zero_shot = curves["default"][:, 0]
print(f"\nBalanced accuracy, mean ± standard error over {len(SEEDS)} seeds, 20 % wrong answers")
print("labels  " + "".join(f"{name:>16s}" for name in ("zero-shot", *curves)))
for column, n in enumerate(n_labels):
    row = (zero_shot, *(scores[:, column] for scores in curves.values()))
    print(f"{n:6d}  " + "".join(f"{with_error(values):>16s}" for values in row))
last = {name: scores[:, -1] for name, scores in curves.items()}
print(f"\nAt {BUDGET} labels, seed by seed, the default is ahead of")
print(f"  random by    {with_error(last['default'] - last['random'])}")
print(f"  zero-shot by {with_error(last['default'] - zero_shot)}")

figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
axes.axhline(zero_shot.mean(), color="gray", linestyle="--", label="zero-shot")
for name, scores in curves.items():
    mean, error = scores.mean(axis=0), scores.std(axis=0, ddof=1) / len(scores) ** 0.5
    axes.plot(n_labels, mean, marker="o", label=name)
    axes.fill_between(n_labels, mean - error, mean + error, alpha=0.2)
axes.set(xlabel="labels asked for", ylabel="balanced accuracy", title="SciPy's docstrings")
axes.legend()
figure.savefig(HERE / "demo.png", dpi=150)
print(f"\nThe curves are in {HERE / 'demo.png'}")
