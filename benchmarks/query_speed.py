"""How long each strategy takes to choose, against what the hardware allows and against peers.

    python benchmarks/query_speed.py [--rows 10000 100000] [--classes 10] [--n 1000]
        [--threads 1] [--repeats 5] [--only k_center badge] [--peers] [--limit 50]
        [--output query_speed.jsonl] [--pools folder]
    python benchmarks/query_speed.py --tables [--output query_speed.jsonl]

Pools are long-tailed Gaussian mixtures of unit-length rows x 384 float32, read as memory maps,
with 200 labeled rows. Every measurement has a process of its own and one line of the output
file; what stands there already is not measured again, so a run that was stopped goes on where it
was. Before and after each repetition the floors are measured in the same process: "gemm", the
product of the pool with n of its rows, and "pass", numpy's sum of float64 numbers as many as the
probabilities, out of an array too large for the caches. Times are medians, in seconds; ratios are
medians of the ratios. With one thread, times are the processor's, so that other work on the machine
does not count; with more, the clock's. Memory is what the process holds beside mapped files, at
most, less what it held before.
``--peers`` adds the strategies of scikit-activeml and small-text where they are installed; they
are stopped at the limit, and what was over it on a smaller pool is not tried on a larger one.
"""

import argparse
import json
import multiprocessing
import os
import resource
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from _query_speed_peers import LIBRARIES
from _query_speed_tables import print_tables

WIDTH, LABELLED = 384, 200
#: Bytes: a matrix of N x N must fail here, and not bring down the machine.
_MEMORY = 12 * 2**30
#: Seconds below which the processor's clock is too coarse: what takes less is done several times.
_LEAST = 0.05
#: The product floor is measured on no more rows than this, and the pass on so many numbers.
FLOOR_ROWS, FLOOR_NUMBERS = 50_000, 2**24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--classes", type=int, nargs="+", default=[10])
    parser.add_argument("--n", type=int, nargs="+", default=[1000])
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--patience",
        type=float,
        default=1e9,
        help="seconds after which a measurement is not repeated",
    )
    parser.add_argument(
        "--limit", type=float, default=50, help="processor seconds for another library"
    )
    parser.add_argument("--only", nargs="+", default=None)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".jsonl"))
    parser.add_argument("--pools", type=Path, default=None, help="folder to keep the pools in")
    parser.add_argument("--tables", action="store_true", help="print what the output file holds")
    options = parser.parse_args()
    if options.tables:
        print_tables(read(options.output))
    elif options.pools:
        compare(options, options.pools)
    else:
        with tempfile.TemporaryDirectory() as folder:
            compare(options, Path(folder))


def compare(options: argparse.Namespace, pools: Path) -> None:
    for n_classes in options.classes:
        for n_rows in options.rows:
            folder = pools / f"{n_rows}x{n_classes}"
            if not (folder / "labeled.npz").exists():
                make_pool(n_rows, n_classes, folder)
            for threads in options.threads:
                for n in options.n:
                    for name in contenders(options):
                        cell = {"rows": n_rows, "classes": n_classes, "n": n, "threads": threads}
                        complete(options, folder, cell | {"name": name})


def contenders(options: argparse.Namespace) -> list[str]:
    from skactive import strategies

    names = options.only or strategies.names()
    if options.peers:
        for library, (known, _) in LIBRARIES.items():
            if find_spec(library.replace("scikit-activeml", "skactiveml").replace("-", "_")):
                names = names + [f"{library} {name}" for name in names if name in known]
            else:
                print(f"{library} is not installed: left out")
    return names


def complete(options: argparse.Namespace, folder: Path, cell: dict) -> None:
    """Measure this unless it is known, and write it down."""
    known = read(options.output)
    if any(cell.items() <= line.items() for line in known):
        return
    smaller = [
        line
        for line in known
        if "failed" in line
        and line["rows"] < cell["rows"]
        and all(line[key] == cell[key] for key in ("classes", "n", "threads", "name"))
    ]
    result = {"failed": smaller[0]["failed"]} if smaller else run(options, folder, cell)
    with options.output.open("a") as file:
        file.write(json.dumps(cell | result) + "\n")
    print(cell["name"], result, flush=True)


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def run(options: argparse.Namespace, folder: Path, cell: dict) -> dict:
    """A measurement in a process of its own, which has imported everything before."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["torch", "sklearn.base", "skactive.strategies", "scipy"])
    ours, theirs = processes.Pipe()
    process = processes.Process(target=measure, args=(theirs, folder, cell, vars(options)))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        process.join()
        late = process.exitcode == -signal.SIGXCPU
        return {"failed": f"over {options.limit:.0f} s" if late else "out of memory"}
    finally:
        process.kill()
        process.join()


def make_pool(n_rows: int, n_classes: int, folder: Path) -> None:
    """Pool, probabilities and labeled rows, as .npy files; written a piece at a time."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, n_classes + 1) ** 1.5
    labels = rng.choice(n_classes, n_rows + LABELLED, p=shares / shares.sum())
    centers = 0.3 * rng.standard_normal((n_classes, WIDTH), dtype=np.float32)
    files = {
        "X": np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, (n_rows, WIDTH)),
        "proba": np.lib.format.open_memmap(folder / "p.npy", "w+", np.float64, (n_rows, n_classes)),
    }
    for start in range(0, n_rows + LABELLED, 100_000):
        y = labels[start : start + 100_000]
        X = centers[y] + rng.standard_normal((len(y), WIDTH), dtype=np.float32)
        X /= np.linalg.norm(X, axis=1, keepdims=True)
        logits = 8 * X.astype(np.float64) @ centers.T
        proba = np.exp(logits - logits.max(axis=1, keepdims=True))
        proba /= proba.sum(axis=1, keepdims=True)
        inside = max(0, min(len(y), n_rows - start))
        files["X"][start : start + inside] = X[:inside]
        files["proba"][start : start + inside] = proba[:inside]
    # The labeled rows are the last ones, all in one piece.
    keep = slice(-LABELLED, None)
    parts = {"labeled_X": X[keep], "labeled_proba": proba[keep], "labeled_y": y[keep]}
    np.savez(folder / "labeled.npz", **parts)


