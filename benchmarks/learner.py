"""What is learned from a few labels, some of them wrong: SoftmaxHead against its alternatives.

    python benchmarks/learner.py --data DIR --out FOLDER [--seeds 0 10] [--sets trec6 car]
        [--only ours baselines hindsight time] [--report] [--full]

Labels are drawn at random from a long-tailed pool, some are made wrong, and balanced accuracy is
taken on clean test rows, at most 3,000 of them, of which every class has as many as it can give.
Every outcome is appended to FOLDER at once and not computed again: a run that was stopped goes on
where it was, and several runs with different ``--sets`` can share a folder. ``--report`` only
prints what is there; ``--full`` adds a table for each set.

The methods, all in one run:

- zero-shot: the prior's likeliest class;
- logistic: LogisticRegression(class_weight="balanced"), C found by cross-validation;
- cleanlab: its CleanLearning around that (skipped, saying so, where cleanlab is not installed);
- no prior, prior: ActiveClassifier around SoftmaxHead, after one unlabeled query of the pool;
- useless, adversarial: the same with the prior's rows shuffled, or every class's column moved;
- hindsight: the best of a grid of fixed settings for each set, n and noise, by the test rows.

Features are normalized rows of texts' and images' embeddings, or standardized columns of tables;
the logistic regression gets the former at norm 3. The image sets' priors are similarities, made
probabilities by a softmax with temperature 0.1.
"""

import argparse
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from _data import IMAGES, TEXTS, add_data_option, load_features
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, normalize
from threadpoolctl import threadpool_limits

from skactive import ActiveClassifier
from skactive._learner.prior_calibration import calibrated_prior, prior_statistics
from skactive.datasets import flip_labels, make_long_tailed
from skactive.heads import SoftmaxHead
from skactive.kernels.softmax_path import Problem, fit_softmax_path, path_logits
from skactive.priors import ZeroShotClassifier

TABLES = (
    "car",
    "ecoli",
    "hypothyroid",
    "letter",
    "mammography",
    "oil_spill",
    "page_blocks",
    "satimage",
    "winequality_white",
)
RULES = "sms_rules"
SETS = (*TEXTS, *IMAGES, *TABLES, RULES)
# The others are long-tailed by nature.
TAILS = {"banking77": 50, "tweeteval_emotion": 20, "cifar10": 20, "satimage": 20, "letter": 20}
N_LABELS = (10, 20, 50, 100, 200, 500)
NOISES = ("0", "20", "40", "pair 20")
RARE = 8  # classes with fewer rows are left out: they cannot be tested
TEST_ROWS = 3000
CS = (1.0, 10.0, 0.1, 100.0, 0.01)  # the first of equals is taken
GRID = [
    (strength, prior_scale, noise_rate)
    for strength in (0.03, 0.1, 0.3, 1.0, 3.0)
    for prior_scale in (0.0, 0.25, 0.5, 1.0)
    for noise_rate in (0.0, 0.3)
]
GRID_ITERATIONS = 15
PRIORS = ("no prior", "prior", "useless", "adversarial")


@dataclass(frozen=True)
class Data:
    """One set: features, clean codes, and what the prior says of each row."""

    name: str
    X: np.ndarray  # (n, d) float32
    y: np.ndarray  # (n,) codes
    n_classes: int
    prior: np.ndarray | None = None  # (n, K)
    embedded: bool = True
    given: dict[str, np.ndarray] = field(default_factory=dict)  # real noise: (n,) codes
    test_part: np.ndarray | None = None  # rows that only serve for tests


@dataclass(frozen=True)
class Task:
    """Labels to learn from, and rows to be tested on."""

    data: Data
    seed: int
    noise: str
    n: int
    pool: np.ndarray
    test: np.ndarray
    labeled: np.ndarray
    y: np.ndarray  # as given

    @property
    def key(self) -> dict:
        return {"set": self.data.name, "seed": self.seed, "noise": self.noise, "n": self.n}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    families = list(FAMILIES)
    parser.add_argument("--out", required=True, help="folder of the outcomes")
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 10), metavar=("FROM", "TO"))
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--noises", nargs="+", default=None)
    parser.add_argument("--n", type=int, nargs="+", default=N_LABELS)
    parser.add_argument("--only", nargs="+", default=[*families, "time"])
    parser.add_argument("--report", action="store_true", help="print what is there")
    parser.add_argument("--full", action="store_true", help="a table for each set too")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    threadpool_limits(1)
    folder = Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    if not options.report:
        for seed in range(*options.seeds):
            for name in options.sets:
                data = load(options.data, name)
                if data is not None:
                    run(data, seed, options, folder)
        timed = load(options.data, "banking77") if "time" in options.only else None
        if timed is not None:
            measure_time(timed, folder)
    report(folder, range(*options.seeds), options.full)


def run(data: Data, seed: int, options: argparse.Namespace, folder: Path) -> None:
    """Every outcome of a set and a seed that is not there yet."""
    families = [name for name in FAMILIES if name in options.only]
    done = {
        name: {_key(r) for r in read(folder / f"{name}-{data.name}.jsonl")} for name in families
    }
    started = time.perf_counter()
    for task in tasks(data, seed, options.noises, options.n):
        for name in families:
            if _key(task.key) in done[name]:
                continue
            outcome = FAMILIES[name](task)
            with (folder / f"{name}-{data.name}.jsonl").open("a") as file:
                file.write(json.dumps(task.key | outcome) + "\n")
    took = time.perf_counter() - started
    if took > 1:
        print(f"{data.name} seed {seed}: {took:.0f} s", file=sys.stderr, flush=True)


def tasks(data: Data, seed: int, noises: list[str] | None, counts: list[int]) -> Iterator[Task]:
    """The same pool, test rows and order of the labels for every noise and n."""
    rng = np.random.default_rng(seed)
    test = np.zeros(len(data.y), dtype=bool)
    may_test = ~test if data.test_part is None else data.test_part
    sizes = np.bincount(data.y, minlength=data.n_classes)
    for k in range(data.n_classes):
        rows = np.flatnonzero((data.y == k) & may_test)
        most = int(0.4 * sizes[k]) if data.test_part is None else len(rows)
        test[rng.permutation(rows)[: min(most, TEST_ROWS // data.n_classes)]] = True
    pool = np.flatnonzero(~test if data.test_part is None else ~data.test_part)
    if data.name in TAILS:
        pool, _ = make_long_tailed(pool, data.y[pool], TAILS[data.name], random_state=seed)
    order = rng.permutation(pool)
    for noise in noises or (*NOISES, *data.given):
        if noise not in (*NOISES, *data.given):
            continue
        if noise in data.given:
            given = data.given[noise]
        else:
            kind = "pairflip" if noise.startswith("pair") else "symmetric"
            given = flip_labels(data.y, int(noise.split()[-1]) / 100, seed, kind)
        # rules leave some rows without a label
        usable = order[given[order] >= 0]
        for n in counts:
            if n <= len(usable):
                rows = usable[:n]
                yield Task(data, seed, noise, n, pool, np.flatnonzero(test), rows, given[rows])


# --- methods ---


def ours(task: Task) -> dict:
    """ActiveClassifier around SoftmaxHead, with each prior."""
    outcome = {}
    for kind in PRIORS:
        table = prior_table(task, kind)
        if (kind != "no prior" and table is None) or (kind in PRIORS[2:] and task.n < 50):
            continue
        started = time.perf_counter()
        # Rows are positions: the prior can be a table, whatever it came from.
        features = task.data.X
        step = FunctionTransformer(lambda rows: features[rows[:, 0]])  # noqa: B023
        clf = ActiveClassifier(
            make_pipeline(step, SoftmaxHead(device="cpu")),
            prior=None if table is None else TablePrior(table),
            strategy="random",
            random_state=0,
        )
        clf.query(task.pool[:, None], 1)  # before any label: what the pool tells
        clf.partial_fit(task.labeled[:, None], task.y)
        proba = np.zeros((len(task.test), task.data.n_classes))
        proba[:, clf.classes_] = clf.predict_proba(task.test[:, None])
        outcome[kind] = scores(task, proba)
        if kind in PRIORS[:2]:
            outcome[kind] |= found_wrong(task, lambda: 1 - clf.label_trust_)  # noqa: B023
        anchor = getattr(clf.estimator_[-1], "anchor_", {})
        outcome[kind] |= {
            name: round(float(anchor[name]), 3)
            for name in ("strength", "prior_scale", "noise_rate")
            if name in anchor
        }
        outcome[kind]["s"] = round(time.perf_counter() - started, 4)
    return outcome


class TablePrior:
    """What a prior says of each row, known by its position."""

    def __init__(self, table: np.ndarray) -> None:
        self.table = table
        self.classes_ = np.arange(table.shape[1])

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        return self.table[rows[:, 0]]


def prior_table(task: Task, kind: str) -> np.ndarray | None:
    table = task.data.prior
    if table is None or kind == "no prior":
        return None
    rng = np.random.default_rng([task.seed, 1])
    if kind == "useless":
        return rng.permutation(table)
    if kind == "adversarial":
        order = rng.permutation(table.shape[1])
        moved = np.empty_like(order)
        moved[order] = np.roll(order, 1)  # in one circle: no class keeps its column
        return table[:, moved]
    return table


def baselines(task: Task) -> dict:
    """Zero-shot, logistic regression, cleanlab around it."""
    outcome = {}
    if task.data.prior is not None:
        outcome["zero-shot"] = scores(task, task.data.prior[task.test])
    scale = 3.0 if task.data.embedded else 1.0
    X, Z = rotated(scale * task.data.X[task.labeled], scale * task.data.X[task.test])
    present, codes = np.unique(task.y, return_inverse=True)

    def spread(proba: np.ndarray) -> np.ndarray:
        among_all = np.zeros((len(proba), task.data.n_classes))
        among_all[:, present] = proba
        return among_all

    if len(present) == 1:
        sure = scores(task, spread(np.ones((len(Z), 1))))
        return outcome | {"logistic": sure, "cleanlab": sure}
    C, held_out = cross_validated(X, codes, task.seed)
    model = logistic(C).fit(X, codes)
    outcome["logistic"] = scores(task, spread(model.predict_proba(Z))) | {"C": C}
    cleaning = cleanlab()
    if cleaning is None:
        return outcome
    # Without held-out probabilities it cannot look for errors: it is the plain model then.
    outcome["cleanlab"] = dict(outcome["logistic"])
    if held_out is not None:
        try:
            clean = cleaning.CleanLearning(logistic(C), verbose=False)
            clean.fit(X, codes, pred_probs=held_out)
            proba = np.zeros((len(Z), task.data.n_classes))
            proba[:, present[clean.clf.classes_]] = clean.predict_proba(Z)
            outcome["cleanlab"] = scores(task, proba)
        except ValueError as error:  # it removed a class, or all but one
            outcome["cleanlab"]["failed"] = str(error)[:60]
        quality = cleaning.get_label_quality_scores(codes, held_out)
        outcome["cleanlab"] |= found_wrong(task, lambda: 1 - quality)
    return outcome


@cache
def cleanlab() -> SimpleNamespace | None:
    try:
        from cleanlab.classification import CleanLearning
        from cleanlab.rank import get_label_quality_scores
    except ImportError as error:
        print(f"skipped: cleanlab, which is not installed ({error}).", file=sys.stderr)
        return None
    return SimpleNamespace(
        CleanLearning=CleanLearning, get_label_quality_scores=get_label_quality_scores
    )


def logistic(C: float) -> LogisticRegression:
    return LogisticRegression(C=C, class_weight="balanced", max_iter=300, tol=1e-3)


def rotated(X: np.ndarray, Z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fewer features, where there are more of them than rows: a ridge sees no difference."""
    if X.shape[0] >= X.shape[1]:
        return X.astype(np.float64), Z.astype(np.float64)
    basis = np.linalg.svd(X.astype(np.float64), full_matrices=False)[2].T
    return X @ basis, Z @ basis


def cross_validated(X: np.ndarray, codes: np.ndarray, seed: int) -> tuple[float, np.ndarray | None]:
    """The C of the best balanced accuracy on held-out rows, and the probabilities there."""
    counts = np.bincount(codes)
    n_folds = int(np.clip(np.median(counts), 2, 5))
    if counts.max() < n_folds:
        return 1.0, None
    folds = list(StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(X, codes))
    if any(len(np.unique(codes[train])) < 2 for train, _ in folds):
        return 1.0, None
    held_out = np.zeros((len(CS), len(X), len(counts)))
    for i, C in enumerate(CS):
        for train, test in folds:
            model = logistic(C).fit(X[train], codes[train])
            held_out[i][np.ix_(test, model.classes_)] = model.predict_proba(X[test])
    best = int(np.argmax([balanced_accuracy(codes, proba) for proba in held_out]))
    return CS[best], held_out[best]


def hindsight(task: Task) -> dict:
    """Balanced accuracy of each fixed setting; which is best is left to the report."""
    outcome = {}
    X, Z = task.data.X[task.labeled], task.data.X[task.test]
    center = X.mean(axis=0)
    scale = np.sqrt(((X - center) ** 2).sum(axis=1).mean()) or 1.0
    X, Z = (np.column_stack([(A - center) / scale, np.ones(len(A))]) for A in (X, Z))
    for kind in PRIORS[:2]:
        table = prior_table(task, kind)
        if kind == "prior" and table is None:
            continue
        if table is None:
            classes, codes = np.unique(task.y, return_inverse=True)
            grid = [setting for setting in GRID if setting[1] == 0]
            logs = np.zeros((len(task.data.y), len(classes)))
        else:
            classes, codes = np.arange(table.shape[1]), task.y
            grid = GRID
            rows = task.data.X
            pool = prior_statistics(table[task.pool], rows[task.pool])
            logs = np.log(calibrated_prior(table, classes, classes, pool, rows))
        settings = torch.tensor(grid, dtype=torch.float32)
        totals = np.maximum(np.bincount(codes, minlength=len(classes)), 0.1)
        anchors = torch.as_tensor(logs, dtype=torch.float32)[:, None] * settings[None, :, 1:2]
        problem = Problem(
            X=torch.as_tensor(X, dtype=torch.float32),
            y=torch.as_tensor(codes),
            weight=torch.ones(len(X), len(grid)),
            offset=anchors[task.labeled]
            + torch.as_tensor(np.log(totals / totals.sum()), dtype=torch.float32),
            strength=settings[:, 0].contiguous(),
            noise_rate=settings[:, 2].contiguous(),
        )
        coefficients = fit_softmax_path(problem, GRID_ITERATIONS)
        logits = path_logits(torch.as_tensor(Z, dtype=torch.float32), coefficients)
        predicted = classes[(logits + anchors[task.test]).argmax(dim=2).numpy()]
        outcome[kind] = [round(recall(task, column), 4) for column in predicted.T]
    return outcome


FAMILIES = {"ours": ours, "baselines": baselines, "hindsight": hindsight}


# --- scores ---


def scores(task: Task, proba: np.ndarray) -> dict:
    truth = task.data.y[task.test]
    proba = proba / np.maximum(proba.sum(axis=1, keepdims=True), 1e-12)
    return {
        "bacc": round(recall(task, proba.argmax(axis=1)), 4),
        "ece": round(calibration_error(truth, proba), 4),
    }


def recall(task: Task, predicted: np.ndarray) -> float:
    return balanced(task.data.y[task.test], predicted)


def balanced_accuracy(codes: np.ndarray, proba: np.ndarray) -> float:
    return balanced(codes, proba.argmax(axis=1))


def balanced(truth: np.ndarray, predicted: np.ndarray) -> float:
    counts = np.bincount(truth)
    hits = np.bincount(truth, truth == predicted)
    return float((hits[counts > 0] / counts[counts > 0]).mean())


def calibration_error(truth: np.ndarray, proba: np.ndarray, n_bins: int = 15) -> float:
    """Expected calibration error; every class counts alike."""
    weight = 1 / np.bincount(truth)[truth]
    sure = proba.max(axis=1)
    right = proba.argmax(axis=1) == truth
    place = np.minimum((sure * n_bins).astype(int), n_bins - 1)
    gap = np.bincount(place, weight * (right - sure), n_bins)
    return float(np.abs(gap).sum() / weight.sum())


def found_wrong(task: Task, suspicion: Callable[[], np.ndarray]) -> dict:
    """Area under the precision-recall curve of finding the wrong labels."""
    wrong = task.y != task.data.y[task.labeled]
    if task.n < 50 or not 0 < wrong.sum() < len(wrong):
        return {}
    return {"aucpr": round(float(average_precision_score(wrong, suspicion())), 4)}


# --- data ---


@cache
def load(folder: str | None, name: str) -> Data | None:
    """One set, or None where it is absent."""
    try:
        if name == RULES:
            return load_rules(folder)
        return load_table(folder, name) if name in TABLES else load_embedded(folder, name)
    except SystemExit:  # the reader has said what is missing
        return None


def load_embedded(folder: str | None, name: str) -> Data:
    if name == "cifar10":
        parts = [load_features(folder, name, part) for part in ("train", "test")]
    else:
        parts = [load_features(folder, name)]
    features = parts[0]
    code = {label: k for k, label in enumerate(features.classes.tolist())}

    def codes(labels: np.ndarray) -> np.ndarray:
        return np.array([code[label] for label in labels.tolist()])

    X = normalize(np.concatenate([part.X for part in parts]))
    y = np.concatenate([codes(part.y) for part in parts])
    test_part = None if len(parts) == 1 else np.arange(len(y)) >= len(parts[0].y)
    given = {
        f"human {kind}": np.concatenate([codes(labels), y[len(labels) :]])
        for kind, labels in features.human_labels.items()
    }
    if features.class_embeddings is not None:
        if name == "davidson_hate":
            given["one annotator"] = one_annotator(folder, y)
        zero_shot = ZeroShotClassifier(
            class_embeddings=features.class_embeddings, classes=features.classes
        )
        prior = zero_shot.predict_proba(X)[:, [list(zero_shot.classes_).index(c) for c in code]]
    else:
        prior = softmax(np.concatenate([part.similarity for part in parts]) / 0.1)
    return Data(name, X, y, len(code), prior, given=given, test_part=test_part)


def one_annotator(folder: str | None, y: np.ndarray) -> np.ndarray:
    """The votes of davidson_hate, whose features have the order of its texts."""
    frame = read_parquet(folder, "text/davidson_hate.parquet")
    if not np.array_equal(frame["label"], y):
        raise SystemExit("features/davidson_hate.npz and text/davidson_hate.parquet disagree.")
    return frame["noisy_label"].to_numpy(int)


def load_table(folder: str | None, name: str) -> Data:
    frame = read_parquet(folder, f"tabular/{name}.parquet")
    sizes = frame["target"].value_counts()
    frame = frame[frame["target"].isin(sizes.index[sizes >= RARE])].reset_index(drop=True)
    classes, y = np.unique(frame.pop("target").to_numpy(str), return_inverse=True)
    numbers = frame.select_dtypes("number")
    columns = [numbers.fillna(numbers.median()).fillna(0).to_numpy(float)]
    for column in frame.columns.difference(numbers.columns):
        values = frame[column].fillna("missing").to_numpy(str)
        columns.append((values[:, None] == np.unique(values)).astype(float))
    X = np.column_stack(columns)
    X = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    return Data(name, X.astype(np.float32), y, len(classes), embedded=False)


def load_rules(folder: str | None) -> Data:
    """SMS messages labeled by rules; embedded here, once."""
    frame = read_parquet(folder, "text/sms_weak.parquet")
    from skactive.encoders import SentenceEncoder

    encoder = SentenceEncoder(cache_dir=Path(tempfile.gettempdir()) / "learner_cache")
    X = encoder.transform(frame["text"].tolist())
    y = frame["label"].to_numpy(int)
    prompts = {0: "an ordinary message from a friend", 1: "spam: an advertisement or a prize"}
    zero_shot = ZeroShotClassifier(
        class_embeddings=encoder.encode_prompts(list(prompts.values())), classes=list(prompts)
    )
    prior = zero_shot.predict_proba(X)
    weak = frame["weak_label"].to_numpy(int)
    return Data(RULES, X, y, 2, prior, given={"rules": weak})


def read_parquet(folder: str | None, path: str) -> Any:
    if folder is None or not (Path(folder) / path).is_file():
        print(f"skipped: {path} is not in the data folder {folder}.", file=sys.stderr)
        raise SystemExit(0)
    try:
        import pandas as pd

        return pd.read_parquet(Path(folder) / path)
    except ImportError:
        print(f"skipped: {path} needs pandas and pyarrow: skactive[bench].", file=sys.stderr)
        raise SystemExit(0) from None


def softmax(logits: np.ndarray) -> np.ndarray:
    proba = np.exp(logits - logits.max(axis=1, keepdims=True))
    return proba / proba.sum(axis=1, keepdims=True)


# --- time ---


def measure_time(data: Data, folder: Path, n: int = 1000) -> None:
    """partial_fit, once a pool has been seen, against one logistic regression, by turns."""
    chosen = np.random.default_rng(0).permutation(len(data.y))[:n]
    X, y = data.X[chosen], data.y[chosen]
    prior = TablePrior(data.prior[chosen])
    rows = np.arange(n)[:, None]
    step = FunctionTransformer(lambda rows: X[rows[:, 0]])
    head = make_pipeline(step, SoftmaxHead(device="cpu"))
    models = {
        "logistic": LogisticRegression(),
        "no prior": ActiveClassifier(head, strategy="random"),
        "prior": ActiveClassifier(head, strategy="random", prior=prior),
    }
    times: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(7):
        for name, model in models.items():
            model = clone(model)
            if name != "logistic":
                model.query(rows, 1)
            fit = model.fit if name == "logistic" else model.partial_fit
            started = time.perf_counter()
            fit(X if name == "logistic" else rows, y)
            times[name].append(time.perf_counter() - started)
    (folder / "time.json").write_text(json.dumps(times))


# --- report ---


class Outcomes:
    """Scores by set, noise, n and method: an array over the seeds for each."""

    def __init__(self, folder: Path, seeds: range) -> None:
        self.values: dict[tuple, dict[int, dict]] = {}
        for family in ("ours", "baselines"):
            for record in _records(folder, family, seeds):
                for method in record.keys() - {"set", "seed", "noise", "n"}:
                    where = (record["set"], record["noise"], record["n"], method)
                    self.values.setdefault(where, {})[record["seed"]] = record[method]
        self.fixed: dict[tuple, list] = {}
        for record in _records(folder, "hindsight", seeds):
            for kind in PRIORS[:2]:
                if kind in record:
                    where = (record["set"], record["noise"], record["n"], kind)
                    self.fixed.setdefault(where, []).append((record["seed"], record[kind]))
        self.sets = [name for name in SETS if any(key[0] == name for key in self.values)]

    def mean(self, name: str, noise: str, n: int, method: str, score: str = "bacc") -> float:
        """Over the seeds; NaN where there is nothing."""
        found = self.values.get((name, noise, n, method), {}).values()
        found = [outcome[score] for outcome in found if score in outcome]
        return float(np.mean(found)) if found else np.nan

    def best_fixed(self, name: str, noise: str, n: int, kind: str) -> tuple[float, float]:
        """Best setting in hindsight, and the automatic one on the same seeds."""
        found = self.fixed.get((name, noise, n, kind), [])
        automatic = self.values.get((name, noise, n, kind), {})
        found = [(seed, grid) for seed, grid in found if seed in automatic]
        if not found:
            return np.nan, np.nan
        best = np.mean([grid for _, grid in found], axis=0).max()
        return float(best), float(np.mean([automatic[seed]["bacc"] for seed, _ in found]))


def report(folder: Path, seeds: range, full: bool) -> None:
    outcomes = Outcomes(folder, seeds)
    if not outcomes.sets:
        print("No outcomes yet.")
        return
    known = {key[1] for key in outcomes.values}
    noises = [noise for noise in NOISES if noise in known]
    real = sorted(known - set(NOISES))
    verdicts(outcomes, noises, folder)
    for write in (
        accuracy_table,
        lead_table,
        by_set_table,
        prior_table_of_sets,
        bad_prior_table,
        hindsight_table,
        wrong_labels_table,
        calibration_table,
    ):
        write(outcomes, noises)
    real_noise_table(outcomes, real)
    time_table(folder)
    if full:
        for name in outcomes.sets:
            set_table(outcomes, name, [*noises, *real])


def verdicts(outcomes: Outcomes, noises: list[str], folder: Path) -> None:
    """What the learner should reach, and what it reaches."""
    heading("Summary", ("what", "value", "floor", "aim", "met"))
    for noise, floor, aim in (("0", -0.5, None), ("20", 1, 3), ("40", 2, 5)):
        if noise in noises:
            overall = np.nanmean(lead(outcomes, noise, "no prior", "logistic"), axis=1)
            verdict(
                f"no prior over logistic, {noise} % noise, median over sets",
                np.nanmedian(overall),
                floor,
                aim,
            )
    over = np.nanmean([best_of_both(outcomes, noise) for noise in noises], axis=0)
    for n, floor, aim in ((50, 1, 3), (200, 2, 5)):
        verdict(
            f"prior over the better of zero-shot and no prior, n = {n}, median over sets",
            np.nanmedian(over[:, N_LABELS.index(n)]),
            floor,
            aim,
        )
    verdict("the same, worst set and n", np.nanmin(over), -1)
    for kind in PRIORS[2:]:
        bad = np.nanmean([lead(outcomes, noise, kind, "no prior") for noise in noises], axis=0)
        verdict(f"{kind} prior over no prior, worst set and n", np.nanmin(bad), -1.5)
    for kind in PRIORS[:2]:
        tables = [behind_hindsight(outcomes, noise, kind) for noise in noises]
        if np.isfinite(tables).any():
            overall = np.nanmean(tables, axis=(0, 2))
            verdict(f"automatic over hindsight, {kind}, median", np.nanmedian(overall), -1.5)
            verdict(f"automatic over hindsight, {kind}, worst set", np.nanmin(overall), -1.5)
    gaps = [found_over_cleanlab(outcomes, name) for name in outcomes.sets]
    gaps = np.array(gaps)[np.isfinite(gaps)]
    if len(gaps):
        verdict(
            f"wrong labels over cleanlab, worst set; {(gaps >= 0).sum()} of {len(gaps)} ahead",
            gaps.min(),
            0,
        )
    if (folder / "time.json").is_file():
        times = json.loads((folder / "time.json").read_text())
        for kind in PRIORS[:2]:
            ratio = np.median(np.array(times[kind]) / np.array(times["logistic"]))
            verdict(f"time of partial_fit in logistic fits, {kind}", -ratio, -10, -4)


def verdict(what: str, value: float, floor: float, aim: float | None = None) -> None:
    met = "no" if value < floor else "aim" if aim is not None and value >= aim else "floor"
    goal = "" if aim is None else f"{abs(aim) if what.startswith('time') else aim:g}"
    if what.startswith("time"):
        value, floor = -value, -floor
        row(what, f"{value:.1f}", f"{floor:g}", goal, met)
    else:
        row(what, points(value), f"{floor:g}", goal, "yes" if met == "floor" and not goal else met)


def behind_hindsight(outcomes: Outcomes, noise: str, kind: str) -> np.ndarray:
    """Points of the automatic over the best fixed setting: sets x n."""
    table = np.full((len(outcomes.sets), len(N_LABELS)), np.nan)
    for i, name in enumerate(outcomes.sets):
        for j, n in enumerate(N_LABELS):
            best, automatic = outcomes.best_fixed(name, noise, n, kind)
            table[i, j] = 100 * (automatic - best)
    return table


def found_over_cleanlab(outcomes: Outcomes, name: str) -> float:
    noises = {key[1] for key in outcomes.values} - {"0"}
    gaps = [
        100
        * (
            outcomes.mean(name, noise, n, "no prior", "aucpr")
            - outcomes.mean(name, noise, n, "cleanlab", "aucpr")
        )
        for noise in noises
        for n in N_LABELS
    ]
    return float(np.nanmean(gaps)) if np.isfinite(gaps).any() else np.nan


METHODS = ("zero-shot", "logistic", "cleanlab", "no prior", "prior")


def accuracy_table(outcomes: Outcomes, noises: list[str]) -> None:
    heading("Balanced accuracy, median over the sets", ("noise %", "n", *METHODS, "sets"))
    for noise in noises:
        for n in N_LABELS:
            names = [
                s for s in outcomes.sets if np.isfinite(outcomes.mean(s, noise, n, "no prior"))
            ]
            cells = [
                np.nanmedian([outcomes.mean(s, noise, n, method) for s in names] or [np.nan])
                for method in METHODS
            ]
            row(noise, n, *map(percent, cells), len(names))


def lead_table(outcomes: Outcomes, noises: list[str]) -> None:
    heading(
        "Without a prior: points over the logistic regression, median (worst) over the sets",
        ("noise %", *(f"n = {n}" for n in N_LABELS), "mean over n", "sets ahead"),
    )
    for noise in noises:
        table = lead(outcomes, noise, "no prior", "logistic")
        overall = np.nanmean(table, axis=1)
        row(
            noise,
            *(middle_and_worst(column) for column in table.T),
            middle_and_worst(overall),
            f"{(overall > 0).sum()} of {np.isfinite(overall).sum()}",
        )
    for noise in noises:
        table = lead(outcomes, noise, "no prior", "cleanlab")
        overall = np.nanmean(table, axis=1)
        cells = (middle_and_worst(column) for column in table.T)
        row(
            f"{noise}, over cleanlab",
            *cells,
            middle_and_worst(overall),
            f"{(overall > 0).sum()} of {np.isfinite(overall).sum()}",
        )


def by_set_table(outcomes: Outcomes, noises: list[str]) -> None:
    heading(
        "Without a prior: points over the logistic regression, mean over n",
        ("set", *noises),
    )
    for i, name in enumerate(outcomes.sets):
        means = (np.nanmean(lead(outcomes, noise, "no prior", "logistic")[i]) for noise in noises)
        row(name, *map(points, means))


def prior_table_of_sets(outcomes: Outcomes, noises: list[str]) -> None:
    heading(
        "With a prior: points over the better of zero-shot and no prior, mean over noises "
        f"{', '.join(noises)}",
        ("set", *(f"n = {n}" for n in N_LABELS)),
    )
    tables = [best_of_both(outcomes, noise) for noise in noises]
    mean = np.nanmean(tables, axis=0)
    for i, name in enumerate(outcomes.sets):
        if np.isfinite(mean[i]).any():
            row(name, *map(points, mean[i]))
    for noise, table in zip(noises, tables, strict=True):
        row(f"median (worst), {noise} %", *(middle_and_worst(column) for column in table.T))
    row("median (worst)", *(middle_and_worst(column) for column in mean.T))


def bad_prior_table(outcomes: Outcomes, noises: list[str]) -> None:
    heading(
        "A useless or adversarial prior: points over no prior, mean over noises",
        ("set, prior", *(f"n = {n}" for n in N_LABELS if n >= 50)),
    )
    for kind in PRIORS[2:]:
        mean = np.nanmean([lead(outcomes, noise, kind, "no prior") for noise in noises], axis=0)
        for i, name in enumerate(outcomes.sets):
            if np.isfinite(mean[i]).any():
                row(f"{name}, {kind}", *map(points, mean[i, N_LABELS.index(50) :]))
        columns = mean[:, N_LABELS.index(50) :].T
        row(f"median (worst), {kind}", *(middle_and_worst(column) for column in columns))


def hindsight_table(outcomes: Outcomes, noises: list[str]) -> None:
    heading(
        "Automatic against the best fixed setting in hindsight: points, median (worst) over sets",
        ("noise %, prior", *(f"n = {n}" for n in N_LABELS), "mean over n"),
    )
    for kind in PRIORS[:2]:
        for noise in noises:
            table = behind_hindsight(outcomes, noise, kind)
            if np.isfinite(table).any():
                row(
                    f"{noise}, {kind}",
                    *(middle_and_worst(column) for column in table.T),
                    middle_and_worst(np.nanmean(table, axis=1)),
                )


def wrong_labels_table(outcomes: Outcomes, noises: list[str]) -> None:
    noises = sorted({key[1] for key in outcomes.values} - {"0"})
    heading(
        "Wrong labels found: area under the precision-recall curve, mean over noises and n >= 50",
        ("set", "cleanlab", "no prior", "prior", "no prior - cleanlab"),
    )
    for name in outcomes.sets:
        cells = []
        for method in ("cleanlab", "no prior", "prior"):
            found = [
                outcomes.mean(name, noise, n, method, "aucpr") for noise in noises for n in N_LABELS
            ]
            cells.append(np.nanmean(found) if np.isfinite(found).any() else np.nan)
        row(name, *map(percent, cells), points(100 * (cells[1] - cells[0])))


def calibration_table(outcomes: Outcomes, noises: list[str]) -> None:
    heading(
        "Expected calibration error, median over the sets (in points)",
        ("noise %", "n", "logistic", "no prior", "prior"),
    )
    for noise in noises:
        for n in N_LABELS:
            row(
                noise,
                n,
                *(
                    percent(
                        np.nanmedian([outcomes.mean(s, noise, n, m, "ece") for s in outcomes.sets])
                    )
                    for m in ("logistic", "no prior", "prior")
                ),
            )


def real_noise_table(outcomes: Outcomes, noises: list[str]) -> None:
    heading("Real noise: balanced accuracy", ("set, labels", "n", *METHODS))
    for name in outcomes.sets:
        for noise in noises:
            for n in N_LABELS:
                cells = [outcomes.mean(name, noise, n, method) for method in METHODS]
                if np.isfinite(cells).any():
                    row(f"{name}, {noise}", n, *map(percent, cells))


def time_table(folder: Path) -> None:
    if not (folder / "time.json").is_file():
        return
    times = json.loads((folder / "time.json").read_text())
    base = np.array(times.pop("logistic"))
    heading(
        "Time of one partial_fit: 1,000 labels of banking77 x 384 features, 77 classes, 1 thread",
        ("", "median s", "ratio to one LogisticRegression fit"),
    )
    row("LogisticRegression()", f"{np.median(base):.3f}", "1.0")
    for name, seconds in times.items():
        ratio = np.median(np.array(seconds) / base)
        row(f"ActiveClassifier, {name}", f"{np.median(seconds):.3f}", f"{ratio:.1f}")


def set_table(outcomes: Outcomes, name: str, noises: list[str]) -> None:
    heading(f"{name}: balanced accuracy", ("noise %", "n", *METHODS, *PRIORS[2:]))
    for noise in noises:
        for n in N_LABELS:
            cells = [outcomes.mean(name, noise, n, method) for method in (*METHODS, *PRIORS[2:])]
            if np.isfinite(cells).any():
                row(noise, n, *map(percent, cells))


def lead(outcomes: Outcomes, noise: str, method: str, other: str) -> np.ndarray:
    """Points of one method over another: sets x n."""
    return np.array(
        [
            [
                100 * (outcomes.mean(s, noise, n, method) - outcomes.mean(s, noise, n, other))
                for n in N_LABELS
            ]
            for s in outcomes.sets
        ]
    )


def best_of_both(outcomes: Outcomes, noise: str) -> np.ndarray:
    over = [lead(outcomes, noise, "prior", other) for other in ("zero-shot", "no prior")]
    return np.minimum(*over)


def middle_and_worst(values: np.ndarray) -> str:
    values = values[np.isfinite(values)]
    return f"{np.median(values):+.1f} ({values.min():+.1f})" if len(values) else ""


def points(value: float) -> str:
    return f"{value:+.1f}" if np.isfinite(value) else ""


def percent(value: float) -> str:
    return f"{100 * value:.1f}" if np.isfinite(value) else ""


def heading(title: str, columns: tuple) -> None:
    print(f"\n{title}\n")
    row(*columns)
    row(*["---"] * len(columns))


def row(*cells: object) -> None:
    print("| " + " | ".join(map(str, cells)) + " |")


def read(path: Path) -> list[dict]:
    """The lines of a file; one cut short by a stop is dropped."""
    records = []
    for line in path.read_text().splitlines() if path.is_file() else ():
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return records


def _records(folder: Path, family: str, seeds: range) -> Iterator[dict]:
    for path in sorted(folder.glob(f"{family}-*.jsonl")):
        yield from (record for record in read(path) if record["seed"] in seeds)


def _key(record: dict) -> tuple:
    return record["set"], record["seed"], record["noise"], record["n"]


if __name__ == "__main__":
    main()
