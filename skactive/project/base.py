"""BaseProject: the folder, the log, its replay and the pool behind the public methods."""

import gc
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from skactive._data.estimator_digest import estimator_digest
from skactive._data.row_keys import row_keys
from skactive._utils.compat import n_rows
from skactive._utils.locks import object_lock
from skactive._utils.validation import check_count, check_is_container, check_labels
from skactive.active import ActiveClassifier
from skactive.pools.pool import as_pool
from skactive.project.event_log import Event, EventLog
from skactive.project.project_state import ProjectState

_KEY_SIZE = 16  # bytes


class BaseProject:
    """Private part of a labeling project. Subclasses define the public methods."""

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        pool: Any,
        estimator: Any,
        classes: Sequence[Any] | None = None,
        overlap: int = 1,
        lease: float = 600,
    ) -> None:
        pool = as_pool(pool)
        check_is_container(pool, "pool")
        if n_rows(pool) == 0:
            raise ValueError("pool has no rows. Give at least one row to label.")
        if not lease > 0:
            raise ValueError(f"lease must be a positive number of seconds; got {lease!r}.")
        self.path = Path(path)
        self._overlap = check_count(overlap, "overlap")
        self._lease = round(lease * 1e6)
        self._estimator = _as_active(estimator)
        self.pool = pool
        joined = np.ascontiguousarray(row_keys(pool)).tobytes()
        self._keys = _split_keys(joined)
        self._estimator_digest = estimator_digest(self._estimator)
        self._pool_digest = blake2b(joined, digest_size=16).hexdigest()
        self._positions = dict(zip(reversed(self._keys), range(n_rows(pool))[::-1], strict=True))
        (missing,) = _split_keys(row_keys([None]).tobytes())  # NaN and pandas.NA have this key, too
        if missing in self._positions:
            raise ValueError(
                f"pool holds {self._content(missing)} at position {self._positions[missing]}, "
                "which nobody can label. Leave such rows out."
            )
        self._accepts_new_classes = classes is None
        self._log = EventLog(self.path)
        self._state = ProjectState()
        with _without_garbage_collection(), self._reading():
            pass  # a long replay, while others may write
        with self._writing() as events:
            events += self._pool_events(joined)
            if self._state.estimator != self._estimator_digest:
                events.append(Event("estimator_changed", data=self._estimator_digest))
            new = [] if classes is None else list(dict.fromkeys(self._check_labels(classes)))
            known = self._state.classes.knows
            events += [Event("class_added", label=_encode(name)) for name in new if not known(name)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    @contextmanager
    def _writing(self, *, durable: bool = True) -> Iterator[list[Event]]:
        """Store the events that the with block lists; no other process writes meanwhile."""
        with object_lock(self):
            events: list[Event] = []
            with self._log.transaction(durable=durable):
                self._catch_up()
                yield events
                self._log.append(events)
            self._catch_up()
            if any(event.kind not in ("leased", "queried", "fitted") for event in events):
                self._log.settle()

    @contextmanager
    def _reading(self) -> Iterator[ProjectState]:
        """The present state, which no thread changes during the with block."""
        with object_lock(self):
            self._catch_up()
            yield self._state

    def _catch_up(self) -> None:
        """Replay what other processes have stored."""
        self._state.apply(self._log.read(self._state.last_event))

    def _pool_events(self, joined: bytes) -> list[Event]:
        """How the pool differs from the one that was opened before."""
        event = self._state.pool_event
        before = self._log.data(event) if event else b""
        if before == joined:
            return []
        edited = _edited_rows(_split_keys(before), self._keys)
        opened = Event("pool_opened", data=joined)
        return [opened, *(Event("row_edited", row=old, data=new) for old, new in edited)]

    def _row(self, row_id: str) -> bytes:
        """Row key of a row of the pool, or of a row that was answered earlier."""
        try:
            row = bytes.fromhex(row_id)
        except (TypeError, ValueError):
            row = b""
        if row not in self._positions and row not in self._state.answers:
            raise ValueError(
                f"row_id={row_id!r} is no row of the pool. Give the row_id of a Task, or one from "
                "labels()."
            )
        return row

    def _content(self, row: bytes) -> Any:
        position = self._positions[row]
        return self.pool.iloc[position] if hasattr(self.pool, "iloc") else self.pool[position]

    def _check_labels(self, labels: Sequence[Any]) -> list[Any]:
        """Check labels, and convert them to str, int or bool."""
        known = self._state.classes.names
        earlier = check_labels(known, None) if known else None
        checked = check_labels(list(labels), earlier, "label").tolist() if len(labels) else []
        for label in checked:
            if isinstance(label, float):
                raise ValueError(f"label={label!r} is a float. Give labels of type str or int.")
            if isinstance(label, str):
                check_name(label, "label")
        return checked

    def _class_events(self, labels: Sequence[Any]) -> list[Event]:
        """Add the classes that occur for the first time, or raise an error."""
        removed = [old for old, name in self._state.classes.former.items() if name is None]
        for label in labels:
            if label in removed:
                raise ValueError(f"label={label!r} was removed. Use add_class to add it again.")
        new = [label for label in dict.fromkeys(labels) if not self._state.classes.knows(label)]
        if new and not self._accepts_new_classes:
            raise ValueError(
                f"label={new[0]!r} is none of the classes {self._state.classes.names}. Add it by "
                "add_class, or open the project with classes=None."
            )
        return [Event("class_added", label=_encode(label)) for label in new]


def check_name(name: Any, argument: str) -> str:
    """Check the name of an annotator or of a class.

    Parameters
    ----------
    name : str
        Not empty, without control characters.
    argument : str
        Name of the argument, for the message.

    Returns
    -------
    name : str
        The same name.
    """
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise ValueError(
            f"{argument}={name!r} must be a text that is not empty and has no control characters."
        )
    return name


def _encode(label: Any) -> str:
    return json.dumps(label, ensure_ascii=False)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """The objects of a replay stay: looking for garbage among them doubles its time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _as_active(estimator: Any) -> ActiveClassifier:
    if not isinstance(estimator, ActiveClassifier):
        estimator = ActiveClassifier(estimator)
    if estimator.random_state is None:  # a replay of the log must give the same classifier
        params = estimator.get_params(deep=False) | {"random_state": 0}
        estimator = ActiveClassifier(**params)
    return estimator


def _split_keys(joined: bytes) -> list[bytes]:
    return [joined[i : i + _KEY_SIZE] for i in range(0, len(joined), _KEY_SIZE)]


def _edited_rows(before: list[bytes], after: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Pairs of an old row that is gone and the new row in its place.

    The place of a row is behind the row that it followed before, so rows may be inserted, removed
    and moved elsewhere.
    """
    place = {key: position for position, key in enumerate(after)}
    earlier, edited, previous = set(before), [], -1
    for key in before:
        position = place.get(key)
        if position is None and previous + 1 < len(after) and after[previous + 1] not in earlier:
            position = previous + 1
            edited.append((key, after[position]))
        previous = previous if position is None else position
    return edited
