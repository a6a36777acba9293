"""Learn from a few labels, some of them wrong: SoftmaxHead against its alternatives.

    python benchmarks/learner.py --data DIR --out FOLDER [--seeds 0 10] [--sets trec6 car]
        [--noises 0 20] [--n 10 50] [--only ours baselines hindsight time] [--report] [--full]

Labels are drawn at random from a long-tailed pool, and some are made wrong. Balanced accuracy is
measured on clean test rows: at most 3,000, equally many of each class as far as possible. Every
outcome is appended to FOLDER as soon as it is known and is not computed again: an interrupted run
resumes, and several runs with different ``--sets`` can share a folder. ``--report`` only prints
the tables; ``--full`` adds a table for each data set.

The methods, all in one run:

- zero-shot: the class that is most probable under the prior;
- logistic: LogisticRegression(class_weight="balanced"), C found by cross-validation;
- cleanlab: its CleanLearning around that (skipped with a message if cleanlab is not installed);
- no prior, prior: ActiveClassifier around SoftmaxHead, after one unlabeled query of the pool;
- useless, adversarial: the same with the prior's rows shuffled, or the column of every class moved;
- hindsight: the best of a grid of fixed settings for each data set, n and noise, by the test rows.

Features are normalized embeddings of texts and images, or standardized columns of tables; the
logistic regression uses embeddings scaled to norm 3.
"""

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

import torch
from _data import add_data_option
from _learner_methods import fixed_settings, ours, partial_fit_seconds
from _learner_outcomes import FAMILIES, key_of, path_of
from _learner_peers import baselines
from _learner_report import TIMES, report
from _learner_tasks import N_LABELS, tasks
from _outcomes import append, read
from _prepared_data import SETS, Data, load
from threadpoolctl import threadpool_limits

METHODS = {"ours": ours, "baselines": baselines, "hindsight": fixed_settings}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--out", required=True, help="folder of the outcomes")
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 10), metavar=("FROM", "TO"))
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--noises", nargs="+", default=None)
    parser.add_argument("--n", type=int, nargs="+", default=N_LABELS)
    parts = [*FAMILIES, "time"]
    parser.add_argument("--only", nargs="+", default=parts, choices=parts)
    parser.add_argument("--report", action="store_true", help="only print the tables")
    parser.add_argument("--full", action="store_true", help="add a table for each data set")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    threadpool_limits(1)
    folder, seeds = Path(options.out), range(*options.seeds)
    folder.mkdir(parents=True, exist_ok=True)
    if not options.report:
        for seed in seeds:
            for name in options.sets:
                data = load(options.data, name)
                if data is not None:
                    run(data, seed, options, folder)
        timed = load(options.data, "banking77") if "time" in options.only else None
        if timed is not None:
            (folder / TIMES).write_text(json.dumps(partial_fit_seconds(timed)))
    report(folder, seeds, options.full)


def run(data: Data, seed: int, options: argparse.Namespace, folder: Path) -> None:
    """Compute the missing outcomes of one data set and seed."""
    paths = {name: path_of(folder, name, data.name) for name in FAMILIES if name in options.only}
    done = {name: {key_of(record) for record in read(path)} for name, path in paths.items()}
    started = time.perf_counter()
    for task in tasks(data, seed, options.noises, options.n):
        for name, path in paths.items():
            if key_of(task.key) not in done[name]:
                append(path, task.key | METHODS[name](task))
    seconds = time.perf_counter() - started
    if seconds > 1:
        print(f"{data.name} seed {seed}: {seconds:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
