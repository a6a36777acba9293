"""Compare the results of two revisions of skactive: save those of one, run the other.

Each case runs an active-learning loop on real data and records the rows queried, the predicted
probabilities, the label trust, the noise rate and the suspects after every batch:

    python benchmarks/reproducibility.py --data DIR --save before.npz      # in the old checkout
    python benchmarks/reproducibility.py --data DIR --compare before.npz   # in the new one

The exit status is 1 if any pick differs, or any number differs by more than 1e-6.
"""

import argparse
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from _data import add_data_option, load_features, load_table, load_texts
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skactive import (
    ActiveClassifier,
    SentenceEncoder,
    SoftmaxHead,
    TableEncoder,
    ZeroShotClassifier,
    strategies,
)
from skactive.datasets import flip_labels

TOLERANCE = 1e-6
PROMPTS = {
    "ABBR": "a question about an abbreviation",
    "DESC": "a question about a description or definition",
    "ENTY": "a question about an entity or thing",
    "HUM": "a question about a person",
    "LOC": "a question about a place",
    "NUM": "a question about a number or date",
}
Results = dict[str, np.ndarray]


def run(
    clf: ActiveClassifier,
    pool: Any,
    y: np.ndarray,
    X_test: Any,
    *,
    n_batches: int = 5,
    batch_size: int = 20,
) -> Results:
    """Query and learn; return all that a user can see of each round."""
    results = {}
    y_given = flip_labels(y, 0.2, random_state=0)
    for i in range(n_batches):
        queried = clf.query(pool, batch_size)
        rows = pool.iloc[queried] if hasattr(pool, "iloc") else pool[queried]
        clf.partial_fit(rows, y_given[queried])
        results[f"{i}/asked"] = queried  # the key in saved files
        results[f"{i}/proba"] = clf.predict_proba(X_test)
    results["label_trust"] = clf.label_trust_
    results["noise_rate"] = np.array(clf.noise_.rate)
    if clf.noise is not None:
        results["suspects"] = clf.suspects(10)
    results["scores"] = clf.query(pool, 5, return_scores=True)[1]
    return results


def cases(data: str | None) -> dict[str, Callable[[], Results]]:
    """All cases by name."""
    return {
        **_text_cases(data),
        **_feature_cases(data),
        **_table_cases(data),
        **_strategy_cases(data),
    }


def _text_cases(data: str | None) -> dict[str, Callable[[], Results]]:
    texts, labels, _ = load_texts(data, "trec6")
    order = np.random.default_rng(0).permutation(len(texts))
    pool, test = order[:1500], order[1500:1800]
    names = sorted(set(labels))

    def case(prior: bool, estimator: Any = None, **params: Any) -> Callable[[], Results]:
        def result() -> Results:
            encoder = SentenceEncoder(verbose=False)
            prompts = dict(zip(names, PROMPTS.values(), strict=True))
            clf = ActiveClassifier(
                make_pipeline(encoder, SoftmaxHead()) if estimator is None else estimator,
                prior=ZeroShotClassifier(prompts, encoder=encoder) if prior else None,
                random_state=0,
                **params,
            )
            return run(clf, texts[pool], labels[pool], texts[test])

        return result

    words = make_pipeline(TfidfVectorizer(min_df=2), LogisticRegression(C=10))
    return {
        "text, prior": case(True),
        "text": case(False),
        "text, prior, transductive=False": case(True, transductive=False),
        "text, prior, noise=None": case(True, noise=None),
        "text, prior, refresh": case(True, refresh="auto"),
        "text, words, prior": case(True, words),
        "text, words, margin": case(False, words, strategy="margin"),
    }


def _feature_cases(data: str | None) -> dict[str, Callable[[], Results]]:
    def case(name: str, prior: bool, estimator: Any = None) -> Callable[[], Results]:
        def result() -> Results:
            part = "train" if name == "cifar10" else "all"
            features = load_features(data, name, part)
            order = np.random.default_rng(0).permutation(len(features.X))
            pool, test = order[:2000], order[2000:2500]
            clf = ActiveClassifier(
                estimator, prior=_prior(features, order) if prior else None, random_state=0
            )
            X, y = features.X, features.y
            return run(clf, X[pool], y[pool], X[test])

        return result

    forest = RandomForestClassifier(30, random_state=0)
    scaled = make_pipeline(StandardScaler(), SoftmaxHead())
    return {
        "image features, prior": case("cifar10", True),
        "image features": case("cifar10", False),
        "image features, 101 classes, prior": case("caltech101", True),
        "image features, 101 classes, standardized": case("caltech101", False, scaled),
        "text features, 77 classes, prior": case("banking77", True),
        "text features, useless prior": case("davidson_hate", True),
        "text features, forest, prior": case("tweeteval_emotion", True, forest),
        "text features, hidden layer": case("trec6", False, SoftmaxHead((32,), random_state=0)),
    }


