"""The command skactive, in new processes and in a pseudo-terminal."""

import csv
import json
import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from skactive.project.command_line import app
from tests.support.projects import TEXTS

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-W", "error", "-m", "skactive.project"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with a pool in pool.csv."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    write_pool(TEXTS)
    return tmp_path


def write_pool(texts):
    with open("pool.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *enumerate(texts)])


def skactive(*arguments, code=0):
    """Run a command in this process; returns what it prints."""
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == code, done.output + repr(done.exception)
    return done.stdout if code == 0 else done.output


def init(*more):
    options = ["--column", "text", "--classes", "ant,bee,cow", "--model", "tfidf"]
    return skactive("init", "pool.csv", *options, *more)


def test_a_project_in_scripts(folder):
    status = json.loads(init("--overlap", "2", "--lease", "60", "--json"))
    assert status["rows"] == len(TEXTS)
    assert status["classes"] == {"ant": 0, "bee": 0, "cow": 0}
    assert "report" not in json.loads(skactive("status", "--json"))  # before the first label
    tasks = json.loads(skactive("query", "-n", "4", "--annotator", "ann", "--json"))
    assert len(tasks) == 4
    with open("answers.csv", "w", newline="") as file:
        entries = [(task["row_id"], task["row"].split()[0]) for task in tasks]
        csv.writer(file).writerows([("row_id", "label"), *entries, ("00" * 16, "ant")])
    report = json.loads(skactive("import", "answers.csv", "--annotator", "ann", "--json"))
    assert report["imported"] == 4
    assert [conflict["problem"] for conflict in report["conflicts"]] == ["not in the pool"]
    assert "0 labels imported, 1 conflicts" in skactive("import", "answers.csv", "-a", "ann")
    status = json.loads(skactive("status", "--json"))
    assert status["answers"] == status["report"]["labels"] == 4
    assert set(status["report"]["expected_frequencies"]) == {"ant", "bee", "cow"}
    shown = skactive("status")
    assert "answers" in shown
    assert "advice" in shown
    assert "row_id" in skactive("query", "--annotator", "bob")
    assert "4 labels exported" in skactive("export", "labels.jsonl")
    assert len(pd.read_json("labels.jsonl", lines=True)) == 4
    assert json.loads(skactive("check", "--json")) == []
    assert "No problems found." in skactive("check")


def test_exit_codes(folder):
    assert "There is no project in labeling" in skactive("status", code=1)
    assert "is none of .csv" in skactive("init", "pool.xls", code=1)
    assert "There is no file nowhere.csv" in skactive("init", "nowhere.csv", code=1)
    assert "Choose the one with texts by --column" in skactive("init", "pool.csv", code=1)
    assert not Path("labeling/settings.json").exists()
    init()
    assert "There is a project in labeling already" in init_again()
    assert "needs a terminal" in skactive("label", "--annotator", "ann", code=1)
    assert "no .csv, .jsonl or .parquet" in skactive("import", "labels.xls", code=1)
    skactive("query", "-n", "0", "--annotator", "ann", code=2)
    skactive("import", "--nonsense", code=2)


def init_again():
    return skactive("init", "pool.csv", "--column", "text", "--model", "tfidf", code=1)


def test_check_reports_edited_rows(folder):
    init()
    (task,) = json.loads(skactive("query", "-n", "1", "--annotator", "ann", "--json"))
    Path("answers.jsonl").write_text(json.dumps({"row_id": task["row_id"], "label": "ant"}))
    skactive("import", "answers.jsonl")
    write_pool([text.replace(task["row"], "edited") for text in TEXTS])
    assert "its place holds" in skactive("check", code=1)


@pytest.mark.parametrize("name", ["init", "label", "query", "import", "export", "status", "check"])
def test_help_has_an_example(name):
    assert f"Example: skactive {name}" in skactive(name, "--help")


@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".parquet"])
def test_formats_of_pools(folder, suffix):
    table, path = pd.DataFrame({"text": TEXTS}), f"pool{suffix}"
    if suffix == ".txt":
        Path(path).write_text("\n".join(TEXTS))
    elif suffix == ".jsonl":
        table.to_json(path, orient="records", lines=True)
    else:
        table.to_parquet(path)
    options = [] if suffix == ".txt" else ["--column", "text"]
    status = json.loads(skactive("init", path, *options, "--model", "tfidf", "--json"))
    assert status["rows"] == len(TEXTS)


