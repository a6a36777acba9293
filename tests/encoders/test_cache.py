"""The row caches in memory and on disk, with several processes and a killed one."""

import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skactive.encoders.cache import DiskRows, MemoryRows, open_cache
from tests.support.cache import check, fill, key, row

_HELPERS = """
import os, sys
from pathlib import Path
from skactive.encoders.cache import DiskRows, open_cache
from tests.support.cache import check, fill
folder = Path(sys.argv[1])
"""


@pytest.fixture(params=["memory", "disk"])
def cache(request, tmp_path):
    return MemoryRows() if request.param == "memory" else DiskRows(tmp_path)


def test_empty(cache):
    check(cache, [], set())
    check(cache, [1, 2], set())


@given(
    stored=st.lists(st.lists(st.integers(0, 30), unique=True, min_size=1), max_size=4),
    requested=st.lists(st.lists(st.integers(0, 40)), max_size=4),
)
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_stored_rows_are_returned(tmp_path_factory, stored, requested):
    for cache in (MemoryRows(), DiskRows(tmp_path_factory.mktemp("rows"))):
        known = set()
        for numbers in stored:
            fill(cache, numbers)
            known |= set(numbers)
        for numbers in requested:
            check(cache, numbers, known)
            check(cache, numbers, known)  # a read changes nothing


def test_first_row_stays(cache):
    fill(cache, [1, 2])
    cache.put([key(2), key(3)], np.stack([row(99), row(3)]))
    check(cache, [1, 2, 3], {1, 2, 3})


def test_threads_share_a_cache(cache):
    errors = []

    def work(start):
        try:
            for i in range(start, start + 40, 4):
                fill(cache, range(i, i + 4))
                check(cache, [i, i + 3], {i, i + 3})
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 20, 40, 60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    check(cache, range(100), set(range(100)))


def test_memory_is_bounded_and_the_oldest_rows_are_evicted():
    width, block = 2**17, 2**22
    cache = MemoryRows(max_bytes=3 * block)  # 7 rows a block
    for n in range(40):
        cache.put([key(n)], row(n, width)[None])
        assert sum(b.rows.nbytes for b in cache._blocks.values()) <= 3 * block
    hits, rows = cache.get([key(n) for n in range(40)])
    assert hits.tolist() == list(range(21, 40))
    np.testing.assert_array_equal(rows[-1], row(39, width))
    assert len(cache._slots) == 19


def test_the_keys_of_narrow_rows_count():
    tracemalloc.start()
    try:
        cache = MemoryRows(max_bytes=2**24)
        for start in range(0, 200_000, 5000):
            keys = [number.to_bytes(16, "big") for number in range(start, start + 5000)]
            cache.put(keys, np.zeros((5000, 4), np.float32))
        assert 0.7 * 2**24 < tracemalloc.get_traced_memory()[1] < 1.1 * 2**24
    finally:
        tracemalloc.stop()


def test_memory_holds_rows_of_several_widths_under_one_bound():
    cache = MemoryRows(max_bytes=2**23)  # two blocks
    fill(cache, range(10))
    cache.put([key(50)], row(50, 2**17)[None])
    check(cache, range(10), set(range(10)))
    cache.put([key(51)], row(51, 2**16)[None])  # a third block: the first goes
    check(cache, range(10), set())
    fill(cache, range(3))
    check(cache, range(10), set(range(3)))


def test_memory_accepts_more_rows_at_once_than_it_keeps():
    width = 2**17
    cache = MemoryRows(max_bytes=2**22)
    cache.put([key(n) for n in range(20)], np.stack([row(n, width) for n in range(20)]))
    hits, rows = cache.get([key(n) for n in range(20)])
    assert hits.tolist() == [14, 15, 16, 17, 18, 19]
    np.testing.assert_array_equal(rows[0], row(14, width))


def test_disk_grows_beyond_its_map(tmp_path):
    cache = DiskRows(tmp_path, map_bytes=2**16)
    fill(cache, range(2000), width=64)
    hits, rows = cache.get([key(n) for n in range(2000)])
    assert len(hits) == 2000
    np.testing.assert_array_equal(rows[1999], row(1999, 64))


def test_disk_outlives_the_process(tmp_path):
    run("fill(DiskRows(folder), range(50))", tmp_path)
    check(DiskRows(tmp_path), range(60), set(range(50)))


def test_a_kill_during_a_write_loses_no_acknowledged_row(tmp_path):
    writer = run(
        "cache = DiskRows(folder, map_bytes=2**16)\n"
        "for n in range(0, 10**9, 20):\n"
        "    fill(cache, range(n, n + 20))\n"
        "    print(n + 20, flush=True)\n",
        tmp_path,
        wait=False,
    )
    acknowledged = 0
    for line in writer.stdout:
        acknowledged = int(line)
        if acknowledged >= 400:
            break
    os.kill(writer.pid, signal.SIGKILL)
    acknowledged = max([acknowledged, *map(int, writer.stdout)])
    assert finish(writer)[0] == -signal.SIGKILL

    cache = DiskRows(tmp_path)
    check(cache, range(acknowledged), set(range(acknowledged)))
    fill(cache, range(10**9, 10**9 + 5))  # the lock of the killed process is free
    check(cache, [10**9], {10**9})


