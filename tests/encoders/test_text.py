"""Rows that SentenceEncoder accepts."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skactive._data.row_keys import row_keys
from skactive.encoders import SentenceEncoder
from tests.support.encoders import TEXTS


@pytest.mark.parametrize(
    "container",
    [
        list,
        tuple,
        np.array,
        lambda t: np.array(t, dtype=object),
        lambda t: np.array(t, dtype=object)[:, None],
        lambda t: [np.str_(text) for text in t],
        lambda t: pd.Series(t, index=range(10, 16)),
        lambda t: pd.Series(t, dtype="string"),
        lambda t: pd.DataFrame({"text": t}),
        pl.Series,
        lambda t: pl.DataFrame({"text": t}),
    ],
)
def test_texts_come_in_many_containers(container):
    encoder = SentenceEncoder(verbose=False)
    np.testing.assert_array_equal(encoder.transform(container(TEXTS)), encoder.transform(TEXTS))


@pytest.mark.parametrize("wrong", [None, np.nan, pd.NA, b"bytes", 3, ["nested"]])
@pytest.mark.parametrize(
    "container", [list, lambda t: np.array(t, dtype=object), lambda t: pd.Series(t, dtype=object)]
)
def test_invalid_texts_are_named(container, wrong):
    rows = container(["good", "good too", None])
    rows[2] = wrong
    encoder = SentenceEncoder(verbose=False)
    with pytest.raises(TypeError, match=r"X\[2\] is .*, not a str\. (Drop|Decode)"):
        encoder.transform(rows)
    with pytest.raises(TypeError, match=r"texts\[2\] is .*, not a str"):
        encoder.encode_prompts(rows)


def test_bytes_are_refused():
    with pytest.raises(TypeError, match=r"X\[0\] is b'a' \(a bytes\), not a str\. Decode it"):
        SentenceEncoder().transform(np.array([b"a"]))


def test_texts_that_no_tokenizer_reads_are_named():
    with pytest.raises(ValueError, match=r"X\[1\] cannot be encoded as UTF-8 .* Repair it"):
        SentenceEncoder().transform(["good", "a lone \ud800 surrogate"])


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_of_several_columns_are_refused(frame):
    with pytest.raises(ValueError, match=r"X has 2 columns; an encoder takes one"):
        SentenceEncoder().transform(frame({"a": ["x"], "b": ["y"]}))
    with pytest.raises(ValueError, match=r"X has shape \(1, 2\)"):
        SentenceEncoder().transform(np.array([["x", "y"]]))


def test_embeddings_match_texts_to_prompts():
    encoder = SentenceEncoder(verbose=False)
    rows = encoder.transform(["a cat sat on the mat", "stock prices fell sharply"])
    prompts = encoder.encode_prompts(["animals", "finance"])
    assert (rows @ prompts.T).argmax(axis=1).tolist() == [0, 1]


def test_known_keys_give_the_same_embeddings():
    encoder = SentenceEncoder(verbose=False)
    rows = np.array(TEXTS, dtype=object)
    known = encoder.transform_with_keys(rows, row_keys(rows))
    np.testing.assert_array_equal(known, encoder.transform(TEXTS))
    assert SentenceEncoder.takes_row_keys
