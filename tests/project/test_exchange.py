"""Labels written to files and read from files."""

import json
import math
import re
from datetime import date

import numpy as np
import pandas as pd
import pytest

from tests.support.projects import LABELS, POOL, TEXTS, answer_rows, label_dict, open_project

FORMATS = ["labels.csv", "labels.jsonl", "labels.parquet", "dataset"]


@pytest.fixture
def project(tmp_path):
    with open_project(tmp_path / "project") as project:
        project._refit_in_background = lambda: None
        yield project


def imported(tmp_path, source, **params):
    with open_project(tmp_path / "other", **params) as other:
        other._refit_in_background = lambda: None
        conflicts = other.import_labels(source)
        return other.labels(), conflicts


@pytest.mark.parametrize("kind", [[0, 1, 2], [True, False, True], ["a,b", 'c "d"', "é\u2028x"]])
@pytest.mark.parametrize("name", FORMATS)
def test_round_trip(tmp_path, name, kind):
    kind = [label.replace("\u2028", "ß") if isinstance(label, str) else label for label in kind]
    with open_project(tmp_path / "project", pool=TEXTS, overlap=2) as project:
        project._refit_in_background = lambda: None
        for i, task in enumerate(project.next(7, annotator="ann")):
            seconds = None if i % 2 else math.pi
            project.answer(task.row_id, kind[i % 3], annotator="ann", seconds=seconds)
        for i, task in enumerate(project.next(4, annotator="bób, jr")):
            project.answer(task.row_id, kind[i % 3 - 1], annotator="bób, jr")
        project.verify(task.row_id, kind[0], annotator="eve")
        project.export(tmp_path / name)
        before = project.labels()
    classes = list(dict.fromkeys(kind)) if name.endswith("csv") else None
    after, conflicts = imported(tmp_path, tmp_path / name, pool=TEXTS, classes=classes)
    pd.testing.assert_frame_equal(after, before)
    assert not conflicts.problem.str.startswith("not").any()


def test_pandas_reads_the_export(tmp_path):
    with open_project(tmp_path / "project", pool=TEXTS) as project:
        project._refit_in_background = lambda: None
        answer_rows(project, 5, "ann")
        for name in FORMATS[:3]:
            project.export(tmp_path / name)
        project.export(str(tmp_path / "dataset"))
        readers = [pd.read_csv, lambda path: pd.read_json(path, lines=True), pd.read_parquet]
        for name, read in zip(FORMATS, readers, strict=False):
            table = read(tmp_path / name)
            assert table.label.tolist() == [text.split()[0] for text in table.text]
            assert len(table) == 5
        assert (tmp_path / "dataset" / "data" / "train.parquet").is_file()
        assert "path: data/train.parquet" in (tmp_path / "dataset" / "README.md").read_text()
    assert not list(tmp_path.glob(".*"))


def test_datasets_of_hugging_face(tmp_path):
    datasets = pytest.importorskip("datasets", reason="needs the package datasets")
    with open_project(tmp_path / "project", pool=TEXTS) as project:
        project._refit_in_background = lambda: None
        rows = answer_rows(project, 5, "ann")
        project.answer(rows[0], "zebra", annotator="bob")
        project.verify(rows[1], "ant", annotator="eve")
        project.export(tmp_path / "dataset")
        before = project.labels()
    loaded = datasets.load_dataset(str(tmp_path / "dataset"), cache_dir=str(tmp_path / "cache"))
    table = loaded["train"]
    assert table.column_names == [*before.columns, "text"]
    assert table["label"][:] == before.label.tolist()
    after, conflicts = imported(tmp_path, table, pool=TEXTS)
    pd.testing.assert_frame_equal(after, before)
    assert not conflicts.problem.str.startswith("not").any()
    renamed = table.select_columns(["text", "label"]).rename_column("text", "content")
    with open_project(tmp_path / "warm", pool=TEXTS) as project:
        project._refit_in_background = lambda: None
        conflicts = project.import_labels(renamed, column="content", annotator="old team")
        assert len(project.labels()) == 5  # the first label of each row
        assert len(conflicts) == 2


