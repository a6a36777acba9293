"""Best temperature of a zero-shot prior, as a multiple of the spread of its classes.

    python benchmarks/zero_shot_temperature.py --data DIR

For each data set of texts: the spread (mean of 1 - cosine over pairs of class embeddings), the
balanced accuracy, the ratio of temperature to spread with the smallest log loss, that loss, and how
much larger the loss is with other ratios, in nats per row. All rows have the same weight in the
first line of a data set, all classes in the second. The first data set is SciPy's docstrings,
encoded here. temperature="auto" uses the ratio 0.10. The prior of davidson_hate is no better than
chance.
"""

import argparse
from collections.abc import Iterator

import numpy as np
from _data import TEXTS, Features, add_data_option, load_features
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.utils.class_weight import compute_sample_weight

from skactive.datasets import CLASS_PROMPTS, load_scipy_docs
from skactive.encoders import SentenceEncoder
from skactive.priors import ZeroShotClassifier

RATIOS = np.array([0.05, 0.06, 0.07, 0.08, 0.1, 0.12, 0.15, 0.2])
SEARCHED = np.geomspace(0.02, 2, 60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    folder = parser.parse_args().data
    print(
        f"{'set':18} {'spread':>6} {'bal.acc':>7} {'best':>5} {'loss':>6}  cost of ratio", end=" "
    )
    print(*(f"{ratio:6.2f}" for ratio in RATIOS))
    for features in all_features(folder):
        report(features)


def all_features(folder: str | None) -> Iterator[Features]:
    texts, labels = load_scipy_docs()
    encoder = SentenceEncoder()
    prompts = encoder.encode_prompts(list(CLASS_PROMPTS.values()))
    classes = np.array(list(CLASS_PROMPTS))
    yield Features("scipy docstrings", encoder.transform(texts), labels, classes, prompts)
    for name in TEXTS:
        yield load_features(folder, name)


def report(features: Features) -> None:
    spread = spread_of(features.class_embeddings)
    prior = ZeroShotClassifier(class_embeddings=features.class_embeddings, classes=features.classes)
    accuracy = balanced_accuracy_score(features.y, prior.predict(features.X))
    for weight in (None, compute_sample_weight("balanced", features.y)):
        losses = [
            log_loss(
                features.y,
                prior.set_params(temperature=ratio * spread).predict_proba(features.X),
                labels=prior.classes_,
                sample_weight=weight,
            )
            for ratio in (*SEARCHED, *RATIOS)
        ]
        best = int(np.argmin(losses[: len(SEARCHED)]))
        line = f"{features.name:18} {spread:6.3f} {accuracy:7.3f} {SEARCHED[best]:5.3f}"
        print(f"{line} {losses[best]:6.3f} {'':14}", end=" ")
        print(*(f"{loss - losses[best]:6.3f}" for loss in losses[len(SEARCHED) :]))


def spread_of(class_embeddings: np.ndarray) -> float:
    unit = class_embeddings / np.linalg.norm(class_embeddings, axis=1, keepdims=True)
    cosines = unit @ unit.T
    return float(1 - cosines[~np.eye(len(cosines), dtype=bool)].mean())


if __name__ == "__main__":
    main()
