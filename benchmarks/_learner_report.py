"""Tables of the learner benchmark, in markdown, from the outcomes of its runs."""

import json
from pathlib import Path

import numpy as np
from _learner_methods import BAD_PRIORS
from _learner_outcomes import Outcomes
from _learner_tasks import N_LABELS, NOISES

METHODS = ("zero-shot", "logistic", "cleanlab", "no prior", "prior")
TIMES = "time.json"


def report(folder: Path, seeds: range, full: bool) -> None:
    outcomes = Outcomes(folder, seeds)
    if not outcomes.sets:
        print("No outcomes yet.")
        return
    noises = [noise for noise in NOISES if noise in outcomes.noises]
    real = sorted(outcomes.noises - set(NOISES))
    path = folder / TIMES
    times = json.loads(path.read_text()) if path.is_file() else {}
    summary_table(outcomes, noises, times)
    for write in (
        accuracy_table,
        lead_table,
        lead_by_set_table,
        prior_table,
        bad_prior_table,
        hindsight_table,
        wrong_labels_table,
        calibration_table,
    ):
        write(outcomes, noises)
    real_noise_table(outcomes, real)
    time_table(times)
    if full:
        for name in outcomes.sets:
            set_table(outcomes, name, [*noises, *real])


def summary_table(outcomes: Outcomes, noises: list[str], times: dict) -> None:
    """Targets that were set in advance, and what was reached."""
    heading("Summary", ("what", "value", "floor", "aim", "met"))
    for noise, floor, aim in (("0", -0.5, None), ("20", 1, 3), ("40", 2, 5)):
        if noise in noises:
            leads = np.nanmean(outcomes.lead(noise, "no prior", "logistic"), axis=1)
            what = f"no prior over logistic, {noise} % noise, median over sets"
            summary_row(what, np.nanmedian(leads), floor, aim)
    leads = np.nanmean([outcomes.prior_lead(noise) for noise in noises], axis=0)
    for n, floor, aim in ((50, 1, 3), (200, 2, 5)):
        what = f"prior over the better of zero-shot and no prior, n = {n}, median over sets"
        summary_row(what, np.nanmedian(leads[:, N_LABELS.index(n)]), floor, aim)
    summary_row("the same, worst set and n", np.nanmin(leads), -1)
    for kind in BAD_PRIORS:
        bad = np.nanmean([outcomes.lead(noise, kind, "no prior") for noise in noises], axis=0)
        summary_row(f"{kind} prior over no prior, worst set and n", np.nanmin(bad), -1.5)
    for kind in ("no prior", "prior"):
        tables = [outcomes.automatic_lead(noise, kind) for noise in noises]
        if np.isfinite(tables).any():
            leads = np.nanmean(tables, axis=(0, 2))
            summary_row(f"automatic over hindsight, {kind}, median", np.nanmedian(leads), -1.5)
            summary_row(f"automatic over hindsight, {kind}, worst set", np.nanmin(leads), -1.5)
    gaps = np.array([outcomes.cleanlab_lead(name) for name in outcomes.sets])
    gaps = gaps[np.isfinite(gaps)]
    if len(gaps):
        ahead = f"{(gaps >= 0).sum()} of {len(gaps)} ahead"
        summary_row(f"wrong labels over cleanlab, worst set; {ahead}", gaps.min(), 0)
    for kind in ("no prior", "prior") if times else ():
        ratio = np.median(np.array(times[kind]) / np.array(times["logistic"]))
        met = "aim" if ratio <= 4 else "floor" if ratio <= 10 else "no"
        row(f"time of partial_fit in logistic fits, {kind}", f"{ratio:.1f}", "10", "4", met)


def summary_row(what: str, value: float, floor: float, aim: float | None = None) -> None:
    if value < floor:
        met = "no"
    elif aim is None:
        met = "yes"
    else:
        met = "aim" if value >= aim else "floor"
    row(what, points(value), f"{floor:g}", "" if aim is None else f"{aim:g}", met)


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
    for other, suffix in (("logistic", ""), ("cleanlab", ", over cleanlab")):
        for noise in noises:
            table = outcomes.lead(noise, "no prior", other)
            mean = np.nanmean(table, axis=1)
            row(
                f"{noise}{suffix}",
                *(median_and_worst(column) for column in table.T),
                median_and_worst(mean),
                f"{(mean > 0).sum()} of {np.isfinite(mean).sum()}",
            )


def lead_by_set_table(outcomes: Outcomes, noises: list[str]) -> None:
    heading(
        "Without a prior: points over the logistic regression, mean over n",
        ("set", *noises),
    )
    leads = [np.nanmean(outcomes.lead(noise, "no prior", "logistic"), axis=1) for noise in noises]
    for name, cells in zip(outcomes.sets, np.transpose(leads), strict=True):
        row(name, *map(points, cells))


