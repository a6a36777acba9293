"""The command ``skactive``: a labeling project without Python code."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from skactive.project.pool_files import Settings, make_classifier, read_texts

app = typer.Typer(
    help="Label texts with the help of a classifier that learns from the answers.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
_ERRORS = (ValueError, OSError, ImportError)

Folder = Annotated[
    Path,
    typer.Option("--project", "-p", envvar="SKACTIVE_PROJECT", help="Folder of the project."),
]
Annotator = Annotated[
    str, typer.Option("--annotator", "-a", envvar="USER", help="Name of the annotator.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
_DEFAULT_FOLDER = Path("labeling")


@app.command()
def init(
    pool: Annotated[Path, typer.Argument(help="A .csv, .jsonl, .parquet or .txt file with texts.")],
    column: Annotated[str | None, typer.Option(help="Column with the texts.")] = None,
    classes: Annotated[str | None, typer.Option(help="Names of classes, with commas.")] = None,
    model: Annotated[
        str, typer.Option(help="A sentence encoder, or tfidf, which needs no download.")
    ] = "all-MiniLM-L6-v2",
    overlap: Annotated[int, typer.Option(min=1, help="Number of annotators for each row.")] = 1,
    lease: Annotated[float, typer.Option(help="Seconds for which a row is reserved.")] = 600,
    folder: Folder = _DEFAULT_FOLDER,
    as_json: Json = False,
) -> None:
    """Set up a project, and rank the rows for the first time.

    Example: skactive init reviews.csv --column text --classes good,bad --model tfidf
    """
    with _exit_codes():
        if (folder / "settings.json").exists():
            raise ValueError(f"There is a project in {folder} already. Choose another --project.")
        names = None if classes is None else [name.strip() for name in classes.split(",")]
        settings = Settings(str(pool.resolve()), column, model, names, overlap, lease)
        read_texts(pool, column)
        with _opened(folder, settings) as project:
            _print("Embedding and ranking the rows", stderr=True)  # the encoder shows a bar
            project.refit()
            settings.save(folder)
            _show_status(project.status(), as_json)


@app.command()
def label(annotator: Annotator, folder: Folder = _DEFAULT_FOLDER) -> None:
    """Label rows in the terminal, with one key for each class. Quit and resume at any time.

    Example: skactive label --annotator ann
    """
    from skactive.project.keyboard import Keyboard
    from skactive.project.terminal import label_in_terminal

    with _exit_codes(), _opened(folder) as project:
        if not sys.stdin.isatty():
            raise ValueError("skactive label needs a terminal. Use query and import in scripts.")
        console = Console(highlight=False)
        with Keyboard() as keyboard, suppress(KeyboardInterrupt):
            label_in_terminal(project, annotator, console, keyboard)
        console.print("All answers are stored. Resume with: skactive label")


@app.command()
def query(
    annotator: Annotator,
    n: Annotated[int, typer.Option("-n", min=1, help="Number of rows.")] = 10,
    folder: Folder = _DEFAULT_FOLDER,
    as_json: Json = False,
) -> None:
    """Reserve the rows that should be labeled next, and print them.

    Example: skactive query -n 20 --annotator ann --json > tasks.json
    """
    with _exit_codes(), _opened(folder) as project:
        tasks = project.next(n, annotator=annotator)
        if as_json:
            _print_json([task._asdict() for task in tasks])
        else:
            columns = ["row_id", "text", "guess", "why"]
            rows = [[t.row_id, t.row, _guess(t.proba), "; ".join(t.reasons)] for t in tasks]
            _print_table(columns, rows)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A .csv, .jsonl or .parquet file, or a folder.")],
    column: Annotated[str | None, typer.Option(help="Column with the texts.")] = None,
    annotator: Annotated[
        str, typer.Option("--annotator", "-a", help="Annotator of labels without one.")
    ] = "import",
    add_classes: Annotated[
        bool, typer.Option("--add-classes", help="Add labels that are no classes yet.")
    ] = False,
    folder: Folder = _DEFAULT_FOLDER,
    as_json: Json = False,
) -> None:
    """Import labels that were made elsewhere, and list the conflicts.

    Example: skactive import old_labels.csv --column text
    """
    with _exit_codes(), _opened(folder) as project:
        before = project.status()["answers"]
        with _progress("Importing"):
            conflicts = project.import_labels(
                file, column=column, annotator=annotator, add_classes=add_classes
            )
        n = project.status()["answers"] - before
        entries = conflicts.astype(object).where(conflicts.notna(), None)
        if as_json:
            _print_json({"imported": n, "conflicts": entries.to_dict("records")})
        else:
            _print(f"{n} labels imported, {len(conflicts)} conflicts")
            _print_table(list(conflicts.columns), entries.to_numpy().tolist())


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="A .csv, .jsonl or .parquet file, or a folder.")],
    folder: Folder = _DEFAULT_FOLDER,
) -> None:
    """Export all labels. A path without a suffix is a folder for Hugging Face datasets.

    Example: skactive export labels.csv
    """
    with _exit_codes(), _opened(folder) as project:
        with _progress("Exporting"):
            project.export(file)
        _print(f"{project.status()['answers']} labels exported to {file}")


@app.command()
def status(folder: Folder = _DEFAULT_FOLDER, as_json: Json = False) -> None:
    """Show how many rows are labeled, by whom, and what to expect of the classifier.

    Example: skactive status --json
    """
    with _exit_codes(), _opened(folder) as project:
        with _progress("Evaluating the classifier"):
            values = _report(project)
        _show_status(project.status() | ({"report": values} if values else {}), as_json)


@app.command()
def check(folder: Folder = _DEFAULT_FOLDER, as_json: Json = False) -> None:
    """Look for damage. The exit code is 1 if there are problems.

    Example: skactive check && skactive export labels.csv
    """
    with _exit_codes(), _opened(folder) as project:
        problems = project.check()
    if as_json:
        _print_json(problems)
    else:
        for line in problems or ["No problems found."]:
            _print(line)
    if problems:
        raise typer.Exit(1)


@contextmanager
def _opened(folder: Path, settings: Settings | None = None) -> Iterator[Any]:
    is_new, settings = settings is not None, settings or Settings.load(folder)
    texts = read_texts(Path(settings.pool), settings.column)
    with _progress("Opening the project"):
        from skactive.project.labeling_project import LabelingProject

        project = LabelingProject(
            folder,
            pool=texts,
            estimator=make_classifier(settings, folder, verbose=is_new),
            classes=settings.classes,
            overlap=settings.overlap,
            lease=settings.lease,
        )
    with project:
        yield project


@contextmanager
def _exit_codes() -> Iterator[None]:
    """Print errors without a traceback; the exit code is then 1."""
    try:
        yield
    except _ERRORS as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from error


def _progress(text: str) -> Any:
    return Console(stderr=True).status(text)


def _guess(proba: dict[Any, float]) -> str:
    best = max(proba, key=proba.__getitem__, default=None)
    return "" if best is None else f"{best} {proba[best]:.0%}"


def _report(project: Any) -> Any:
    """The evaluation report of the latest classifier; None before the first label."""
    from sklearn.exceptions import NotFittedError

    from skactive.evaluation import report

    try:
        return None if project.classifier is None else report(project.classifier, project.pool)
    except NotFittedError:
        return None


def _show_status(numbers: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(numbers)
        return
    report = numbers.pop("report", None)
    _print_table(["", "value"], [[name, _text(value)] for name, value in numbers.items()])
    if report is not None:
        _print(str(report))


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {number}" for name, number in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _print(text: str, stderr: bool = False) -> None:
    Console(stderr=stderr).print(text, markup=False, highlight=False)


def _print_json(content: Any) -> None:
    typer.echo(json.dumps(_plain(content)))


def _plain(content: Any) -> Any:
    """What JSON can hold: dicts, lists, texts, numbers; None for NaN."""
    if hasattr(content, "to_dict"):  # a report or a table
        return _plain(content.to_dict())
    if hasattr(content, "_asdict"):
        return _plain(content._asdict())
    if isinstance(content, dict):
        return {str(key): _plain(value) for key, value in content.items()}
    if hasattr(content, "tolist"):
        return _plain(content.tolist())
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    return None if content != content else content


def _print_table(columns: list[str], rows: list[list[Any]]) -> None:
    from skactive.project.terminal import printable

    if rows:
        table = Table()
        for column in columns:
            table.add_column(column, no_wrap=column == "row_id")
        for row in rows:
            table.add_row(*(printable(str(cell)).replace("[", r"\[") for cell in row))
        Console().print(table)
