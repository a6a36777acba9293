"""The output of transformers may be configured globally: nothing depends on it."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from skactive import SoftmaxHead, TableEncoder
from tests.support.active import X, Y, make_active

TABLE = pd.DataFrame(X.copy(), columns=list("abcd"))
TABLE.iloc[3, 1] = np.nan
FRAMES = {"pandas": TABLE, "polars": pl.from_pandas(TABLE)}


@pytest.mark.parametrize("n_components", [0, 10])
@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_table_encoder(output, n_components):
    encoder = TableEncoder(n_components=n_components)
    expected = encoder.fit_transform(TABLE)
    with config_context(transform_output=output):
        found = encoder.fit_transform(FRAMES[output])
        again = encoder.transform(FRAMES[output])
    assert type(found).__module__.startswith(output)
    np.testing.assert_array_equal(np.asarray(found), expected)
    np.testing.assert_array_equal(np.asarray(again), expected)


@pytest.mark.parametrize(
    "steps",
    [[TableEncoder(n_components=5)], [StandardScaler()], [Normalizer()]],
    ids=["TableEncoder", "StandardScaler", "Normalizer"],
)
@pytest.mark.parametrize("head", [SoftmaxHead(), LogisticRegression()], ids=["softmax", "logistic"])
def test_active_classifier(steps, head):
    table = TABLE.fillna(0.0)

    def loop():
        clf = make_active(make_pipeline(*steps, head))
        asked = clf.query(table, 20)
        clf.partial_fit(table.iloc[asked], Y[asked])
        return clf.query(table, 5), clf.predict_proba(table)

    expected = loop()
    with config_context(transform_output="pandas"):
        found = loop()
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], atol=1e-9)
