"""Peak memory of jobs on pools that are several times larger than it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.pools import parquet_file, write_embeddings

ROOT = Path(__file__).parents[2]
MEASURE = """
import sys
from pathlib import Path
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from skactive import ActiveClassifier, ZeroShotClassifier
from skactive._data import containers
from skactive.pools import Pool
from tests.support.pools import DigestEncoder, resident_bytes

# blocks as small as the pool, so that the test is fast
containers._BLOCK, containers._ITEMS = 2**20, 2**11
kind, path, width = sys.argv[1], sys.argv[2], int(sys.argv[3])

def job(pool):
    head = LogisticRegression(max_iter=20)
    prior = ZeroShotClassifier(class_embeddings=np.eye(2, width), classes=["a", "b"])
    if kind == "text":
        encoder = DigestEncoder(width, cache_dir=Path(path).parent / "cache")
        head = make_pipeline(encoder, head)
        prior = ZeroShotClassifier({"a": "a", "b": "b"}, encoder=encoder)
    clf = ActiveClassifier(head, strategy="margin", prior=prior, random_state=0)
    asked = clf.query(pool, 4)
    clf.partial_fit(pool[asked], ["a", "b", "a", "b"])
    clf.query(pool, 4)
    return clf.predict(pool)

small = np.random.default_rng(0).normal(size=(50, width))
job(Pool.open([f"small {i}" for i in range(50)] if kind == "text" else small))
pool = Pool.open(path)
before = resident_bytes("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # the peak begins again
job(pool)
print(resident_bytes("VmHWM") - before)
"""


def peak_of(kind, path, width):
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, kind, str(path), str(width)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
@pytest.mark.parametrize("kind", ["npy", "parquet", "zarr"])
def test_embeddings_several_times_larger_than_the_memory_used(kind, tmp_path):
    # zarr decodes several chunks at once, in threads that keep some memory each
    n, width = 200_000 if kind == "zarr" else 100_000, 1024
    path = tmp_path / "rows.npy"
    write_embeddings(path, n, width)
    rows = np.load(path, mmap_mode="r")
    if kind == "parquet":
        path = parquet_file(tmp_path, row_group_size=n, embedding=rows)
    elif kind == "zarr":
        path = tmp_path / "rows.zarr"
        zarr = pytest.importorskip("zarr")
        zarr.create_array(path, data=rows, chunks=(512, width), compressors=None)
    assert peak_of(kind, path, width) < 4 * n * width / 3


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_texts_whose_embeddings_are_larger_than_the_memory_used(tmp_path):
    n, width = 60_000, 2048
    path = parquet_file(tmp_path, row_group_size=n, text=[f"text {i}" for i in range(n)])
    assert peak_of("text", path, width) < 4 * n * width / 2