def test_empty_exports(tmp_path, project):
    for name in FORMATS:
        project.export(tmp_path / name)
        after, conflicts = imported(tmp_path, tmp_path / name)
        assert len(after) == len(conflicts) == 0


def test_other_folders_are_not_overwritten(tmp_path, project):
    (tmp_path / "other").mkdir()
    project.export(tmp_path / "other")
    project.export(tmp_path / "other")
    with pytest.raises(ValueError, match="is a folder with other files"):
        project.export(tmp_path)


def test_a_warm_start_from_contents(tmp_path):
    table = pd.DataFrame(
        {"text": [TEXTS[3], TEXTS[4], "elsewhere"], "label": ["ant", "bee", "cow"]}
    )
    with open_project(tmp_path / "project", pool=TEXTS) as project:
        project._refit_in_background = lambda: None
        conflicts = project.import_labels(table, column="text", annotator="old team")
        assert conflicts.problem.tolist() == ["not in the pool"]
        found = label_dict(project)
        assert sorted(found.values()) == ["ant", "bee"]
        assert {who for _, who in found} == {"old team"}
        assert project.import_labels(table, column="text", annotator="old team").shape == (1, 4)
        assert label_dict(project) == found


def test_conflicts_are_listed(project):
    rows = answer_rows(project, 3, "ann")
    own = label_dict(project)
    other = {"ant": "bee", "bee": "cow", "cow": "ant"}
    entries = [
        (rows[0], other[own[rows[0], "ann"]], "ann"),  # contradicts her own answer
        (rows[1], other[own[rows[1], "ann"]], "bob"),  # contradicts hers
        (rows[2], own[rows[2], "ann"], "bob"),
        (rows[2], None, "cleo"),
        (rows[2], "ant", "dan"),
        (rows[2], "bee", "dan"),
        ("00" * 16, "ant", "dan"),
    ]
    table = pd.DataFrame(entries, columns=["row_id", "label", "annotator"])
    conflicts = project.import_labels(table)
    problems = dict(
        zip(conflicts.annotator + conflicts.label.fillna(""), conflicts.problem, strict=True)
    )
    assert (
        problems["ann" + entries[0][1]] == f"not imported: ann has answered {own[rows[0], 'ann']}"
    )
    assert problems["bob" + entries[1][1]] == f"imported: ann has answered {own[rows[1], 'ann']}"
    assert problems["cleo"] == "no label"
    assert problems["danbee"] == "not imported: dan has answered ant"
    assert (conflicts.problem == "not in the pool").sum() == 1
    assert label_dict(project) == own | {
        (rows[1], "bob"): entries[1][1],
        (rows[2], "bob"): entries[2][1],
        (rows[2], "dan"): "ant",
    }


def test_a_failed_import_changes_nothing(project):
    rows = answer_rows(project, 2, "ann")
    before = label_dict(project)
    ids = [row.hex() for row in project._keys[:4]]
    for labels, message in {
        (
            "ant",
            3,
            "bee",
            "ant",
        ): r"source, row 1: label=3 is of type int, but '[a-z]+' is of type str",
        (1, 2, 3, 4): "type str. Give labels of one type",
        ("ant", True, "bee", "ant"): "row 1: label=True is of type bool",
    }.items():
        table = pd.DataFrame({"row_id": ids, "label": np.array(labels, dtype=object)})
        with pytest.raises(ValueError, match=message):
            project.import_labels(table)
    with pytest.raises(ValueError, match=r"has the columns .'row'., but .'label', 'row_id'. are"):
        project.import_labels(pd.DataFrame({"row": rows}))
    with pytest.raises(ValueError, match=r"source, row 0: row_id='x'. This is no row_id"):
        project.import_labels(pd.DataFrame({"row_id": ["x"], "label": ["ant"]}))
    with pytest.raises(ValueError, match="source is a list\\. Give a DataFrame"):
        project.import_labels([{"row_id": ids[0], "label": "ant"}])
    for path in ("labels.xls", ".", "nowhere"):
        with pytest.raises(ValueError, match=r"is no .csv, .jsonl or .parquet file"):
            project.import_labels(path)
    assert label_dict(project) == before


