"""The callback helpers without scikit-learn's callbacks."""

import runpy
import sys
from contextlib import nullcontext

from sklearn.linear_model import LogisticRegression

from skactive._utils import callbacks


def test_without_scikit_learns_callbacks_nothing_is_notified(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    old = runpy.run_path(callbacks.__file__)
    context = old["CallbackSupportMixin"]()._init_callback_context(max_subtasks=3)
    assert not hasattr(old["CallbackSupportMixin"], "set_callbacks")
    with old["subtask_notifier"](None, context)("part", LogisticRegression()):
        assert context.call_on_fit_task_end(estimator=None) is False
    assert old["with_callbacks"](nullcontext) is nullcontext
