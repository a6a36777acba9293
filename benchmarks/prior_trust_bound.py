"""How well a prior of unknown worth could be used, if the answers were known beforehand.

    python benchmarks/prior_trust_bound.py --data DIR --out FOLDER [--seeds 0 10] [--report]

FOLDER holds the outcomes of ``learner.py``, "ours" and "baselines", for the same seeds. With few
labels a prior that is worth twenty points can look like one at chance. Whatever is done, something
is lost where it is worth nothing, or else where it is worth much; the question is how little.

For every task of ``learner.py`` with a prior, three opinions are mixed in all shares that are
multiples of a quarter: the prior's, as the pool has calibrated it, that of the head which follows
it, and that of the head which does not. What the labels tell of the prior is put into cells:

- its agreement with the labels, in standard deviations;
- by how many standard errors the head that follows it foretells labels held out better.

A rule says which mixture is used in each cell, or how often which. A linear program finds the
rule whose worst set is best, knowing every test label: the points, in the mean over noises and
seeds, over the better of zero-shot and no prior; with fifty labels it has also to keep a useless
and an adversarial prior within 1.5 points of none. No rule with these cells can do better on these
tasks. "Other half" is the same rule found on even seeds and judged by odd ones: many cells fit the
tasks they are found on, and no others.

The last line is about measuring: the worst of many rows is below zero by chance alone.
"""

import argparse
import json
import sys
import warnings
from itertools import product
from pathlib import Path

import numpy as np
import torch
from _data import IMAGES, TEXTS, add_data_option
from learner import N_LABELS as LABELS_OF_LEARNER
from learner import (
    NOISES,
    PRIORS,
    RULES,
    Data,
    Outcomes,
    TablePrior,
    Task,
    load,
    prior_table,
    read,
    scores,
    tasks,
)
from scipy.optimize import linprog
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_limits

from skactive import ActiveClassifier
from skactive._learner.component import Labeled
from skactive._learner.cross_fitting import CrossFittedModels
from skactive.heads import SoftmaxHead
from skactive.heads.model_averaging import log_likelihood

SETS = (*TEXTS, *IMAGES, RULES)  # those with a prior
N_LABELS = (10, 20, 50)
CELLS = ((1, 1), (4, 1), (8, 1), (4, 4))  # of agreement, of the lead
SHARES = np.array([(i, j, 4 - i - j) for i in range(5) for j in range(5 - i)]) / 4
SLACK = 0.5  # by which a bad prior may cost more than 1 point
DRAWS = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--out", required=True, help="folder of learner.py's outcomes")
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 10), metavar=("FROM", "TO"))
    parser.add_argument("--report", action="store_true", help="print what is there")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    threadpool_limits(1)
    folder, seeds = Path(options.out), range(*options.seeds)
    if not options.report:
        for name in SETS:
            measure(load(options.data, name), folder, seeds)
    report(folder, seeds)


def measure(data: Data, folder: Path, seeds: range) -> None:
    """Append what is missing."""
    path = folder / f"mixtures-{data.name}.jsonl"
    done = {record["seed"] for record in read(path)}
    for seed in sorted(set(seeds) - done):
        records = [
            task.key | {"kind": kind} | mixtures(task, kind)
            for task in tasks(data, seed, list(NOISES), list(N_LABELS))
            for kind in PRIORS[1:]
            if kind == "prior" or task.n == 50
        ]
        with path.open("a") as file:
            file.writelines(json.dumps(record) + "\n" for record in records)
        print(f"{data.name} seed {seed}", file=sys.stderr, flush=True)


def mixtures(task: Task, kind: str) -> dict:
    """Scores of all mixtures, and what the labels tell of the prior."""
    table, X = prior_table(task, kind), task.data.X
    head = make_pipeline(FunctionTransformer(lambda rows: X[rows[:, 0]]), SoftmaxHead(device="cpu"))
    clf = ActiveClassifier(head, prior=TablePrior(table), strategy="random", random_state=0)
    clf.query(task.pool[:, None], 1)
    clf.partial_fit(task.labeled[:, None], task.y, classes=np.arange(task.data.n_classes))
    learned = clf._learned
    model, test = learned.model, X[task.test]
    prior = learned.prior_proba(table[task.test], test)
    opinions = np.stack([prior, *(expert.proba(test, prior) for expert in model.components)])
    labeled = Labeled(*model._labeled, model._prior_proba)
    groups = clf._pool.groups
    if groups is not None:
        groups = groups._replace(
            prior_proba=learned.prior_proba(groups.prior_proba, groups.centers)
        )
    followed, alone = (
        log_likelihood(
            CrossFittedModels(expert, labeled, groups).foretold(expert.concentration),
            task.data.n_classes,
        )
        for expert in model.components
    )
    lead = (followed - alone)[~np.isnan(followed - alone)]
    spread = np.sqrt((lead**2).sum())
    return {
        "agreement": round(float(model.head.anchor_["agreement"]), 4),
        "lead": round(float(lead.sum() / spread), 4) if spread > 0 else 0.0,
        "bacc": [
            scores(task, model.rebalanced(np.einsum("e,enk->nk", share, opinions)))["bacc"]
            for share in SHARES
        ],
    }


