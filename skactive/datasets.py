"""Example data: texts from SciPy's docstrings, folders of files, long tails and wrong labels."""

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

# Written from the purpose of each subpackage before any accuracy was measured, and not tuned.
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
"""Class descriptions for :func:`load_scipy_docs`: the purpose of each subpackage, by label."""

# Submodules that SciPy's reference documents. Other submodules are private or deprecated. Some of
# these are missing from older versions.
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

# Call signatures, section headings ("Parameters ----------") and directives.
_NOT_PROSE = re.compile(r"[\w.]+\(.*\)( *->.*)?|\w+ ---.*|\.\. .*")


def load_scipy_docs() -> tuple[list[str], np.ndarray]:
    """Load SciPy's docstrings as short texts in thirteen imbalanced classes.

    There is one text for each public function, class and public method in thirteen subpackages of
    the installed SciPy. A text is the name of the object and the first paragraph of its docstring.
    The label is the subpackage. The name of the subpackage is removed from the text wherever it
    occurs as a separate word. Equal texts are kept once. Nothing is downloaded or read from a file.

    Returns
    -------
    texts : list of str of length n
        The texts. There are about 2,900 with SciPy 1.17; the number depends on the installed
        version.
    labels : str array of shape (n,)
        Keys of `CLASS_PROMPTS`. The largest class ("sparse") has about 20 times as many texts as
        the smallest ("fft"). The order is the same in every process.

    Raises
    ------
    RuntimeError
        If Python was started with ``-OO``, which removes docstrings.

    Examples
    --------
    >>> from skactive.datasets import load_scipy_docs
    >>> texts, labels = load_scipy_docs()
    >>> texts[0], str(labels[0])
    ('ClusterNode: A tree node class for representing a.', 'cluster')
    """
    if sys.flags.optimize > 1:
        raise RuntimeError(
            "Python was started with -OO or PYTHONOPTIMIZE=2, which removes SciPy's docstrings. "
            "Start it without this option."
        )
    label_of: dict[str, str] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecation warnings of the imported modules
        for label in CLASS_PROMPTS:
            for name, documented in _public_objects(label):
                paragraph = _first_paragraph(documented)
                if paragraph:
                    text = _remove_subpackage_name(f"{name}: {paragraph}", label)
                    label_of.setdefault(text, label)
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
        except ImportError:  # not in this version of SciPy
            continue
        for name in sorted(set(getattr(module, "__all__", dir(module)))):
            member = getattr(module, name, None)
            if callable(member) and not name.startswith("_"):
                yield name, member


def _own_methods(cls: type) -> Iterator[tuple[str, Any]]:
    """Public methods, except those inherited from classes outside SciPy, such as dict."""
    names: dict[bool, set[str]] = {True: set(), False: set()}  # by "is defined in SciPy"
    for base in cls.__mro__:
        names[base.__module__.startswith("scipy.")].update(vars(base))
    for name in sorted(names[True] - names[False]):
        method = getattr(cls, name, None)
        # a class attribute such as `dtype = float` is callable, but not a method
        if inspect.isroutine(method) and not name.startswith("_"):
            yield name, method


def _first_paragraph(documented: Any) -> str:
    for paragraph in (inspect.getdoc(documented) or "").split("\n\n"):
        line = " ".join(paragraph.split())
        if line and not _NOT_PROSE.fullmatch(line):
            return line
    return ""


def _remove_subpackage_name(text: str, label: str) -> str:
    as_prefix, as_word = rf"(\bscipy\.)?\b{label}\.(?=\w)", rf"[ .]?\b{label}\b"
    return re.sub(f"{as_prefix}|{as_word}", "", text, flags=re.IGNORECASE).removeprefix(": ")


def make_long_tailed(
    X: Any,
    y: Any,
    ratio: float,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[Any, Any]:
    """Make a data set imbalanced: the largest class is `ratio` times the smallest.

    The classes are put in a random order, and their sizes decrease exponentially in this order
    [1]_. The largest possible number of rows is kept, in their original order.

    Parameters
    ----------
    X : array, sparse matrix, DataFrame or list of length n
        Rows of any type. Pass ``np.arange(n)`` to get the positions of the kept rows.
    y : array-like of shape (n,)
        Labels of the rows, of any type.
    ratio : float, at least 1
        Size of the largest class divided by the size of the smallest class.
    random_state : int, RandomState or None, default=None
        Determines the order of the classes and the kept rows. None gives a different result in
        each call.

    Returns
    -------
    X, y
        The kept rows and their labels, in the same types of containers.

    Raises
    ------
    ValueError
        If `ratio` is below 1, X and y differ in length, y has a single class, or a class has fewer
        rows than its position in the order requires.

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
            f"ratio must be a number of at least 1, got {ratio!r}. It is the size of the largest "
            "class divided by the size of the smallest."
        )
    check_consistent_length(X, y)
    classes, codes, counts = _classes_of(y)
    rng = _generator(random_state)
    ranks = rng.permutation(len(classes))
    relative_sizes = float(ratio) ** (ranks / (len(classes) - 1))
    smallest = int((counts / relative_sizes).min())
    if smallest < 1:
        short = (counts / relative_sizes).argmin()
        raise ValueError(
            f"class {classes[short].item()!r} has {counts[short]} rows, and would need "
            f"{int(np.ceil(relative_sizes[short]))} in the drawn order with ratio={ratio!r}. "
            "Lower ratio, give more rows, or try another random_state."
        )
    # 1e-9 corrects rounding errors where the power is a whole number, such as 25 ** 0.5 * 4
    sizes = np.minimum(counts, (smallest * relative_sizes + 1e-9).astype(int))
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
    """Replace each label by a wrong label with probability `rate`.

    Parameters
    ----------
    y : array-like of shape (n,)
        True labels, of any type. The input is not changed.
    rate : float in [0, 1]
        Probability that a label is replaced, the same for all classes. With the same seed and
        kind, a higher rate replaces all labels that a lower rate replaces, by the same labels.
    random_state : int, RandomState or None, default=None
        Determines which labels are replaced, and by which. None gives a different result in each
        call.
    kind : {"symmetric", "pairflip"}, default="symmetric"
        Distribution of the wrong labels. "symmetric" draws any of the other classes with equal
        probability. "pairflip" takes the next class in sorted order; the first class follows the
        last.

    Returns
    -------
    y : array of shape (n,)
        Labels with errors, in a new array of the same dtype.

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
            f"y has {len(classes)} class(es), {classes.tolist()}: give labels of at least two "
            "classes."
        )
    return classes, codes, counts


def _generator(random_state: int | np.random.RandomState | None) -> np.random.RandomState:
    # check_random_state(None) returns NumPy's global generator, which must not be advanced
    return np.random.RandomState() if random_state is None else check_random_state(random_state)