def test_labels_of_spreadsheets(tmp_path, project):
    rows = [row.hex() for row in project._keys[:3]]
    path = tmp_path / "sheet.csv"
    path.write_text(
        "\ufeffrow_id,label,annotator,time\n"
        + "".join(f"{row},{label},,2026-01-02\n" for row, label in zip(rows, LABELS, strict=False)),
        encoding="utf-8",
    )
    assert len(project.import_labels(path)) == 0
    table = project.labels()
    assert table.annotator.unique().tolist() == ["import"]
    assert table.time.dt.strftime("%Y-%m-%d").unique().tolist() == ["2026-01-02"]


def test_rows_that_are_not_texts_are_not_exported(tmp_path, project):
    answer_rows(project, 2, "ann")
    project.export(tmp_path / "labels.csv")
    assert "text" not in pd.read_csv(tmp_path / "labels.csv").columns
    assert len(POOL) == project.status()["rows"]


@pytest.fixture
def texts_project(tmp_path):
    with open_project(tmp_path / "project", pool=TEXTS) as project:
        project._refit_in_background = lambda: None
        yield project


VERIFIED = {
    True: [True, 1, 1.0, np.True_, "true", "TRUE", "Yes", " 1", "1.0"],
    False: [False, 0, 0.0, math.nan, None, pd.NA, "", " ", "False", "NO", "0", "0.0"],
}


@pytest.mark.parametrize("expected", [True, False])
def test_spellings_of_verified(texts_project, expected):
    given = VERIFIED[expected]
    table = pd.DataFrame({"text": TEXTS[: len(given)], "label": "ant"})
    table["verified"] = pd.Series(given, dtype=object)
    texts_project.import_labels(table, column="text")
    assert texts_project.labels().verified.tolist() == [expected] * len(given)


def test_verified_beside_an_empty_cell(tmp_path, texts_project):
    """pandas makes the column float, and writes 1.0."""
    table = pd.DataFrame({"text": TEXTS[:2], "label": "ant", "verified": [1, None]})
    table.to_csv(tmp_path / "old.csv", index=False)
    assert "1.0" in (tmp_path / "old.csv").read_text()
    texts_project.import_labels(tmp_path / "old.csv", column="text")
    found = texts_project.labels().set_index("row_id").verified
    assert found.to_dict() == {
        row.hex(): is_first
        for row, is_first in zip(texts_project._keys[:2], (True, False), strict=True)
    }


def write_lines(path, *entries):
    lines = [entry if isinstance(entry, str) else json.dumps(entry) for entry in entries]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


GOOD = {"text": TEXTS[0], "label": "ant"}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"verified": "maybe"}, "verified='maybe'. Give true, yes or 1"),
        ({"verified": 2}, "verified=2. Give true"),
        ({"verified": []}, r"verified=\[\]. Give true"),
        ({"label": ["ant", "bee"]}, r"label=\['ant', 'bee'\]. Give one label"),
        ({"label": {"a": 1}}, "label={'a': 1}. Give one label of type"),
        ({"label": 2**63}, "label=9223372036854775808. Give one label of type"),
        ({"label": 2.5}, "label=2.5. Give one label of type"),
        ({"label": [["ant"]]}, r"label=\[\['ant'\]\]. Give one label of type"),
        ({"label": "a\tb"}, r"label='a\\tb'. Give a name of a class"),
        ({"label": "x" * 200 + "\n"}, r"label='x{79}\.\.\.\. Give a name"),
        ({"time": 1_700_000_000}, "time=1700000000. Give a time of ISO 8601"),
        ({"time": "1701010101234"}, "time='1701010101234'. Give a time of ISO 8601"),
        ({"time": "01.02.2024"}, "time='01.02.2024'. Give a time of ISO 8601"),
        ({"time": {}}, "time={}. Give a time"),
        ({"seconds": "3,5"}, "seconds='3,5'. Give a number from 0, with a decimal point"),
        ({"seconds": 10**400}, r"seconds=10{79}\.{4} Give a number from 0"),
        ({"seconds": -1}, "seconds=-1. Give a number from 0"),
        ({"seconds": True}, "seconds=True. Give a number from 0"),
        ({"seconds": [1]}, r"seconds=\[1\]. Give a number from 0"),
        ({"annotator": ["ann"]}, r"annotator=\['ann'\]. Give a name"),
        ({"annotator": "a\x1b"}, r"annotator='a\\x1b'. Give a name"),
        ("[1, 2]", r" is no object: \[1, 2\]. Each line of a .jsonl file is an object"),
        ("not json", " is no JSON: Expecting value"),
        ('{"text": "a"}', r" has the columns \['text'\], but \['label', 'text'\] are needed"),
    ],
)
def test_an_invalid_entry_is_named(tmp_path, texts_project, entry, message):
    path = tmp_path / "old.jsonl"
    entry = GOOD | entry if isinstance(entry, dict) else entry
    write_lines(path, GOOD, "", entry)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}, line 3") as error:
        texts_project.import_labels(path, column="text")
    assert re.search(message, str(error.value)), error.value
    assert texts_project.labels().empty
    assert texts_project.classes == []


def test_an_invalid_cell_of_a_csv_file_is_named(tmp_path, texts_project):
    path = tmp_path / "old.csv"
    path.write_text('text,label,seconds\n"two\nlines",ant,1\n\nhere,ant,"3,5"\n')
    with pytest.raises(ValueError, match=r"old.csv, line 5: seconds='3,5'"):
        texts_project.import_labels(path, column="text")
    path.write_text("text,label\nfirst,ant,\nHello, world,ant\n")
    with pytest.raises(ValueError, match="line 3 has 3 cells, but there are 2 columns"):
        texts_project.import_labels(path, column="text")
    path.write_text(f"text,label\n{'x' * 200_000},ant\n")
    with pytest.raises(ValueError, match="line 2 cannot be read as CSV: field larger than"):
        texts_project.import_labels(path, column="text")
    path.write_bytes("text,label\ncafé,ant\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"old.csv is not encoded in UTF-8"):
        texts_project.import_labels(path, column="text")
    path = path.rename(tmp_path / "old.parquet")
    with pytest.raises(ValueError, match=r"old.parquet cannot be read as a Parquet file"):
        texts_project.import_labels(path, column="text")


def test_entries_of_other_tools(tmp_path, texts_project):
    path = write_lines(
        tmp_path / "old.jsonl",
        {"id": 1, "text": TEXTS[0], "label": ["ant"]},
        {"id": 2, "text": TEXTS[1], "label": [], "annotator": None},
        {"text": TEXTS[2], "label": "cow", "annotator": 7, "time": "2026-01-31T18:30Z"},
    )
    conflicts = texts_project.import_labels(path, column="text")
    assert conflicts.problem.tolist() == ["no label"]
    names = {TEXTS.index(texts_project._text(row)): who for row, who in label_dict(texts_project)}
    assert names == {0: "import", 2: "7"}
    table = pd.DataFrame({"text": TEXTS[3:5], "label": [["ant"], []]})
    table["annotator"], table["time"] = [8.0, math.nan], [date(2026, 1, 31), pd.NaT]
    table.to_parquet(tmp_path / "old.parquet")
    texts_project.import_labels(tmp_path / "old.parquet", column="text")
    nested = pd.DataFrame({"text": TEXTS[5:6], "label": [np.array([["ant", "bee"]])]})
    with pytest.raises(ValueError, match=r"row 0: label=.* Give one label of type"):
        texts_project.import_labels(nested, column="text")
    found = texts_project.labels()
    assert sorted(found.annotator) == ["7", "8", "import"]
    times = found.set_index("annotator").time
    assert times["7"] == pd.Timestamp("2026-01-31T18:30Z")
    assert times["8"] == pd.Timestamp("2026-01-31T00:00Z")


@pytest.mark.parametrize("classes", [["1", "2", "3"], ["1", "2", "03"], [1, 2, 3]])
@pytest.mark.parametrize("name", FORMATS)
def test_classes_that_are_digits(tmp_path, name, classes):
    with open_project(tmp_path / "project", pool=TEXTS, classes=classes) as project:
        project._refit_in_background = lambda: None
        for i, task in enumerate(project.next(6, annotator="ann")):
            project.answer(task.row_id, classes[i % 3], annotator="ann")
        project.export(tmp_path / name)
        before = project.labels()
    after, conflicts = imported(tmp_path, tmp_path / name, pool=TEXTS, classes=classes)
    pd.testing.assert_frame_equal(after, before)
    assert conflicts.empty


@pytest.mark.parametrize("label", [4, 4.0, "4"])
def test_numbers_for_classes_that_are_texts(tmp_path, label):
    """The type of a label is that of the classes, in every format."""
    table = pd.DataFrame({"text": TEXTS[:1], "label": [label]})
    for classes in (["4", "5"], [4, 5]):
        with open_project(tmp_path / str(classes), pool=TEXTS, classes=classes) as project:
            project._refit_in_background = lambda: None
            project.import_labels(table, column="text")
            assert list(label_dict(project).values()) == classes[:1]


def test_texts_of_csv_files_that_are_no_numbers(tmp_path, texts_project):
    path = tmp_path / "old.csv"
    for number, labels in enumerate([["²", "--1"], ["1", "01"]]):
        rows = zip(TEXTS[2 * number :], labels, strict=False)
        path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
        texts_project.import_labels(path, column="text")
    assert texts_project.classes == ["²", "--1", "1", "01"]


def test_a_typo_is_no_class(tmp_path):
    labels = ["dogs", "dogs ", "Cats", "mice"]
    texts = [*TEXTS[:3], "not in the pool"]
    path = write_lines(
        tmp_path / "old.jsonl",
        *({"text": text, "label": label} for text, label in zip(texts, labels, strict=True)),
    )
    folder, classes = tmp_path / "project", ["cats", "dogs"]
    with open_project(folder, pool=TEXTS, classes=classes) as project:
        project._refit_in_background = lambda: None
        message = (
            r"none of the classes \['cats', 'dogs'\]: 'dogs ' \(line 2\), 'Cats' \(line 3\)\. "
        )
        with pytest.raises(ValueError, match=message):
            project.import_labels(path, column="text")
        assert project.labels().empty
        assert project.classes == classes
        project.import_labels(path, column="text", add_classes=True)
        assert len(project.labels()) == 3
        assert project.classes == ["cats", "dogs", "dogs ", "Cats"]
    with open_project(tmp_path / "open", pool=TEXTS) as project:
        project._refit_in_background = lambda: None
        project.import_labels(path, column="text")
        assert project.classes == ["dogs", "dogs ", "Cats"]


def test_former_names_in_imports(tmp_path):
    """As in answer: the name of a renamed class is that class, a removed class is none."""
    table = pd.DataFrame({"text": TEXTS[:2], "label": ["cats", "dogs"]})
    for classes in (None, ["cats", "dogs", "mice"]):
        with open_project(tmp_path / str(classes), pool=TEXTS, classes=classes) as project:
            project._refit_in_background = lambda: None
            for name in () if classes else ("cats", "dogs", "mice"):
                project.add_class(name)
            project.rename_class("cats", "cat")
            project.remove_class("dogs")
            with pytest.raises(ValueError, match="'dogs'"):
                project.import_labels(table, column="text")
            assert project.classes == ["cat", "mice"]
            assert project.labels().empty
            project.import_labels(table[:1], column="text")
            project.import_labels(table, column="text", add_classes=True)
            assert project.classes == ["cat", "mice", "dogs"]
            assert list(label_dict(project).values()) == ["cat", "dogs"]


def test_lone_surrogates(tmp_path):
    pool = ["half a pair \ud83d", "a text", "another"]
    with open_project(tmp_path / "project", pool=pool) as project:
        project._refit_in_background = lambda: None
        for task in project.next(3, annotator="ann"):
            project.answer(task.row_id, "ant", annotator="ann")
        before = project.labels()
        for name in FORMATS[:2]:
            project.export(tmp_path / name)
            with open_project(tmp_path / f"from {name}", pool=pool) as other:
                other._refit_in_background = lambda: None
                assert other.import_labels(tmp_path / name, column="text").empty
                pd.testing.assert_frame_equal(other.labels(), before)
        with pytest.raises(ValueError, match=r"cannot hold the text 'half a pair \\ud83d'"):
            project.export(tmp_path / "labels.parquet")
    assert not (tmp_path / "labels.parquet").exists()
    assert not list(tmp_path.glob(".*"))
