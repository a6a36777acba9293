"""Answers, skips, corrections and the rows that next returns."""

import threading

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from skactive import ActiveClassifier, LabelingProject
from skactive.project import Task
from tests.support.projects import (
    LABELS,
    N_ROWS,
    POOL,
    TEXTS,
    answer_rows,
    label_dict,
    open_project,
)


@pytest.fixture
def project(tmp_path):
    with open_project(tmp_path / "project") as project:
        yield project


def test_labels_outlive_the_process(tmp_path):
    with open_project(tmp_path) as project:
        answered = answer_rows(project, 5, "ann")
        project.skip(project.next(annotator="ann")[0].row_id, annotator="ann", unsure=True)
        before = project.labels()
    with open_project(tmp_path) as project:
        pd.testing.assert_frame_equal(project.labels(), before)
        assert before.row_id.tolist() == answered
        assert before.columns.tolist() == [
            *("row_id", "label", "annotator", "time", "seconds", "verified")
        ]
        assert (before.seconds == 2.0).all()
        assert (pd.Timestamp.now("UTC") - before.time).max() < pd.Timedelta(minutes=5)
        assert project.status()["skips"] == 1


def test_every_change_is_replayed(tmp_path):
    with open_project(tmp_path, classes=["ant", "bee", "cow"]) as project:
        rows = answer_rows(project, 9, "ann") + answer_rows(project, 3, "bob")
        project.undo(annotator="ann")
        project.verify(rows[0], "cow", annotator="eve")
        project.delete(rows[1], annotator="eve")
        project.add_class("dog")
        project.answer(rows[2], "dog", annotator="bob")
        project.rename_class("ant", "insect")
        project.merge_classes(["bee", "insect"], "insect")
        project.remove_class("dog")
        labels, classes, status = project.labels(), project.classes, project.status()
    assert classes == ["insect", "cow"]
    with open_project(tmp_path, classes=["ant", "bee", "cow"]) as project:
        pd.testing.assert_frame_equal(project.labels(), labels)
        assert project.classes == classes
        assert project.status() | {"fitted": 0} == status | {"fitted": 0}


def test_next_is_idempotent_until_rows_are_answered(project):
    first = [task.row_id for task in project.next(3, annotator="ann")]
    assert [task.row_id for task in project.next(3, annotator="ann")] == first
    project.answer(first[0], "ant", annotator="ann")
    more = [task.row_id for task in project.next(3, annotator="ann")]
    assert more[:2] == first[1:]
    assert first[0] not in more


def test_annotators_get_different_rows(project):
    rows = [t.row_id for who in "abc" for t in project.next(30, annotator=who)]
    assert len(set(rows)) == 90
    assert len(project.next(60, annotator="d")) == N_ROWS - 90


def test_overlap(tmp_path):
    with open_project(tmp_path, overlap=2) as project:
        given = {who: {t.row_id for t in project.next(20, annotator=who)} for who in "abc"}
        assert given["a"] == given["b"]
        assert given["a"].isdisjoint(given["c"])
        for who in "ab":
            answer_rows(project, 20, who)
        assert project.status()["complete"] == 20
        assert project.agreement() == 1.0


def test_rows_return_when_the_lease_ends(tmp_path):
    with open_project(tmp_path, lease=0.05) as project:
        lost = {task.row_id for task in project.next(4, annotator="ann")}
        threading.Event().wait(0.06)
        tasks = project.next(4, annotator="bob")
        assert {task.row_id for task in tasks} == lost
        assert "who has not answered" in tasks[0].reasons[0]


def test_skipped_rows_go_to_others(project):
    (task,) = project.next(annotator="ann")
    project.skip(task.row_id, annotator="ann")
    assert project.next(annotator="ann")[0].row_id != task.row_id
    again = project.next(annotator="bob")[0]
    assert again.row_id == task.row_id
    assert again.reasons[0] == "another annotator has skipped it"


