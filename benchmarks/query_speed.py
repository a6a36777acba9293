"""How long each strategy takes to choose, against what the hardware allows and against peers.

    python benchmarks/query_speed.py [--rows 10000 100000] [--classes 10] [--n 1000]
        [--threads 1] [--repeats 5] [--only k_center badge] [--peers] [--limit 600]

Pools are long-tailed Gaussian mixtures of unit-length rows x 384 float32, read as memory maps,
with 200 labelled rows. Every measurement has a process of its own. Times are medians, in seconds;
"gemms" counts products of the pool with n of its rows, "passes" sums over the probabilities.
Memory is what the process holds beside mapped files, at most, less what it held before. With more
than one size, the last table gives the exponent of time in the number of rows. ``--peers`` needs
scikit-activeml, and gives its strategies the same rows, labels and a fitted classifier.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

WIDTH, LABELLED = 384, 200
PEERS = {
    "margin": "UncertaintySampling",
    "k_center": "CoreSet",
    "badge": "Badge",
    "typiclust": "TypiClust",
    "falcun": "Falcun",
    "drop_query": "DropQuery",
    "prob_cover": "ProbCover",
    "max_herding": "MaxHerding",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--classes", type=int, nargs="+", default=[10])
    parser.add_argument("--n", type=int, nargs="+", default=[1000])
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=None)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--limit", type=float, default=600, help="seconds for one measurement")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options)))
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    times: dict[str, dict[int, float]] = {}
    for n_classes in options.classes:
        for n_rows in options.rows:
            with tempfile.TemporaryDirectory() as folder:
                make_pool(n_rows, n_classes, Path(folder))
                for threads in options.threads:
                    for n in options.n:
                        table = tabulate(options, folder, n_rows, n_classes, threads, n)
                        if (n, threads) == (options.n[-1], options.threads[-1]):
                            for name, seconds in table.items():
                                times.setdefault(f"{name} {n_classes}", {})[n_rows] = seconds
    if len(options.rows) > 1:
        print("\n| strategy, classes | exponent in N |\n|---|---|")
        for name, points in times.items():
            if len(points) > 1:
                slope = np.polyfit(np.log(list(points)), np.log(list(points.values())), 1)[0]
                print(f"| {name} | {slope:.2f} |")


def tabulate(
    options: argparse.Namespace, folder: str, n_rows: int, n_classes: int, threads: int, n: int
) -> dict[str, float]:
    """One table, printed row by row; what it says of our own strategies."""
    floor = run(options, folder, "floor", threads, n)
    print(
        f"\n{n_rows:,} rows x {WIDTH}, {n_classes} classes, n = {n}, {threads} thread(s); ", end=""
    )
    print("floors: " + ", ".join(f"{what} {seconds:.4f} s" for what, seconds in floor.items()))
    print("\n| strategy | s | gemms | passes | MiB | scikit-activeml s | times |")
    print("|---|---|---|---|---|---|---|")
    from skactive import strategies

    times = {}
    for name in options.only or strategies.names():
        ours = run(options, folder, name, threads, n)
        if "seconds" not in ours:
            print(f"| {name} | {ours['failed']} |", flush=True)
            continue
        times[name] = seconds = ours["seconds"]
        line = f"| {name} | {seconds:.3f} | {seconds / floor['gemm']:.2f} "
        line += f"| {seconds / floor['pass']:.1f} | {ours['mib']:.0f} "
        if options.peers and name in PEERS:
            theirs = run(options, folder, f"peer:{name}", threads, n)
            if "seconds" in theirs:
                line += f"| {theirs['seconds']:.2f} | {theirs['seconds'] / seconds:.0f} "
            else:
                line += f"| {theirs['failed']} | "
        else:
            line += "| | "
        print(line + "|", flush=True)
    return times


def run(options: argparse.Namespace, folder: str, name: str, threads: int, n: int) -> dict:
    """A measurement in a process of its own."""
    command = [sys.executable, __file__, "--measure", name, "--folder", folder]
    command += ["--n", str(n), "--threads", str(threads), "--repeats", str(options.repeats)]
    counts = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
    environment = os.environ | {key: str(value) for key, value in counts.items()}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=options.limit
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"over {options.limit:.0f} s"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["killed"])[-1][:60]}
    return json.loads(done.stdout.splitlines()[-1])


def make_pool(n_rows: int, n_classes: int, folder: Path) -> None:
    """Pool, probabilities and labelled rows, as .npy files; written a piece at a time."""
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, n_classes + 1) ** 1.5
    labels = rng.choice(n_classes, n_rows + LABELLED, p=shares / shares.sum())
    centres = 0.3 * rng.standard_normal((n_classes, WIDTH), dtype=np.float32)
    files = {
        "X": np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, (n_rows, WIDTH)),
        "proba": np.lib.format.open_memmap(folder / "p.npy", "w+", np.float64, (n_rows, n_classes)),
    }
    for start in range(0, n_rows + LABELLED, 100_000):
        y = labels[start : start + 100_000]
        X = centres[y] + rng.standard_normal((len(y), WIDTH), dtype=np.float32)
        X /= np.linalg.norm(X, axis=1, keepdims=True)
        logits = 8 * X.astype(np.float64) @ centres.T
        proba = np.exp(logits - logits.max(axis=1, keepdims=True))
        proba /= proba.sum(axis=1, keepdims=True)
        inside = max(0, min(len(y), n_rows - start))
        files["X"][start : start + inside] = X[:inside]
        files["proba"][start : start + inside] = proba[:inside]
        known = slice(inside, None)
    # The labelled rows are the last ones, all in one piece.
    keep = slice(-LABELLED, None)
    parts = {"labelled_X": X[known], "labelled_proba": proba[known], "labelled_y": y[known]}
    np.savez(folder / "labelled.npz", **{key: part[keep] for key, part in parts.items()})


def measure(options: argparse.Namespace) -> dict:
    import torch

    torch.set_num_threads(options.threads[0])
    folder, n = Path(options.folder), options.n[0]
    X = np.load(folder / "X.npy", mmap_mode="r")
    proba = np.load(folder / "p.npy")
    labelled = dict(np.load(folder / "labelled.npz"))
    if options.measure == "floor":
        return floors(X, proba, n, options.repeats)
    if options.measure.startswith("peer:"):
        choose = peer(options.measure.removeprefix("peer:"), X, labelled, proba.shape[1], n)
    else:
        choose = ours(options.measure, X, proba, labelled, n)
    seconds, peak = [], 0.0
    while len(seconds) < options.repeats and sum(seconds) < options.limit / 4:
        with Watch() as watch:
            choose()
        seconds.append(watch.seconds)
        peak = max(peak, watch.mib)
    return {"seconds": float(np.median(seconds)), "mib": peak}


def floors(X: np.ndarray, proba: np.ndarray, n: int, repeats: int) -> dict[str, float]:
    """The least that a pass over the pool, a product with n rows, and a pass over proba take."""
    import torch

    from skactive.kernels.rows import Rows

    pool = Rows(X).all()
    chosen = pool[:n].clone()
    block = max(1, 2**27 // n)  # the product need not be kept whole
    return {
        "gemv": least(lambda: pool @ chosen[0], repeats),
        "gemm": least(lambda: [part @ chosen.T for part in pool.split(block)], repeats),
        "pass": least(lambda: torch.from_numpy(proba).sum(), repeats),
    }


def least(work, repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        with Watch() as watch:
            work()
        seconds.append(watch.seconds)
    return min(seconds)


def ours(name: str, X: np.ndarray, proba: np.ndarray, labelled: dict, n: int):
    from skactive import strategies
    from skactive.strategies import PoolView

    def choose() -> np.ndarray:
        view = PoolView(
            len(X),
            X=X,
            proba=proba,
            head_proba=proba,
            prior_proba=proba,
            classes=np.arange(proba.shape[1]),
            rng=np.random.default_rng(0),
            **labelled,
        )
        return strategies.get(name).select(view, n)

    return choose


def peer(name: str, X: np.ndarray, labelled: dict, n_classes: int, n: int):
    import inspect

    from skactiveml import pool
    from skactiveml.classifier import SklearnClassifier
    from sklearn.linear_model import LogisticRegression

    together = np.concatenate([X, labelled["labelled_X"]])
    y = np.concatenate([np.full(len(X), np.nan), labelled["labelled_y"]])
    clf = SklearnClassifier(LogisticRegression(), classes=np.arange(n_classes)).fit(together, y)
    options = {"method": "margin_sampling"} if name == "margin" else {}
    strategy = getattr(pool, PEERS[name])(random_state=0, **options)
    takes = inspect.signature(strategy.query).parameters
    given = {"clf": clf, "fit_clf": False} if "clf" in takes else {}
    return lambda: strategy.query(together, y, batch_size=n, **given)


class Watch:
    """Time taken, and the most memory held beside mapped files, less what was held before."""

    def __enter__(self) -> "Watch":
        self._held, self._over = anonymous_mib(), threading.Event()
        self._most = self._held
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        self._start = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._start
        self._over.set()
        self._thread.join()
        self.mib = self._most - self._held

    def _look(self) -> None:
        while not self._over.wait(0.01):
            self._most = max(self._most, anonymous_mib())


def anonymous_mib() -> float:
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