def test_two_processes_write_at_once(tmp_path):
    script = (
        "cache = DiskRows(folder, map_bytes=2**16)\n"
        "for n in range({0}, {0} + 600, 30):\n"
        "    fill(cache, range(n, n + 30))\n"
        "    check(cache, range(n, n + 30), set(range(n, n + 30)))\n"
    )
    # The ranges overlap, and each process makes the map grow.
    writers = [run(script.format(start), tmp_path, wait=False) for start in (0, 300)]
    mine = DiskRows(tmp_path, map_bytes=2**16)
    deadline = time.monotonic() + 60
    while any(writer.poll() is None for writer in writers) and time.monotonic() < deadline:
        time.sleep(0.005)
        hits, rows = mine.get([key(n) for n in range(900)])
        for position, found in zip(hits[:5], [] if rows is None else rows[:5], strict=False):
            np.testing.assert_array_equal(found, row(int(position)))
    assert [finish(writer) for writer in writers] == [(0, ""), (0, "")]
    check(mine, range(900), set(range(900)))


def test_a_row_that_another_process_writes_between_two_parts_of_a_read(tmp_path, monkeypatch):
    cache = DiskRows(tmp_path)
    others = [key(i) for i in range(1, 2048)]
    release = cache._release_pages

    def write_meanwhile(n_rows):
        release(n_rows)
        monkeypatch.setattr(cache, "_release_pages", release)
        with cache._env.begin(write=True) as transaction:
            transaction.put(key(0), row(0).tobytes())

    monkeypatch.setattr(cache, "_release_pages", write_meanwhile)
    hits, rows = cache.get([key(0), *others, key(0)])
    assert hits.tolist() == [2048]
    np.testing.assert_array_equal(rows, row(0)[None])


def test_a_folder_is_opened_once(tmp_path):
    assert open_cache(tmp_path) is open_cache(str(tmp_path / "sub" / ".."))
    assert open_cache(tmp_path) is not open_cache(tmp_path / "other")
    assert open_cache(None) is open_cache(None)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_may_use_the_store(tmp_path):
    run(
        "import os\n"
        "fill(open_cache(folder), range(5))\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    check(open_cache(folder), range(5), set(range(5)))\n"
        "    fill(open_cache(folder), range(5, 9))\n"
        "    os._exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "check(open_cache(folder), range(9), set(range(9)))\n",
        tmp_path,
    )


def test_a_folder_that_cannot_be_created_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"cache_dir='.*file' cannot be used .* Give a folder"):
        open_cache(tmp_path / "file")


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    import lmdb

    cache = DiskRows(tmp_path)
    fill(cache, range(3))

    def full(items):
        raise lmdb.DiskError("No space left on device")

    monkeypatch.setattr(cache, "_write", full)
    with pytest.raises(OSError, match=r"could not be written .*No space.* Free some space"):
        fill(cache, range(3, 5))
    check(cache, range(5), set(range(3)))


def test_a_truncated_file_is_replaced(tmp_path):
    """In another process, since reading beyond the end of the file would kill this one."""
    for kept in (1, 5000, 2 * 4096 + 7, 0.3, 0.9, 0.999):  # bytes, or a fraction
        store = DiskRows(tmp_path / str(kept))
        fill(store, range(300), width=384)
        store.close()
        file = tmp_path / str(kept) / "skactive-rows-1" / "data.mdb"
        os.truncate(file, int(kept * file.stat().st_size) if kept < 1 else kept)
    run(
        "import warnings\n"
        "for folder in sorted(folder.iterdir()):\n"
        "    with warnings.catch_warnings(record=True) as caught:\n"
        "        warnings.simplefilter('always')\n"
        "        cache = open_cache(folder)\n"
        "    (warning,) = [str(each.message) for each in caught]\n"
        "    assert 'truncated' in warning and repr(str(folder)) in warning\n"
        "    check(cache, range(300), set())\n"
        "    fill(cache, range(300))\n"
        "    check(cache, range(300), set(range(300)))\n"
        "    cache.close()\n"
        "    check(DiskRows(folder), range(300), set(range(300)))\n",
        tmp_path,
    )


@pytest.mark.parametrize("width", [1, 384, 1100, 3000])
def test_a_complete_file_is_never_replaced(width, tmp_path):
    known = set()
    for start in range(0, 200, 25):  # a map that is full grows; a warning would be an error
        cache = DiskRows(tmp_path, map_bytes=2**16)
        fill(cache, range(start, start + 25), width)
        known |= set(range(start, start + 25))
        hits, _ = cache.get([key(n) for n in range(300)])
        assert set(hits.tolist()) == known
        cache.close()


def run(script, folder, wait=True):
    """Run a script in another process, with the helpers and the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HELPERS + script, str(folder)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    limit = threading.Timer(60, process.kill)
    limit.daemon = True
    limit.start()
    if wait:
        assert finish(process) == (0, "")
    return process


def finish(process):
    """Wait for the process, and return its exit code and its errors."""
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors
