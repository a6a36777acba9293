"""Tables, in markdown, of the outcomes of query_speed.py."""

import re
import statistics

import numpy as np

Line = dict


def print_tables(lines: list[Line]) -> None:
    """One table for each pool, n and number of threads; then growth, and other libraries."""
    cells = sorted({_cell(line) for line in lines})
    for cell in cells:
        rows, classes, n, threads = cell
        print(f"\n### {rows:,} rows, {classes} classes, n = {n:,}, {threads} thread(s)\n")
        print("| strategy | seconds | products (gemm) | passes | MiB | repetitions |")
        print("|---|---:|---:|---:|---:|---:|")
        for line in sorted((x for x in lines if _cell(x) == cell), key=lambda x: x["name"]):
            if " " not in line["name"]:
                print(_row(line))
    _print_growth([line for line in lines if " " not in line["name"] and "seconds" in line])
    _print_peers(lines)


def _cell(line: Line) -> tuple[int, int, int, int]:
    return line["rows"], line["classes"], line["n"], line["threads"]


def _row(line: Line) -> str:
    if "failed" in line:
        return f"| {line['name']} | {line['failed']} | | | | |"
    return (
        f"| {line['name']} | {_number(statistics.median(line['seconds']))} "
        f"| {_number(_ratio(line, 'gemm'))} | {_number(_ratio(line, 'pass'))} "
        f"| {line['mib']:.0f} | {len(line['seconds'])} |"
    )


def _ratio(line: Line, floor: str) -> float:
    """Median over the repetitions; time and floor of a repetition were measured in succession."""
    pairs = zip(line["seconds"], line[floor], strict=True)
    return statistics.median(seconds / bound for seconds, bound in pairs)


def _number(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"


def _print_growth(lines: list[Line]) -> None:
    print("\n### Growth with the pool: exponent of a log-log fit\n")
    print("| strategy | sizes | exponent of seconds | exponent of products | last step |")
    print("|---|---|---:|---:|---:|")
    for name in sorted({line["name"] for line in lines}):
        points = [x for x in lines if x["name"] == name and _cell(x)[1:] == (10, 1000, 1)]
        points.sort(key=lambda x: x["rows"])
        if len(points) < 2:
            continue
        rows = [x["rows"] for x in points]
        seconds = [statistics.median(x["seconds"]) for x in points]
        # products grow linearly; relative to them, other work on the machine matters less
        products = [_ratio(x, "gemm") * x["rows"] for x in points]
        fits = [np.polyfit(np.log(rows), np.log(values), 1)[0] for values in (seconds, products)]
        last = np.log(products[-1] / products[-2]) / np.log(rows[-1] / rows[-2])
        sizes = ", ".join(f"{size:,}" for size in rows)
        print(f"| {name} | {sizes} | {fits[0]:.2f} | {fits[1]:.2f} | {last:.2f} |")


def _print_peers(lines: list[Line]) -> None:
    print("\n### Other libraries\n")
    print("| strategy | rows | n | skactive, s | other library | its seconds | times slower |")
    print("|---|---:|---:|---:|---|---:|---:|")
    for line in sorted(lines, key=lambda x: (x["rows"], x["name"])):
        library, _, name = line["name"].rpartition(" ")
        own = [x for x in lines if x["name"] == name and _cell(x) == _cell(line)]
        if not library or not own or "failed" in own[0]:
            continue
        ours = statistics.median(own[0]["seconds"])
        row = f"| {name} | {line['rows']:,} | {line['n']:,} | {_number(ours)} | {library} "
        if "failed" in line:
            stopped = re.match(r"over (\d+) s", line["failed"])
            bound = f"over {_number(int(stopped[1]) / ours)}" if stopped else ""
            print(f"{row}| {line['failed']} | {bound} |")
        else:
            theirs = statistics.median(line["seconds"])
            # each relative to its own product, which removes most of the load of the machine
            times = _ratio(line, "gemm") / _ratio(own[0], "gemm")
            print(f"{row}| {_number(theirs)} | {_number(times)} |")