@pytest.mark.parametrize("cell", ["", " ", None])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".txt"])
def test_a_missing_text_is_an_error(folder, suffix, cell):
    table, path = pd.DataFrame({"id": [0, 1], "text": ["a", cell]}), f"pool{suffix}"
    if suffix == ".csv":
        table.to_csv(path, index=False)
    elif suffix == ".jsonl":
        table.to_json(path, orient="records", lines=True)
    elif suffix == ".parquet":
        table.to_parquet(path)
    else:
        Path(path).write_text(f"a\n{cell or ''}\n")
    message = skactive("init", path, "--column", "text", "--model", "tfidf", code=1)
    places = {".csv": "line 3", ".parquet": "row 1"}
    column = "" if suffix == ".txt" else "column 'text', "
    assert f"has no text in {column}{places.get(suffix, 'line 2')}" in message
    assert "Remove the row" in message
    assert not Path("labeling").exists()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".txt"])
def test_a_pool_in_another_encoding(folder, suffix):
    text = {".csv": "text\ncafé\n", ".jsonl": '{"text": "café"}\n', ".txt": "café\n"}[suffix]
    Path(f"pool{suffix}").write_bytes(text.encode("latin-1"))
    message = skactive("init", f"pool{suffix}", "--column", "text", code=1)
    assert f"pool{suffix} is not encoded in UTF-8" in message
    assert "Convert it" in message


def test_pools_that_are_no_tables(folder):
    for content, message in {
        "": "pool.jsonl has no rows",
        "[1]\n": "pool.jsonl, line 1 is no object",
        "{\n": "pool.jsonl, line 1 is no JSON",
    }.items():
        Path("pool.jsonl").write_text(content)
        assert message in skactive("init", "pool.jsonl", "--column", "text", code=1)


def test_imports_with_unknown_classes(folder):
    """Classes are texts on the command line, and remain so in CSV files of numbers."""
    options = ["--column", "text", "--classes", "1,2", "--model", "tfidf"]
    skactive("init", "pool.csv", *options)
    table = pd.DataFrame({"text": TEXTS[:3], "label": [1, 2, 3]})
    table.to_csv("old.csv", index=False)
    message = skactive("import", "old.csv", "--column", "text", code=1)
    assert "none of the classes ['1', '2']: '3' (line 4)" in message
    assert json.loads(skactive("status", "--json"))["answers"] == 0
    shown = skactive("import", "old.csv", "--column", "text", "--add-classes")
    assert "3 labels imported, 0 conflicts" in shown
    assert json.loads(skactive("status", "--json"))["classes"] == {"1": 1, "2": 1, "3": 1}
    skactive("export", "labels.csv")
    assert "0 labels imported, 0 conflicts" in skactive("import", "labels.csv")


def test_an_invalid_import_is_an_error_without_a_traceback(folder):
    init()
    for line, message in {
        '{"text": "a", "label": ["ant", "bee"]}': "old.jsonl, line 1: label=['ant', 'bee']",
        '{"text": "a", "label": "ant", "time": 1}': "old.jsonl, line 1: time=1",
        "[1, 2]": "old.jsonl, line 1 is no object",
    }.items():
        Path("old.jsonl").write_text(line)
        assert message in skactive("import", "old.jsonl", "--column", "text", code=1)


def test_a_sentence_encoder(folder, tiny_sentence_model):
    """The default model, and its prior, with a small model in its place."""
    write_pool(TEXTS[:20])
    init("--model", str(tiny_sentence_model))
    (task,) = json.loads(skactive("query", "-n", "1", "--annotator", "ann", "--json"))
    assert set(task["proba"]) == {"ant", "bee", "cow"}
    assert list(Path("labeling/embeddings").iterdir())


