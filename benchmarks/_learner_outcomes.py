"""Outcomes of the learner benchmark, and comparisons of methods by data set and n."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from _learner_tasks import N_LABELS
from _outcomes import read
from _prepared_data import SETS

FAMILIES = ("ours", "baselines", "hindsight")  # one file per family and data set
KEYS = ("set", "seed", "noise", "n")


def path_of(folder: Path, family: str, name: str) -> Path:
    return folder / f"{family}-{name}.jsonl"


def key_of(record: dict) -> tuple:
    return tuple(record[name] for name in KEYS)


class Outcomes:
    """Scores of all methods and of all fixed settings, for some seeds.

    Attributes
    ----------
    values : dict
        From (data set, noise, n, method) to the scores of each seed.
    fixed : dict
        From (data set, noise, n, kind of prior) to pairs of a seed and the accuracies in the grid.
    sets : list of str
        Data sets with any scores.
    """

    def __init__(self, folder: Path, seeds: range) -> None:
        self.values: dict[tuple, dict[int, dict]] = {}
        for family in ("ours", "baselines"):
            for record in _records(folder, family, seeds):
                for method in record.keys() - set(KEYS):
                    cell = (record["set"], record["noise"], record["n"], method)
                    self.values.setdefault(cell, {})[record["seed"]] = record[method]
        self.fixed: dict[tuple, list] = {}
        for record in _records(folder, "hindsight", seeds):
            for kind in record.keys() - set(KEYS):
                cell = (record["set"], record["noise"], record["n"], kind)
                self.fixed.setdefault(cell, []).append((record["seed"], record[kind]))
        self.sets = [name for name in SETS if any(key[0] == name for key in self.values)]

    @property
    def noises(self) -> set[str]:
        return {key[1] for key in self.values}

    def mean(self, name: str, noise: str, n: int, method: str, score: str = "bacc") -> float:
        """Mean over the seeds; NaN if there are no outcomes."""
        found = self.values.get((name, noise, n, method), {}).values()
        found = [outcome[score] for outcome in found if score in outcome]
        return float(np.mean(found)) if found else np.nan

    def lead(self, noise: str, method: str, other: str) -> np.ndarray:
        """Points of one method over another: array of shape (data sets, n)."""
        return np.array(
            [
                [
                    100 * (self.mean(name, noise, n, method) - self.mean(name, noise, n, other))
                    for n in N_LABELS
                ]
                for name in self.sets
            ]
        )

    def prior_lead(self, noise: str) -> np.ndarray:
        """Points of the classifier with a prior over the better of zero-shot and no prior."""
        others = ("zero-shot", "no prior")
        return np.minimum(*(self.lead(noise, "prior", other) for other in others))

    def automatic_lead(self, noise: str, kind: str) -> np.ndarray:
        """Points of the automatic choice over the best fixed setting: (data sets, n)."""
        table = np.full((len(self.sets), len(N_LABELS)), np.nan)
        for i, name in enumerate(self.sets):
            for j, n in enumerate(N_LABELS):
                best, automatic = self._best_fixed(name, noise, n, kind)
                table[i, j] = 100 * (automatic - best)
        return table

    def cleanlab_lead(self, name: str) -> float:
        """Points of precision-recall area over cleanlab in finding wrong labels."""
        gaps = [
            100
            * (
                self.mean(name, noise, n, "no prior", "aucpr")
                - self.mean(name, noise, n, "cleanlab", "aucpr")
            )
            for noise in self.noises - {"0"}
            for n in N_LABELS
        ]
        return float(np.nanmean(gaps)) if np.isfinite(gaps).any() else np.nan

    def _best_fixed(self, name: str, noise: str, n: int, kind: str) -> tuple[float, float]:
        """Accuracy of the best fixed setting, and of the automatic choice on the same seeds."""
        automatic = self.values.get((name, noise, n, kind), {})
        found = [
            (seed, grid)
            for seed, grid in self.fixed.get((name, noise, n, kind), [])
            if seed in automatic
        ]
        if not found:
            return np.nan, np.nan
        best = np.mean([grid for _, grid in found], axis=0).max()
        return float(best), float(np.mean([automatic[seed]["bacc"] for seed, _ in found]))


def _records(folder: Path, family: str, seeds: range) -> Iterator[dict]:
    for path in sorted(folder.glob(f"{family}-*.jsonl")):
        yield from (record for record in read(path) if record["seed"] in seeds)