def report(folder: Path, seeds: range) -> None:
    report_bound(folder, seeds)
    report_chance(Outcomes(folder, seeds))


def report_bound(folder: Path, seeds: range) -> None:
    records = [
        record
        for name in SETS
        for record in read(folder / f"mixtures-{name}.jsonl")
        if record["seed"] in seeds
    ]
    against = Outcomes(folder, seeds)
    print("\n| n | cells of agreement x lead | worst set, in hindsight | other half |")
    print("|---|---|---|---|")
    for n, cells in product(N_LABELS, CELLS):
        found = [record for record in records if record["n"] == n]
        if not found:
            continue
        bound, _ = best_rule(found, found, against, cells)
        halves = [[r for r in found if r["seed"] % 2 == half] for half in (0, 1)]
        other = best_rule(*halves, against, cells)[1] if all(halves) else np.nan
        print(f"| {n} | {cells[0]} x {cells[1]} | {bound:+.1f} | {other:+.1f} |")


def report_chance(outcomes: Outcomes) -> None:
    """How often a learner that is never behind would be measured to be.

    Every row's mean is drawn around its measured lead, or around 0 where that is negative, with its
    standard error over the seeds.
    """
    rows = [
        leads_by_seed(outcomes, name, n)
        for name, n in product(outcomes.sets, LABELS_OF_LEARNER)
        if (name, NOISES[0], n, "prior") in outcomes.values
    ]
    error = np.array([row.std(ddof=1) / np.sqrt(len(row)) for row in rows])
    never_behind = np.array([row.mean() for row in rows]).clip(0)
    worst = np.random.default_rng(0).normal(never_behind, error, (DRAWS, len(rows))).min(axis=1)
    print(
        f"\n{len(rows)} rows, standard errors from {error.min():.1f} to {error.max():.1f}. With "
        f"leads that are never below 0 the worst row is {np.median(worst):+.1f} in the median, and "
        f"at least -1 in {(worst >= -1).mean():.0%} of {DRAWS} draws."
    )


def leads_by_seed(outcomes: Outcomes, name: str, n: int) -> np.ndarray:
    """Points over whichever of zero-shot and no prior has the better mean, over the noises."""
    leads: dict[int, list[float]] = {}
    for noise in NOISES:
        references = ("zero-shot", "no prior")
        better = max(references, key=lambda other: outcomes.mean(name, noise, n, other))
        ours, others = (outcomes.values[name, noise, n, method] for method in ("prior", better))
        for seed in ours.keys() & others.keys():
            leads.setdefault(seed, []).append(100 * (ours[seed]["bacc"] - others[seed]["bacc"]))
    return np.array([np.mean(each) for each in leads.values()])


def best_rule(
    found_on: list[dict], judged_by: list[dict], against: Outcomes, cells: tuple[int, int]
) -> tuple[float, float]:
    """The worst set's lead in points, where the rule was found and where it is judged.

    The unknowns are the shares of the mixtures in each cell, and the worst lead, to be maximized.
    """
    edges = [
        np.quantile([r[what] for r in found_on if r["kind"] == "prior"], np.linspace(0, 1, m + 1))
        for what, m in zip(("agreement", "lead"), cells, strict=True)
    ]

    def gains(records: list[dict]) -> dict[tuple, np.ndarray]:
        """Points over the reference, by set and kind of prior: (cells, mixtures)."""
        total: dict[tuple, np.ndarray] = {}
        count: dict[tuple, int] = {}
        for r in records:
            place = [
                int(np.searchsorted(e[1:-1], r[name]))
                for e, name in zip(edges, ("agreement", "lead"), strict=True)
            ]
            key = (r["set"], r["kind"])
            gain = total.setdefault(key, np.zeros((np.prod(cells), len(SHARES))))
            others = ("no prior", "zero-shot") if r["kind"] == "prior" else ("no prior",)
            reference = max(against.mean(r["set"], r["noise"], r["n"], other) for other in others)
            gain[place[0] * cells[1] + place[1]] += 100 * (np.array(r["bacc"]) - reference)
            count[key] = count.get(key, 0) + 1
        return {key: gain / count[key] for key, gain in total.items()}

    fitted = gains(found_on)
    n_cells, n_mixtures = int(np.prod(cells)), len(SHARES)
    slack = [0.0 if key[1] == "prior" else SLACK for key in fitted]
    at_least = np.array([[*-gain.ravel(), 1.0] for gain in fitted.values()])
    one_in_each = np.hstack([np.kron(np.eye(n_cells), np.ones(n_mixtures)), np.zeros((n_cells, 1))])
    solution = linprog(
        [*np.zeros(n_cells * n_mixtures), -1.0],
        A_ub=at_least,
        b_ub=slack,
        A_eq=one_in_each,
        b_eq=np.ones(n_cells),
        bounds=[(0, 1)] * (n_cells * n_mixtures) + [(None, None)],
    )
    rule = solution.x[:-1].reshape(n_cells, n_mixtures)
    leads = [(rule * gain).sum() for key, gain in gains(judged_by).items() if key[1] == "prior"]
    return solution.x[-1], min(leads)


if __name__ == "__main__":
    main()