def prior_table(outcomes: Outcomes, noises: list[str]) -> None:
    heading(
        "With a prior: points over the better of zero-shot and no prior, mean over noises "
        f"{', '.join(noises)}",
        ("set", *(f"n = {n}" for n in N_LABELS)),
    )
    tables = [outcomes.prior_lead(noise) for noise in noises]
    mean = np.nanmean(tables, axis=0)
    for i, name in enumerate(outcomes.sets):
        if np.isfinite(mean[i]).any():
            row(name, *map(points, mean[i]))
    for noise, table in zip(noises, tables, strict=True):
        row(f"median (worst), {noise} %", *(median_and_worst(column) for column in table.T))
    row("median (worst)", *(median_and_worst(column) for column in mean.T))


def bad_prior_table(outcomes: Outcomes, noises: list[str]) -> None:
    heading(
        "A useless or adversarial prior: points over no prior, mean over noises",
        ("set, prior", *(f"n = {n}" for n in N_LABELS if n >= 50)),
    )
    for kind in BAD_PRIORS:
        mean = np.nanmean([outcomes.lead(noise, kind, "no prior") for noise in noises], axis=0)
        for i, name in enumerate(outcomes.sets):
            if np.isfinite(mean[i]).any():
                row(f"{name}, {kind}", *map(points, mean[i, N_LABELS.index(50) :]))
        columns = mean[:, N_LABELS.index(50) :].T
        row(f"median (worst), {kind}", *(median_and_worst(column) for column in columns))


def hindsight_table(outcomes: Outcomes, noises: list[str]) -> None:
    heading(
        "Automatic against the best fixed setting in hindsight: points, median (worst) over sets",
        ("noise %, prior", *(f"n = {n}" for n in N_LABELS), "mean over n"),
    )
    for kind in ("no prior", "prior"):
        for noise in noises:
            table = outcomes.automatic_lead(noise, kind)
            if np.isfinite(table).any():
                columns = [*table.T, np.nanmean(table, axis=1)]
                row(f"{noise}, {kind}", *map(median_and_worst, columns))


def wrong_labels_table(outcomes: Outcomes, _: list[str]) -> None:
    noises = sorted(outcomes.noises - {"0"})
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
    methods = ("logistic", "no prior", "prior")
    heading(
        "Expected calibration error, median over the sets (in points)", ("noise %", "n", *methods)
    )
    for noise in noises:
        for n in N_LABELS:
            errors = [
                np.nanmedian([outcomes.mean(s, noise, n, m, "ece") for s in outcomes.sets])
                for m in methods
            ]
            row(noise, n, *map(percent, errors))


def real_noise_table(outcomes: Outcomes, noises: list[str]) -> None:
    heading("Real noise: balanced accuracy", ("set, labels", "n", *METHODS))
    for name in outcomes.sets:
        for noise in noises:
            for n in N_LABELS:
                cells = [outcomes.mean(name, noise, n, method) for method in METHODS]
                if np.isfinite(cells).any():
                    row(f"{name}, {noise}", n, *map(percent, cells))


def time_table(times: dict) -> None:
    if not times:
        return
    heading(
        "Time of one partial_fit: 1,000 labels of banking77 x 384 features, 77 classes, 1 thread",
        ("", "median s", "ratio to one LogisticRegression fit"),
    )
    base = np.array(times["logistic"])
    row("LogisticRegression()", f"{np.median(base):.3f}", "1.0")
    for name in ("no prior", "prior"):
        seconds = np.array(times[name])
        ratio = np.median(seconds / base)
        row(f"ActiveClassifier, {name}", f"{np.median(seconds):.3f}", f"{ratio:.1f}")


def set_table(outcomes: Outcomes, name: str, noises: list[str]) -> None:
    methods = (*METHODS, *BAD_PRIORS)
    heading(f"{name}: balanced accuracy", ("noise %", "n", *methods))
    for noise in noises:
        for n in N_LABELS:
            cells = [outcomes.mean(name, noise, n, method) for method in methods]
            if np.isfinite(cells).any():
                row(noise, n, *map(percent, cells))


def median_and_worst(values: np.ndarray) -> str:
    values = values[np.isfinite(values)]
    return f"{np.median(values):+.1f} ({values.min():+.1f})" if len(values) else ""


def points(value: float) -> str:
    return f"{value:+.1f}" if np.isfinite(value) else ""


def percent(value: float) -> str:
    return f"{100 * value:.1f}" if np.isfinite(value) else ""


def heading(title: str, columns: tuple) -> None:
    print(f"\n### {title}\n")
    row(*columns)
    row(*["---"] * len(columns))


def row(*cells: object) -> None:
    print("| " + " | ".join(map(str, cells)) + " |")
