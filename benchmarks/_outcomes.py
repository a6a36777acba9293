"""Outcomes of a benchmark: one JSON object per line, appended as soon as it is known."""

import json
from pathlib import Path


def read(path: Path) -> list[dict]:
    """All records of a file. A line that was cut short by a stopped run is dropped."""
    records = []
    for line in path.read_text().splitlines() if path.is_file() else ():
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return records


def append(path: Path, *records: dict) -> None:
    with path.open("a") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