def test_the_command_is_installed_and_says_what_is_missing():
    """In an interpreter without typer."""
    start = "from skactive.project.__main__ import main; main()"
    hide = f"import sys; sys.modules['typer'] = None; {start}"
    done = subprocess.run([sys.executable, "-c", hide], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert "pip install 'skactive[project]'" in done.stderr
    scripts = (ROOT / "pyproject.toml").read_text()
    assert 'skactive = "skactive.project.__main__:main"' in scripts


class Terminal:
    """`skactive label` in a pseudo-terminal."""

    def __init__(self, annotator):
        pty = pytest.importorskip("pty")
        self.pid, self.file = pty.fork()
        if not self.pid:
            environment = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm", "NO_COLOR": "1"}
            arguments = [*COMMAND, "label", "--annotator", annotator]
            os.execve(sys.executable, arguments, environment)
        self.shown = ""

    def read_until(self, pattern):
        """Wait until the pattern is shown; returns all that was shown since the last call."""
        while not re.search(pattern, self.shown):
            assert select.select([self.file], [], [], 120)[0], self.shown
            try:
                self.shown += os.read(self.file, 4096).decode(errors="replace")
            except OSError as error:  # the end, on Linux
                raise AssertionError(self.shown) from error
        shown, self.shown = self.shown, ""
        return shown

    def press(self, keys):
        os.write(self.file, keys.encode())

    def wait(self):
        try:
            while os.read(self.file, 4096):
                pass
        except OSError:
            pass
        os.close(self.file)
        return os.waitpid(self.pid, 0)[1]

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        assert self.wait() == signal.SIGKILL


PROMPT = r"\[q\] quit"


def labels():
    return [json.loads(line) for line in export_lines()]


def export_lines():
    skactive("export", "labels.jsonl")
    return Path("labels.jsonl").read_text().splitlines()


def test_labeling_in_a_terminal(folder):
    texts = [f"{text} \x1b]0;owned\x07\x9b31m [bold]x" for text in TEXTS]
    write_pool(texts)
    init()
    terminal = Terminal("ann")
    shown = terminal.read_until(PROMPT)
    assert r"\x1b]0;owned\x07\x9b31m [bold]x" in shown
    assert "\x1b]0;" not in shown
    assert "[1] ant  [2] bee  [3] cow" in shown
    assert "why: " in shown
    terminal.press("1")
    terminal.read_until(PROMPT)
    terminal.press("s")
    assert "skip" in terminal.read_until(PROMPT)
    terminal.press("?")
    terminal.read_until(PROMPT)
    terminal.press("\x1b[A")  # the arrow up
    terminal.read_until("No class has the key")
    terminal.press("n")
    terminal.read_until("Name of the new class")
    terminal.press("dog\r")
    assert "[4] dog" in terminal.read_until(PROMPT)
    terminal.press("4")
    terminal.read_until(PROMPT)
    terminal.press("3")
    assert "3 answered in this session" in terminal.read_until(PROMPT)
    terminal.press("u")
    assert "2 answered in this session" in terminal.read_until(PROMPT)
    terminal.press("2")
    terminal.read_until(PROMPT)
    terminal.press("q")
    terminal.read_until("All answers are stored")
    assert terminal.wait() == 0
    found = labels()
    assert [entry["label"] for entry in found] == ["ant", "dog", "bee"]
    assert all(entry["seconds"] > 0 for entry in found)
    assert json.loads(skactive("status", "--json"))["skips"] == 2


def test_a_newcomer(folder):
    """CSV in, 60 labels by two annotators, killed twice, exported, read by pandas."""
    init()
    n_given = 0
    for annotator, n, is_killed in (("ann", 15, True), ("bob", 30, True), ("ann", 15, False)):
        terminal = Terminal(annotator)
        for _ in range(n):
            shown = terminal.read_until(PROMPT)
            (name,) = re.findall(r"(ant|bee|cow) number", shown)
            terminal.press({"ant": "1", "bee": "2", "cow": "3"}[name])
        terminal.read_until(PROMPT)
        n_given += n
        if is_killed:
            terminal.kill()
        else:
            terminal.press("q")
            assert terminal.wait() == 0
        assert json.loads(skactive("status", "--json"))["answers"] == n_given
    skactive("export", "labels.csv")
    table = pd.read_csv("labels.csv")
    assert len(table) == table.row_id.nunique() == 60
    assert table.annotator.value_counts().to_dict() == {"ann": 30, "bob": 30}
    assert (table.label == table.text.str.split().str[0]).all()
    assert json.loads(skactive("check", "--json")) == []