def measure(answer: Connection, folder: Path, cell: dict, options: dict) -> None:
    import torch
    from threadpoolctl import threadpool_limits

    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    torch.set_num_threads(cell["threads"])
    X, proba = np.load(folder / "X.npy", mmap_mode="r"), np.load(folder / "p.npy")
    labeled = dict(np.load(folder / "labeled.npz"))
    library, _, name = cell["name"].rpartition(" ")
    make = LIBRARIES[library][1] if library else ours
    if library:  # like the times, the limit is one of the processor: the system ends what is over
        limit = int(options["limit"] * cell["threads"])
        options["patience"] = min(options["patience"], limit / 3)  # it counts for all repetitions
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    try:
        with threadpool_limits(cell["threads"]):
            choose = make(name, X, proba, labeled, cell["n"])
            clock = time.process_time if cell["threads"] == 1 else time.perf_counter
            floors = make_floors(X, proba, cell["n"])
            answer.send(repeat(choose, floors, clock, options["repeats"], options["patience"]))
    except MemoryError:
        answer.send({"failed": "out of memory"})
    except Exception as error:  # a peer may fail in any way, and the table goes on
        answer.send({"failed": f"{type(error).__name__}: {str(error)[:60]}"})


def repeat(
    choose: Callable[[], np.ndarray],
    floors: dict[str, tuple[float, Callable[[], object]]],
    clock: Callable[[], float],
    repeats: int,
    patience: float,
) -> dict:
    """Times of the choice and, on average, of the floors before and after it; less often than asked
    for once the patience is over."""

    def timed(work: Callable[[], object]) -> float:
        before, times = clock(), 0
        while (passed := clock() - before) < _LEAST or not times:
            work()
            times += 1
        return float(f"{passed / times:.4g}")

    def measured() -> dict[str, float]:
        return {floor: share * timed(work) for floor, (share, work) in floors.items()}

    start = clock()
    with Watch() as watch:  # a first time, in which everything is touched
        first = timed(choose)
    result: dict = {"seconds": [], "mib": round(watch.mib)} | {floor: [] for floor in floors}
    before, late = measured(), False
    while len(result["seconds"]) < repeats and not late:
        late = clock() - start > patience
        result["seconds"].append(first if late else timed(choose))
        after = before if late else measured()
        for floor in floors:
            result[floor].append(float(f"{(before[floor] + after[floor]) / 2:.4g}"))
        before = after
    return result


def make_floors(
    X: np.ndarray, proba: np.ndarray, n: int
) -> dict[str, tuple[float, Callable[[], object]]]:
    """A pass over the pool, its product with n rows, a pass over proba: how many of what work."""
    import torch

    part = torch.from_numpy(np.array(X[:FLOOR_ROWS]))
    share = len(X) / len(part)
    numbers = np.ones(FLOOR_NUMBERS)
    block = max(1, 2**27 // n)  # the product need not be kept whole
    return {
        "gemv": (share, lambda: part @ part[0]),
        "gemm": (share, lambda: [some @ part[:n].T for some in part.split(block)]),
        "pass": (proba.size / FLOOR_NUMBERS, numbers.sum),
    }


def ours(
    name: str, X: np.ndarray, proba: np.ndarray, labeled: dict, n: int
) -> Callable[[], np.ndarray]:
    from skactive import strategies
    from skactive.strategies import PoolView

    def choose() -> np.ndarray:
        view = PoolView(
            len(X),
            X=X,
            proba=proba,
            head_proba=proba,
            prior_proba=proba,
            # Opinions that differ, at next to no cost.
            sample_proba=lambda m, rows: np.stack(
                [(proba[rows] + np.roll(proba[rows], i, axis=1)) / 2 for i in range(m)]
            ),
            classes=np.arange(proba.shape[1]),
            rng=np.random.default_rng(0),
            **labeled,
        )
        return strategies.get(name).select(view, n)

    return choose


class Watch:
    """The most memory held beside mapped files, less what was held before."""

    def __enter__(self) -> "Watch":
        self._held, self._over = anonymous_mib(), threading.Event()
        self._most = self._held
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.mib = self._most - self._held

    def _look(self) -> None:
        while not self._over.wait(0.005):
            self._most = max(self._most, anonymous_mib())


def anonymous_mib() -> float:
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    # Set before the libraries are imported; torch and BLAS are told once more where it counts.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    main()
