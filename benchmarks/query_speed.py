"""Time of a query for each strategy, relative to lower bounds and to other libraries.

    python benchmarks/query_speed.py [--rows 10000 100000] [--classes 10] [--n 1000]
        [--threads 1] [--repeats 5] [--only k_center badge] [--peers] [--limit 50]
        [--output query_speed.jsonl] [--pools folder]
    python benchmarks/query_speed.py --tables [--output query_speed.jsonl]

Pools are long-tailed Gaussian mixtures of unit-length rows x 384 float32, read as memory maps,
with 200 labeled rows. Every measurement has its own process and one line in the output file. Lines
in the file are not measured again: an interrupted run resumes. Two floors are measured in the same
process before and after each repetition: "gemm", the product of the pool with n of its rows, and
"pass", numpy's sum of as many float64 numbers as there are probabilities, from an array too large
for the caches. Times are medians, in seconds; ratios are medians of the ratios. With one thread,
times are processor times, so that other work on the machine does not count; with more threads,
wall-clock times. Memory is the peak that the process holds besides mapped files, minus what it held
before the query.
``--peers`` adds the strategies of scikit-activeml and small-text if they are installed. They are
stopped at the limit; a strategy that exceeds it on a smaller pool is not run on a larger one.
"""

import argparse
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
from _outcomes import append, read
from _query_speed_peers import LIBRARIES
from _query_speed_tables import print_tables

WIDTH, N_LABELED = 384, 200
MAX_BYTES = 12 * 2**30  # an N x N matrix must fail without exhausting the machine
MIN_SECONDS = 0.05  # shorter work is repeated, as the processor's clock is too coarse for it
FLOOR_ROWS, FLOOR_NUMBERS = 50_000, 2**24  # sizes for "gemm" and for "pass"


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
        "--limit", type=float, default=50, help="processor seconds for other libraries"
    )
    parser.add_argument("--only", nargs="+", default=None)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".jsonl"))
    parser.add_argument("--pools", type=Path, default=None, help="folder to keep the pools in")
    parser.add_argument("--tables", action="store_true", help="only print the tables")
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
    """Measure one cell and append it to the output file, unless it is known."""
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
    append(options.output, cell | result)
    print(cell["name"], result, flush=True)


def run(options: argparse.Namespace, folder: Path, cell: dict) -> dict:
    """A measurement in its own process, which has imported everything in advance."""
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
    """Write pool, probabilities and labeled rows as .npy files, in blocks."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    frequency = 1 / np.arange(1, n_classes + 1) ** 1.5
    labels = rng.choice(n_classes, n_rows + N_LABELED, p=frequency / frequency.sum())
    centers = 0.3 * rng.standard_normal((n_classes, WIDTH), dtype=np.float32)
    files = {
        "X": np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, (n_rows, WIDTH)),
        "proba": np.lib.format.open_memmap(folder / "p.npy", "w+", np.float64, (n_rows, n_classes)),
    }
    for start in range(0, n_rows + N_LABELED, 100_000):
        y = labels[start : start + 100_000]
        X = centers[y] + rng.standard_normal((len(y), WIDTH), dtype=np.float32)
        X /= np.linalg.norm(X, axis=1, keepdims=True)
        logits = 8 * X.astype(np.float64) @ centers.T
        proba = np.exp(logits - logits.max(axis=1, keepdims=True))
        proba /= proba.sum(axis=1, keepdims=True)
        inside = max(0, min(len(y), n_rows - start))
        files["X"][start : start + inside] = X[:inside]
        files["proba"][start : start + inside] = proba[:inside]
    # the labeled rows are the last ones; they are all in the last block
    keep = slice(-N_LABELED, None)
    parts = {"labeled_X": X[keep], "labeled_proba": proba[keep], "labeled_y": y[keep]}
    np.savez(folder / "labeled.npz", **parts)


def measure(answer: Connection, folder: Path, cell: dict, options: dict) -> None:
    import torch
    from threadpoolctl import threadpool_limits

    resource.setrlimit(resource.RLIMIT_DATA, (MAX_BYTES, MAX_BYTES))
    torch.set_num_threads(cell["threads"])
    X, proba = np.load(folder / "X.npy", mmap_mode="r"), np.load(folder / "p.npy")
    labeled = dict(np.load(folder / "labeled.npz"))
    library, _, name = cell["name"].rpartition(" ")
    make = LIBRARIES[library][1] if library else ours
    if library:  # the system stops the process at a limit of processor time
        limit = int(options["limit"] * cell["threads"])
        options["patience"] = min(options["patience"], limit / 3)  # limits all repetitions together
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    try:
        with threadpool_limits(cell["threads"]):
            choose = make(name, X, proba, labeled, cell["n"])
            clock = time.process_time if cell["threads"] == 1 else time.perf_counter
            floors = make_floors(X, proba, cell["n"])
            answer.send(repeat(choose, floors, clock, options["repeats"], options["patience"]))
    except MemoryError:
        answer.send({"failed": "out of memory"})
    except Exception as error:  # a peer may fail in any way; the other measurements continue
        answer.send({"failed": f"{type(error).__name__}: {str(error)[:60]}"})


def repeat(
    choose: Callable[[], np.ndarray],
    floors: dict[str, tuple[float, Callable[[], object]]],
    clock: Callable[[], float],
    repeats: int,
    patience: float,
) -> dict:
    """Times of the query, and mean times of the floors before and after it.

    The number of repetitions is smaller if they take longer than `patience` seconds.
    """

    def timed(work: Callable[[], object]) -> float:
        before, times = clock(), 0
        while (passed := clock() - before) < MIN_SECONDS or not times:
            work()
            times += 1
        return float(f"{passed / times:.4g}")

    def measured() -> dict[str, float]:
        return {floor: scale * timed(work) for floor, (scale, work) in floors.items()}

    start = clock()
    with Watch() as watch:  # the first run touches all memory
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
    """The product of the pool with n rows, and a pass over proba: a scale, and work to be timed."""
    import torch

    part = torch.from_numpy(np.array(X[:FLOOR_ROWS]))
    numbers = np.ones(FLOOR_NUMBERS)
    block = max(1, 2**27 // n)  # the product is not kept in one piece
    return {
        "gemm": (len(X) / len(part), lambda: [rows @ part[:n].T for rows in part.split(block)]),
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
            # samples that differ, at almost no cost
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
    """Peak memory besides mapped files, minus what was held before."""

    def __enter__(self) -> "Watch":
        self._before, self._stopped = anonymous_mib(), threading.Event()
        self._peak = self._before
        self._thread = threading.Thread(target=self._measure, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        self.mib = self._peak - self._before

    def _measure(self) -> None:
        while not self._stopped.wait(0.005):
            self._peak = max(self._peak, anonymous_mib())


def anonymous_mib() -> float:
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    # must be set before the libraries are imported
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    main()
