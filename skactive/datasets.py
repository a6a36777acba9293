"""Real texts that every machine already has, and two ways to make labeled data harder."""

import importlib
import inspect
import re
import sys
import warnings
from collections.abc import Iterator
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from skactive._data.containers import take
from skactive._data.folders import load_folder

__all__ = ["CLASS_PROMPTS", "flip_labels", "load_folder", "load_scipy_docs", "make_long_tailed"]

# Written from what each subpackage is for, before any accuracy was measured, and never tuned.
CLASS_PROMPTS: dict[str, str] = {
    "cluster": "Clustering: grouping observations by k-means, vector quantization or hierarchical "
    "linkage.",
    "fft": "Fast Fourier transforms and discrete sine and cosine transforms of arrays.",
    "integrate": "Numerical integration: quadrature of functions and samples, and solving ordinary "
    "differential equations.",
    "interpolate": "Interpolation and smoothing of data with splines, polynomials and radial basis "
    "functions.",
    "io": "Reading and writing data files in formats such as MATLAB, NetCDF, WAV and ARFF.",
    "linalg": "Linear algebra with dense matrices: decompositions, systems of equations, "
    "eigenvalues and matrix functions.",
    "ndimage": "Processing of multidimensional images: filters, morphology, geometric transforms "
    "and measurements of labeled regions.",
    "optimize": "Optimization: minimizing functions, finding roots, fitting curves and linear "
    "programming.",
    "signal": "Signal processing: filter design, convolution, spectral analysis, window functions "
    "and linear systems.",
    "sparse": "Sparse matrices and arrays: storage formats, sparse linear algebra and graph "
    "algorithms.",
    "spatial": "Spatial data structures and geometry: nearest neighbors, triangulations, convex "
    "hulls, distances and rotations.",
    "special": "Special functions of mathematical physics: gamma, Bessel, error, elliptic and "
    "hypergeometric functions, orthogonal polynomials.",
    "stats": "Statistics: probability distributions, hypothesis tests, summary statistics, "
    "correlation and random sampling.",
}
"""One sentence for each label of :func:`load_scipy_docs`: what that subpackage is for."""

# Where SciPy's own reference goes below a subpackage. Its other submodules are private or
# deprecated, and some of these are missing from older versions.
_NAMESPACES = {
    "cluster": ("hierarchy", "vq"),
    "io": ("arff", "matlab", "wavfile"),
    "linalg": ("blas", "interpolative", "lapack"),
    "optimize": ("elementwise",),
    "signal": ("windows",),
    "sparse": ("csgraph", "linalg"),
    "spatial": ("distance", "transform"),
    "stats": ("contingency", "mstats", "qmc", "sampling"),
}

# A call signature, the head of a section ("Parameters ----------"), a directive.
_NO_PROSE = re.compile(r"[\w.]+\(.*\)( *->.*)?|\w+ ---.*|\.\. .*")


def load_scipy_docs() -> tuple[list[str], np.ndarray]:
    """Short real texts in thirteen unequal classes: what SciPy says of its own functions.

    One text for every public function, class and public method of thirteen subpackages of the
    installed SciPy: the object's name and the first paragraph of its docstring. The label is the
    subpackage, and its name is taken out of the text wherever it stands as a word of its own.
    Equal texts are kept once. None of it is downloaded or read from a file.

    Returns
    -------
    texts : list of str of length n
        About 2,900 with SciPy 1.17; the number follows the installed version.
    labels : str array of shape (n,)
        One of the keys of `CLASS_PROMPTS`. The largest class ("sparse") has about 20 times as
        many texts as the smallest ("fft"). The order is the same in every process.

    Raises
    ------
    RuntimeError
        If the docstrings are not there, because Python was started with ``-OO``.

    Examples
    --------
    >>> from skactive.datasets import load_scipy_docs
    >>> texts, labels = load_scipy_docs()
    >>> texts[0], str(labels[0])
    ('ClusterNode: A tree node class for representing a.', 'cluster')
    """
    if sys.flags.optimize > 1:
        raise RuntimeError(
            "Python was started with -OO or PYTHONOPTIMIZE=2, which strips docstrings, so SciPy "
            "has none to read. Start it without."
        )
    label_of: dict[str, str] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what SciPy deprecates is no concern of the reader's
        for label in CLASS_PROMPTS:
            for name, documented in _public_objects(label):
                paragraph = _first_paragraph(documented)
                if paragraph:
                    label_of.setdefault(_without(label, f"{name}: {paragraph}"), label)
    return list(label_of), np.array(list(label_of.values()))


def _public_objects(label: str) -> Iterator[tuple[str, Any]]:
    for name, member in _public_members(label):
        yield name, member
        if inspect.isclass(member):
            for method_name, method in _own_methods(member):
                yield f"{name}.{method_name}", method


def _public_members(label: str) -> Iterator[tuple[str, Any]]:
    for namespace in ("", *_NAMESPACES.get(label, ())):
        try:
            module = importlib.import_module(f"scipy.{label}.{namespace}".rstrip("."))
        except ImportError:  # not in this version
            continue
        for name in sorted(set(getattr(module, "__all__", dir(module)))):
            member = getattr(module, name, None)
            if callable(member) and not name.startswith("_"):
                yield name, member


def _own_methods(cls: type) -> Iterator[tuple[str, Any]]:
    """Public methods, inherited ones too, but none that dict or Exception brought."""
    names: dict[bool, set[str]] = {True: set(), False: set()}
    for base in cls.__mro__:
        names[base.__module__.startswith("scipy.")].update(vars(base))
    for name in sorted(names[True] - names[False]):
        method = getattr(cls, name, None)
        # A class attribute such as `dtype = float` is callable but no method.
        if inspect.isroutine(method) and not name.startswith("_"):
            yield name, method