def test_a_second_answer_replaces_the_first(project):
    (row,) = answer_rows(project, 1, "ann")
    project.answer(row, "zebra", annotator="ann")
    assert label_dict(project) == {(row, "ann"): "zebra"}


def test_undo_goes_back_step_by_step(project):
    rows = answer_rows(project, 2, "ann")
    other = answer_rows(project, 1, "bob")
    project.answer(rows[0], "zebra", annotator="ann")
    (task,) = project.next(annotator="ann")
    project.skip(task.row_id, annotator="ann")
    assert project.undo(annotator="ann") == task.row_id
    assert project.next(annotator="ann")[0].row_id == task.row_id
    assert project.undo(annotator="ann") == rows[0]
    before = label_dict(project)
    assert before[rows[0], "ann"] != "zebra"
    assert project.undo(annotator="ann") == rows[1]
    assert project.next(annotator="ann")[0].row_id == rows[1]
    assert project.undo(annotator="ann") == rows[0]
    assert set(label_dict(project)) == {(other[0], "bob")}
    with pytest.raises(ValueError, match="annotator='ann' has done nothing"):
        project.undo(annotator="ann")


def test_deleted_labels_come_back_by_undo(tmp_path):
    with open_project(tmp_path, overlap=2) as project:
        (row,) = answer_rows(project, 1, "ann")
        answer_rows(project, 1, "bob")
        before = label_dict(project)
        project.delete(row, annotator="eve", whose="bob")
        assert set(label_dict(project)) == {(row, "ann")}
        with pytest.raises(ValueError, match=r"has labels of .'ann'., not of 'bob'"):
            project.delete(row, annotator="eve", whose="bob")
        project.delete(row, annotator="eve")
        assert label_dict(project) == {}
        project.undo(annotator="eve")
        project.undo(annotator="eve")
        assert label_dict(project) == before


def test_undo_keeps_what_others_have_answered_since(tmp_path):
    with open_project(tmp_path, overlap=2) as project:
        (row,) = answer_rows(project, 1, "ann")
        answer_rows(project, 1, "bob")
        before = label_dict(project)
        project.delete(row, annotator="eve")
        project.answer(row, "zebra", annotator="bob")
        project.undo(annotator="eve")
        assert label_dict(project) == before | {(row, "bob"): "zebra"}


def test_the_latest_verification_counts(tmp_path):
    with open_project(tmp_path, overlap=2) as project:
        (row,) = answer_rows(project, 1, "ann")
        answer_rows(project, 3, "bob")
        project.verify(row, "zebra", annotator="fay")
        project.verify(row, "cow", annotator="eve")
        project.refit()
        learned = project.classifier.labels_.query("verified")
        assert learned.label.tolist() == ["cow"]
        project.undo(annotator="eve")
        project.refit()
        assert project.classifier.labels_.query("verified").label.tolist() == ["zebra"]


def test_a_verified_label_settles_a_row(tmp_path):
    with open_project(tmp_path, overlap=3) as project:
        (row,) = answer_rows(project, 1, "ann")
        project.verify(row, "cow", annotator="eve")
        assert project.status()["complete"] == 1
        assert row not in {t.row_id for t in project.next(N_ROWS, annotator="bob")}
        project.refit()
        assert project.labels().verified.tolist() == [False, True]
        assert (project.classifier.label_trust_ == 1).all()


