"""The code of docs/labeling_project.md runs."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from skactive import evaluation
from tests.support.projects import TEXTS, answer_rows, label_dict, open_project

PAGE = (Path(__file__).parents[2] / "docs" / "labeling_project.md").read_text(encoding="utf-8")
SECTIONS = {
    part.splitlines()[0]: re.findall(r"```python\n(.*?)```", part, flags=re.DOTALL)
    for part in PAGE.split("\n## ")
}


def test_an_audit_of_a_project(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = SECTIONS["Audits"]
    with open_project(tmp_path / "project", pool=TEXTS) as project:
        project._refit_in_background = lambda: None
        answer_rows(project, 12, "ann")
        names = {"project": project, "texts": TEXTS, "annotate": lambda text: text.split()[0]}
        exec(code, names)
        assert "balanced accuracy" in capsys.readouterr().out
        drawn, y = names["drawn"], names["table"]["label"]
        assert [TEXTS[i].split()[0] for i in drawn.positions] == y.tolist()
        assert sum(who == "auditor" for _, who in label_dict(project)) == 30
        again = evaluation.Audit(drawn.positions, drawn.inclusion, TEXTS)
        reports = [
            evaluation.report(project.classifier, TEXTS, audit=audit, y=y)
            for audit in (drawn, again)
        ]
        assert str(reports[0]) == str(reports[1])
        assert "without an audit" not in str(reports[0])


def test_imports_of_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    removal, label_studio = SECTIONS["Exchange"]
    rows = {"text": TEXTS[:3], "label": ["ant", "bee", "cow"]}
    pd.DataFrame(rows).to_csv("old_labels.csv", index=False)
    columns = {
        "annotation_id": [1, 2, 3],
        "annotator": [1, 1, 2],
        "created_at": "2026-01-31T18:30:00.123456Z",
        "lead_time": [3.5, np.nan, 1],
        "sentiment": ["ant", "bee", np.nan],
        "text": TEXTS[:3],
    }
    pd.DataFrame(columns).to_csv("label_studio.csv", index=False)
    with open_project(tmp_path / "project", pool=TEXTS) as project:
        project._refit_in_background = lambda: None
        answer_rows(project, 1, "ann")
        before = project.labels()
        names = {"project": project, "pd": pd}
        exec(removal, names)
        assert len(names["table"]) == 4
        pd.testing.assert_frame_equal(project.labels(), before)
        exec(label_studio, names)
        found = project.labels().query("annotator == '1'")
        assert sorted(found.label) == ["ant", "bee"]
        assert found.seconds.dropna().tolist() == [3.5]
        assert set(found.time) == {pd.Timestamp("2026-01-31T18:30:00.123456Z")}