def _first_paragraph(documented: Any) -> str:
    for paragraph in (inspect.getdoc(documented) or "").split("\n\n"):
        line = " ".join(paragraph.split())
        if line and not _NO_PROSE.fullmatch(line):
            return line
    return ""


def _without(label: str, text: str) -> str:
    as_prefix, as_word = rf"(\bscipy\.)?\b{label}\.(?=\w)", rf"[ .]?\b{label}\b"
    return re.sub(f"{as_prefix}|{as_word}", "", text, flags=re.IGNORECASE).removeprefix(": ")


def make_long_tailed(
    X: Any,
    y: Any,
    ratio: float,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[Any, Any]:
    """Drop rows until the largest class is `ratio` times the smallest.

    The classes are put in a random order, and their sizes fall exponentially along it (the
    profile of [1]_). As many rows are kept as this allows, in the order in which they came.

    Parameters
    ----------
    X : array, sparse matrix, DataFrame or list of length n
        The rows, of any kind. ``np.arange(n)`` here gives the positions of the rows kept.
    y : array-like of shape (n,)
        Their labels, of any type.
    ratio : float, at least 1
        Size of the largest class over the size of the smallest.
    random_state : int, RandomState or None, default=None
        Decides the order of the classes and the rows kept. None: another choice at every call.

    Returns
    -------
    X, y
        The rows kept and their labels, in containers of the kinds given.

    Raises
    ------
    ValueError
        If `ratio` is below 1, if X and y differ in length, if y has a single class, or if a class
        is too small for its place in the order.

    References
    ----------
    .. [1] Cui, Jia, Lin, Song and Belongie, "Class-balanced loss based on effective number of
       samples", CVPR 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.datasets import make_long_tailed
    >>> y = np.repeat(["a", "b", "c"], 100)
    >>> rows, y_kept = make_long_tailed(np.arange(300), y, ratio=25, random_state=0)
    >>> np.unique(y_kept, return_counts=True)
    (array(['a', 'b', 'c'], dtype='<U1'), array([100,  20,   4]))
    """
    if not (isinstance(ratio, Real) and 1 <= ratio < np.inf):
        raise ValueError(
            f"ratio must be a number of at least 1, got {ratio!r}: it is the size of the largest "
            "class over the size of the smallest."
        )
    check_consistent_length(X, y)
    classes, codes, counts = _classes_of(y)
    rng = _generator(random_state)
    places = rng.permutation(len(classes))
    relative = float(ratio) ** (places / (len(classes) - 1))
    smallest = int((counts / relative).min())
    if smallest < 1:
        short = (counts / relative).argmin()
        raise ValueError(
            f"class {classes[short].item()!r} has {counts[short]} rows, and would need "
            f"{int(np.ceil(relative[short]))} at its place in the order with ratio={ratio!r}. "
            "Lower ratio, give more rows, or try another random_state."
        )
    # The small addend undoes the rounding of powers that are whole numbers: 25 ** 0.5 * 4.
    sizes = np.minimum(counts, (smallest * relative + 1e-9).astype(int))
    kept = [
        rng.choice(np.flatnonzero(codes == code), size, replace=False)
        for code, size in enumerate(sizes)
    ]
    positions = np.sort(np.concatenate(kept))
    return take(X, positions), take(y, positions)


def flip_labels(
    y: ArrayLike,
    rate: float,
    random_state: int | np.random.RandomState | None = None,
    kind: Literal["symmetric", "pairflip"] = "symmetric",
) -> np.ndarray:
    """Labels as an annotator gives them who is wrong with probability `rate`.

    Parameters
    ----------
    y : array-like of shape (n,)
        The true labels, of any type. They are not changed.
    rate : float in [0, 1]
        The probability of each label, whatever its class, to be replaced by another one. With one
        seed and kind, what a low rate replaces a higher rate replaces too, by the same label.
    random_state : int, RandomState or None, default=None
        Decides which labels are replaced, and by what. None: another choice at every call.
    kind : {"symmetric", "pairflip"}, default="symmetric"
        What a wrong label is: any of the other classes of y with equal chances, or the next class
        in sorted order (after the last, the first): one class is always mistaken for one other.

    Returns
    -------
    y : array of shape (n,)
        A new array of the same dtype.

    Raises
    ------
    ValueError
        If `rate` is not in [0, 1], if `kind` is unknown, or if y has a single class.

    Examples
    --------
    >>> from skactive.datasets import flip_labels
    >>> flip_labels([0, 1, 2, 0, 1, 2], rate=0.5, random_state=0, kind="pairflip")
    array([0, 1, 2, 0, 2, 2])
    """
    if not (isinstance(rate, Real) and 0 <= rate <= 1):
        raise ValueError(f"rate must be a probability between 0 and 1, got {rate!r}.")
    if kind not in ("symmetric", "pairflip"):
        raise ValueError(f"kind must be 'symmetric' or 'pairflip', got {kind!r}.")
    classes, codes, _ = _classes_of(y)
    rng = _generator(random_state)
    wrong = rng.uniform(size=len(codes)) < rate
    step = rng.randint(1, len(classes), size=len(codes)) if kind == "symmetric" else 1
    return classes[(codes + step * wrong) % len(classes)]


def _classes_of(y: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    y = column_or_1d(y)
    check_classification_targets(y)
    classes, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise ValueError(
            f"y has {len(classes)} class(es), {classes.tolist()}: give labels of at least two."
        )
    return classes, codes, counts


def _generator(random_state: int | np.random.RandomState | None) -> np.random.RandomState:
    # check_random_state answers None with NumPy's global generator, which is not ours to advance.
    return np.random.RandomState() if random_state is None else check_random_state(random_state)