def test_classes_change_under_the_annotators(tmp_path):
    with open_project(tmp_path, classes=["ant", "bee", "cow"]) as project:
        rows = answer_rows(project, 6, "ann")
        given = label_dict(project)
        with pytest.raises(ValueError, match="label='fly' is none of the classes"):
            project.answer(rows[0], "fly", annotator="ann")
        project.rename_class("ant", "insect")
        (task,) = project.next(annotator="ann")
        project.answer(task.row_id, "ant", annotator="ann")  # read from an old screen
        assert label_dict(project)[task.row_id, "ann"] == "insect"
        project.merge_classes(["insect"], "bee")
        assert label_dict(project)[task.row_id, "ann"] == "bee"
        project.add_class("ant")
        assert project.classes == ["bee", "cow", "ant"]
        assert "ant" not in label_dict(project).values()
        project.remove_class("bee")
        kept = {key for key, label in given.items() if label == "cow"}
        assert set(label_dict(project)) == kept
        open_again = {t.row_id for t in project.next(N_ROWS, annotator="bob")}
        assert open_again == {t.row_id for t in project.next(N_ROWS, annotator="bob")}
        assert {row for row, _ in given.keys() - kept} <= open_again
        with pytest.raises(ValueError, match="'bee' was removed"):
            project.answer(rows[0], "bee", annotator="ann")
        for name in ("rename_class", "merge_classes", "remove_class"):
            wrong = {"rename_class": ("fly", "x"), "merge_classes": (["cow"], "fly")}
            with pytest.raises(ValueError, match="'fly' is none of the classes"):
                getattr(project, name)(*wrong.get(name, ("fly",)))
        with pytest.raises(ValueError, match="There is a class 'cow' already"):
            project.rename_class("ant", "cow")
        with pytest.raises(ValueError, match="There is a class 'cow' already"):
            project.add_class("cow")


def test_predictions_follow_renamed_classes(project):
    answer_rows(project, 12, "ann")
    project.refit()
    project.rename_class("ant", "insect")
    project.merge_classes(["bee"], "insect")
    (task,) = project.next(annotator="ann")
    assert set(task.proba) == {"insect", "cow"}
    assert sum(task.proba.values()) == pytest.approx(1, abs=1e-3)
    project.remove_class("cow")
    assert set(project.next(annotator="ann")[0].proba) == {"insect"}


def test_pools_grow_shrink_and_are_reordered(tmp_path):
    with open_project(tmp_path) as project:
        rows = answer_rows(project, 10, "ann")
        before = label_dict(project)
    with open_project(tmp_path, pool=POOL[::-1]) as project:
        assert label_dict(project) == before
        assert project.status()["edited"] == []
    with open_project(tmp_path, pool=np.concatenate([POOL[60:], POOL[:60] + 50])) as project:
        assert label_dict(project) == before
        assert project.status()["missing"]
        project.refit()
        shown = {task.row_id for task in project.next(N_ROWS, annotator="bob")}
        assert shown.isdisjoint(rows)
    with open_project(tmp_path) as project:
        assert project.status()["missing"] == []
        assert project.check() == []


def test_edited_rows_are_reported(tmp_path):
    with open_project(tmp_path, pool=TEXTS) as project:
        rows = [t.row_id for t in project.next(N_ROWS, annotator="ann")]
        for row in rows:
            project.answer(row, "ant", annotator="ann")
        ids = {project._content(bytes.fromhex(row)): row for row in rows}
    edited = ["a new first row", *TEXTS[:50], "row 50 edited", *TEXTS[52:]]
    edited[-1] = "last row edited"
    with open_project(tmp_path, pool=edited) as project:
        status = project.status()
        new = {project._content(bytes.fromhex(new)): old for old, new in status["edited"]}
        assert new == {"row 50 edited": ids[TEXTS[50]], "last row edited": ids[TEXTS[-1]]}
        assert set(status["missing"]) == {ids[TEXTS[i]] for i in (50, 51, N_ROWS - 1)}
        problems = project.check()
        assert sum("its place holds" in line for line in problems) == 2
        assert len(problems) == 3


@pytest.mark.parametrize("kind", ["texts", "frame", "numbers"])
def test_containers(tmp_path, kind):
    pools = {"texts": TEXTS, "frame": pd.DataFrame(POOL, columns=["a", "b"]), "numbers": POOL}
    estimator = ActiveClassifier(LogisticRegression(), strategy="random")
    with LabelingProject(tmp_path, pool=pools[kind], estimator=estimator, classes=[1, 2]) as p:
        (task,) = p.next(annotator="ann")
        position = p._positions[bytes.fromhex(task.row_id)]
        expected = pools[kind].iloc[position] if kind == "frame" else pools[kind][position]
        assert np.array_equal(task.row, expected)
        assert task == Task(task.row_id, task.row, {}, task.reasons)


def test_equal_rows_are_one_row(tmp_path):
    with open_project(tmp_path, pool=np.concatenate([POOL, POOL])) as project:
        assert project.status()["rows"] == N_ROWS
        assert len(project.next(2 * N_ROWS, annotator="ann")) == N_ROWS


@pytest.mark.parametrize("labels", [[0, 1, 2], [False, True], ["no", "yes"]])
def test_types_of_labels(tmp_path, labels):
    with open_project(tmp_path, pool=POOL[:6], classes=labels) as project:
        for i, task in enumerate(project.next(6, annotator="ann")):
            project.answer(task.row_id, np.array(labels)[i % len(labels)], annotator="ann")
        found = project.labels().label.tolist()
        assert {(type(y), y) for y in found} == {(type(y), y) for y in labels}
        with pytest.raises(ValueError, match="Give labels of one type"):
            project.answer(task.row_id, 1 if isinstance(labels[0], str) else "a", annotator="ann")


ERRORS = {
    "annotator=''": lambda p: p.next(annotator=""),
    r"annotator='a\\n'": lambda p: p.skip("00", annotator="a\n"),
    "n must be a whole number": lambda p: p.next(0, annotator="a"),
    "row_id='x' is no row": lambda p: p.answer("x", "ant", annotator="a"),
    "row_id=None is no row": lambda p: p.verify(None, "ant", annotator="a"),
    r"label='\\x1b' must be a text": lambda p: p.answer(first(p), "\x1b", annotator="a"),
    "contains NaN or None": lambda p: p.answer(first(p), None, annotator="a"),
    r"label=1.0 is a float": lambda p: p.answer(first(p), 1.0, annotator="a"),
    "seconds must be a number": lambda p: p.answer(first(p), "x", annotator="a", seconds=-1.0),
    "path='a.xls' ends in '.xls'": lambda p: p.export("a.xls"),
}


def first(project):
    return project.next(annotator="a")[0].row_id


@pytest.mark.parametrize("message", ERRORS)
def test_errors_change_nothing(project, message):
    with pytest.raises(ValueError, match=message):
        ERRORS[message](project)
    assert label_dict(project) == {}
    assert project.classes == []


def test_errors_of_the_constructor(tmp_path):
    with pytest.raises(ValueError, match="pool has no rows"):
        open_project(tmp_path, pool=[])
    with pytest.raises(ValueError, match="overlap must be a whole number"):
        open_project(tmp_path, overlap=0)
    with pytest.raises(ValueError, match="lease must be a positive number"):
        open_project(tmp_path, lease=0)


def test_a_closed_project_says_so(tmp_path):
    project = open_project(tmp_path)
    project.close()
    with pytest.raises(ValueError, match="is closed"):
        project.labels()
    assert repr(project) == f"LabelingProject({str(tmp_path)!r})"


def test_any_label_is_accepted_without_classes(project):
    assert project.classes == []
    answer_rows(project, 6, "ann")
    assert set(project.classes) == set(project.labels().label) <= set(LABELS.tolist())


@pytest.mark.parametrize("missing", [None, float("nan")])
@pytest.mark.parametrize("container", [list, tuple, pd.Series])
def test_rows_without_content_are_refused(tmp_path, container, missing):
    pool = container(["a", "b", missing, "c"])
    message = "holds (None|nan) at position 2, which nobody can label"
    with pytest.raises(ValueError, match=message):
        LabelingProject(tmp_path / "project", pool=pool, estimator=LogisticRegression())
    assert not (tmp_path / "project").exists()