def _prior(features: Any, order: np.ndarray) -> Any:
    if features.class_embeddings is not None:
        return ZeroShotClassifier(
            class_embeddings=features.class_embeddings, classes=features.classes
        )
    rest = order[2500:2800]  # rows that are neither in the pool nor tested
    return FrozenEstimator(LogisticRegression().fit(features.X[rest], features.y[rest]))


def _table_cases(data: str | None) -> dict[str, Callable[[], Results]]:
    def case(name: str, boosting: bool = False) -> Callable[[], Results]:
        def result() -> Results:
            X, y = load_table(data, name)
            order = np.random.default_rng(0).permutation(len(X))[:2400]
            pool, test = order[:2000], order[2000:]
            columns = make_column_transformer(
                (TableEncoder(), make_column_selector(dtype_include="number")),
                (
                    OneHotEncoder(handle_unknown="ignore"),
                    make_column_selector(dtype_exclude="number"),
                ),
                sparse_threshold=0,
            )
            estimator = make_pipeline(columns, SoftmaxHead())
            if boosting:
                estimator = HistGradientBoostingClassifier(
                    max_iter=10, min_samples_leaf=2, random_state=0
                )
                X = X.astype(dict.fromkeys(X.select_dtypes(exclude="number"), "category"))
            clf = ActiveClassifier(estimator, random_state=0)
            return run(clf, X.iloc[pool], y[pool], X.iloc[test], n_batches=3)

        return result

    return {
        "table, numbers": case("page_blocks"),
        "table, mixed columns": case("hypothyroid"),
        "table, boosting": case("hypothyroid", boosting=True),
    }


def _strategy_cases(data: str | None) -> dict[str, Callable[[], Results]]:
    def case(name: str, prior: bool) -> Callable[[], Results]:
        def result() -> Results:
            features = load_features(data, "trec6")
            order = np.random.default_rng(0).permutation(len(features.X))
            pool, test = order[:600], order[600:700]
            strategy = strategies.get(name)
            clf = ActiveClassifier(
                strategy=strategy,
                prior=_prior(features, order) if prior or "prior" in strategy.needs else None,
                random_state=0,
            )
            X, y = features.X, features.y
            return run(clf, X[pool], y[pool], X[test], n_batches=3, batch_size=15)

        return result

    names = strategies.names()
    with_prior = {f"strategy {name}, prior": case(name, True) for name in names}
    return {f"strategy {name}": case(name, False) for name in names} | with_prior


def difference(before: Results, after: Results) -> tuple[int, float]:
    """Number of picks that differ, and the largest difference of any other number."""
    picks, largest = 0, 0.0
    for key, expected in before.items():
        found = after[key]
        if found.shape != expected.shape:
            picks, largest = picks + expected.size, np.inf
        elif key.endswith(("asked", "suspects")):
            picks += int((found != expected).sum())
        elif expected.size:
            same_gaps = np.array_equal(np.isnan(found), np.isnan(expected))
            gap = np.nanmax(np.abs(found - expected), initial=0.0)
            largest = max(largest, float(gap) if same_gaps else np.inf)
    return picks, largest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_data_option(parser)
    parser.add_argument("--save", metavar="FILE", help="file to save the results to")
    parser.add_argument("--compare", metavar="FILE", help="results of another revision")
    parser.add_argument("--only", metavar="TEXT", default="", help="only cases that contain TEXT")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    chosen = {name: case for name, case in cases(args.data).items() if args.only in name}
    before = dict(np.load(args.compare)) if args.compare else {}
    kept, failed = {}, 0
    print("| case | picks that differ | largest difference |\n|---|---|---|")
    for name, case in chosen.items():
        # the spelling in files of older revisions
        key = name.replace("neighbours", "neighbors")
        results = case()
        kept |= {f"{key}::{part}": value for part, value in results.items()}
        if args.compare:
            prefix = f"{key}::"
            expected = {
                k.removeprefix(prefix): v for k, v in before.items() if k.startswith(prefix)
            }
            picks, largest = difference(expected, results)
            failed += picks > 0 or largest > TOLERANCE or not expected
            print(f"| {name} | {picks} | {largest:.1e} |", flush=True)
        else:
            print(f"| {name} | | |", flush=True)
    if args.save:
        np.savez_compressed(args.save, **kept)
    print(f"{len(chosen)} cases, {failed} with a difference")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
