"""FineTunedClassifier: a foundation model and a head, trained together on the labels."""

from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from skactive._data.containers import as_object_array, take
from skactive._data.row_keys import row_keys
from skactive._utils.callbacks import (
    CallbackSupportMixin,
    clone_without_callbacks,
    notify_fit,
    subtask_notifier,
)
from skactive._utils.compat import (
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
    check_sample_weight,
)
from skactive._utils.random import draw_seed
from skactive._utils.validation import check_labels, check_one_label_a_row
from skactive._utils.versioning import VersionNoted
from skactive.encoders import ClipEncoder, SentenceEncoder
from skactive.encoders.base import Encoder
from skactive.encoders.clip_weights import is_clip_model
from skactive.finetune.checkpoint import Checkpoint, Progress
from skactive.finetune.mode_selection import Gain, held_out_gain
from skactive.finetune.training import MODES, Labeled, Plan, Training, Tuned
from skactive.heads import SoftmaxHead
from skactive.heads.losses import LOSSES, NoisyCrossEntropy, log_class_frequency

_FEW = 50  # labels, fewer than which are not held out to find out whether tuning pays
_ENOUGH = 1000  # labels, from which on some are held out to stop


class FineTunedClassifier(VersionNoted, CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """A foundation model trained on the labels, end to end, with a linear head on its embeddings.

    It takes rows as the encoder does: texts, or images. The head is first fitted on the frozen
    embeddings, as `SoftmaxHead` does it, and then, in all modes but ``"frozen"``, the model and the
    head are trained together. Once fitted, new rows are embedded by the tuned model and kept in the
    row cache, so that a pool is embedded once a fit.

    Parameters
    ----------
    model : str, path or encoder, default="all-MiniLM-L6-v2"
        What `SentenceEncoder` takes as a model, or a folder saved by open_clip; or an encoder of
        either kind, whose device, precision and row cache are then used:
        ``ClipEncoder("ViT-B-32", device="cuda:1")``. In half precision ("auto" on CUDA) it is
        trained in mixed precision with bfloat16.
    mode : {"auto", "frozen", "lp-ft", "full", "lora", "ia3"}, default="lp-ft"
        ``"frozen"`` trains the head only. ``"lp-ft"`` fits the head first and then trains all [1]_,
        ``"full"`` trains all from the start. ``"lora"`` and ``"ia3"`` fit the head first and then
        train small parts added to the model, through the peft library (extra "tune"). ``"auto"``
        is "lp-ft" if, trained on one half of the labels, it foretells the other half better than
        "frozen" does; with fewer than 50 labels it is "frozen".
        Embeddings of words and positions stay as they are.
    loss : {"auto", "cross_entropy", "gce"}, default="auto"
        As in `SoftmaxHead`. ``"auto"`` reckons with as many wrong labels as the head found on the
        frozen embeddings.
    class_weight : "balanced" or None, default="balanced"
        ``"balanced"`` takes the classes' shares among the labels out of the logits.
    lr : float or "auto", default="auto"
        Learning rate of the model, with AdamW. ``"auto"`` is 2e-4, with "lora" 1e-3 and "ia3" 2e-2,
        for models of the size of all-MiniLM-L6-v2, and less for larger ones: in proportion to one
        over the root of the number of parameters.
    max_epochs : int, default=6
        Passes over the labels.
    batch_size : int, default=16
        Labels a step.
    n_accumulate : int, default=1
        Parts that a step is computed in: more need less memory, and make no other difference than
        that dropout is drawn anew. Where a GPU has too little memory, it is doubled and the work
        goes on.
    early_stopping : bool or "auto", default="auto"
        Whether a tenth of the labels is held out, to stop when their loss has not fallen for two
        epochs and to go back to the best one. ``"auto"``: from 1,000 labels on.
    checkpoint_dir : str, path or None, default=None
        Folder in which progress is kept after every epoch, until training has ended. Needs an int
        `random_state`.
    resume : bool or "auto", default="auto"
        Whether to go on from a checkpoint of this very training (labels, parameters and model).
        ``"auto"``: if there is one. True: there must be one. False: begin anew.
    random_state : int, RandomState instance or None, default=None
        Seeds the order of the rows, dropout and adapters.
    verbose : bool, default=False
        Print one line an epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The labels, sorted.
    mode_ : str
        The mode taken.
    gain_ : tuple (mean, error)
        In mode "auto": what "lp-ft" gained over "frozen" in the balanced accuracy on labels held
        out, and its standard error; minus infinity where labels were too few to ask.
    encoder_ : encoder
        The tuned one (the frozen one in mode "frozen"): an ordinary transformer.
    head_ : SoftmaxHead
        The head on its embeddings.
    probe_ : SoftmaxHead
        The head on the frozen embeddings.
    coef_, intercept_ : ndarrays of shapes (K, d) and (K,)
        Those of `head_`.
    out_of_fold_proba_ : float64 array of shape (n, K)
        What heads on the frozen embeddings say of each row that they had not seen.
    history_ : list of dict
        For each epoch ``"train_loss"``, ``"seconds"`` and, where labels are held out,
        ``"valid_loss"``.

    References
    ----------
    .. [1] A. Kumar, A. Raghunathan, R. Jones, T. Ma and P. Liang, "Fine-tuning can distort
       pretrained features and underperform out-of-distribution", ICLR 2022.

    Examples
    --------
    >>> from skactive import FineTunedClassifier
    >>> texts = ["refund please", "money back", "it works well", "love it"] * 2
    >>> labels = ["complaint", "complaint", "praise", "praise"] * 2
    >>> clf = FineTunedClassifier(max_epochs=1, random_state=0).fit(texts, labels)
    >>> clf.predict(["I want a refund", "I like this"])
    array(['complaint', 'praise'], dtype='<U9')
    """

    _parameter_constraints = {  # noqa: RUF012
        "model": [str, PathLike, HasMethods(["transform", "encode_prompts"])],
        "mode": [StrOptions({"auto", "frozen", *MODES})],
        "loss": [StrOptions({"auto", *LOSSES})],
        "class_weight": [StrOptions({"balanced"}), None],
        "lr": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_accumulate": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "checkpoint_dir": [str, PathLike, None],
        "resume": ["boolean", StrOptions({"auto"})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        model: Any = "all-MiniLM-L6-v2",
        *,
        mode: str = "lp-ft",
        loss: str = "auto",
        class_weight: str | None = "balanced",
        lr: float | str = "auto",
        max_epochs: int = 6,
        batch_size: int = 16,
        n_accumulate: int = 1,
        early_stopping: bool | str = "auto",
        checkpoint_dir: str | PathLike[str] | None = None,
        resume: bool | str = "auto",
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.model = model
        self.mode = mode
        self.loss = loss
        self.class_weight = class_weight
        self.lr = lr
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.n_accumulate = n_accumulate
        self.early_stopping = early_stopping
        self.checkpoint_dir = checkpoint_dir
        self.resume = resume
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        prior_log_proba: Any = None,
        classes: Any = None,
    ) -> "FineTunedClassifier":
        """Train, from the published weights.

        Parameters
        ----------
        X : sequence of n rows
            Texts or images, as the encoder takes them.
        y : array-like of shape (n,)
            Labels of any type.
        sample_weight : array-like of shape (n,), default=None
            How much each row counts. A row of weight 0 might as well not be there.
        prior_log_proba : array-like of shape (n, K), default=None
            A prior's log-probabilities, to which the head is anchored as in `SoftmaxHead`.
        classes : array-like, default=None
            All labels there may be, of which `y` may miss some. Those of `y` if None.

        Returns
        -------
        self : FineTunedClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If the rows, labels or parameters do not fit, or a checkpoint is damaged.
        FileNotFoundError
            If `resume` is True and there is no checkpoint of this training.
        """
        if self.resume is True and self.checkpoint_dir is None:
            raise ValueError("resume=True needs the checkpoint_dir of the training to go on with.")
        encoder = self._frozen_encoder()
        encoder._check_rows(X)
        X = as_object_array(X)
        self._seed = draw_seed(self.random_state)
        y = check_labels(y, None)
        check_one_label_a_row(X, y)
        self.probe_ = SoftmaxHead(loss=self.loss, class_weight=self.class_weight)
        self.probe_.fit(encoder.transform(X), y, sample_weight, prior_log_proba, classes)
        self.classes_ = self.probe_.classes_
        weight = check_sample_weight(sample_weight, X)
        counted = np.flatnonzero(weight > 0)
        codes = np.searchsorted(self.classes_, np.asarray(y)[counted])
        prior = None if prior_log_proba is None else np.asarray(prior_log_proba)[counted]
        self.mode_ = self.mode
        if self.mode == "auto":
            self.gain_ = self._held_out_gain(take(X, counted), codes, weight[counted], prior)
            self.mode_ = "lp-ft" if self.gain_.mean > 0 else "frozen"
        self.encoder_, self.head_ = encoder, self.probe_
        self.history_: list[dict[str, float]] = []
        # what was fitted with a prior cannot be scored without
        told: dict[str, Any] = {} if prior is not None else {"X": X, "y": y}
        n_epochs = 0 if self.mode_ == "frozen" else self.max_epochs
        with notify_fit(self, max_subtasks=n_epochs, **told) as task:
            if n_epochs:
                training = self._training(take(X, counted), codes, weight[counted], prior)
                told["reconstruction_attributes"] = lambda: self._tuned(training.so_far())
                subtask = subtask_notifier(self, task, **told)
                tuned = training.run(*self._checkpoint(training), subtask)
                self.__dict__.update(self._tuned(tuned), history_=tuned.history)
        return self

    def predict_proba(self, X: Any, prior_log_proba: Any = None) -> np.ndarray:
        """Probability of every class.

        Parameters
        ----------
        X : sequence of n rows
            Texts or images.
        prior_log_proba : array-like of shape (n, K), default=None
            The prior's log-probabilities; needed exactly where fit had them.

        Returns
        -------
        proba : float64 array of shape (n, K)
            Rows sum to 1, columns follow `classes_`.
        """
        check_is_fitted(self)
        return self.head_.predict_proba(self.embed(X), prior_log_proba)

    def predict(self, X: Any, prior_log_proba: Any = None) -> np.ndarray:
        """The likeliest class of every row.

        Parameters
        ----------
        X : sequence of n rows
            Texts or images.
        prior_log_proba : array-like of shape (n, K), default=None
            As in `predict_proba`.

        Returns
        -------
        labels : ndarray of shape (n,)
            Members of `classes_`.
        """
        proba = self.predict_proba(X, prior_log_proba)
        return self.classes_[proba.argmax(axis=1)]

    def embed(self, X: Any) -> np.ndarray:
        """What the head sees of the rows; before a fit, the frozen embeddings.

        Parameters
        ----------
        X : sequence of n rows
            Texts or images.

        Returns
        -------
        embeddings : float32 array of shape (n, d)
            Rows of unit norm.
        """
        encoder = self.encoder_ if hasattr(self, "encoder_") else self._frozen_encoder()
        return encoder.transform(X)

    @property
    def coef_(self) -> np.ndarray:
        return self.head_.coef_

    @property
    def intercept_(self) -> np.ndarray:
        return self.head_.intercept_

    @property
    def out_of_fold_proba_(self) -> np.ndarray:
        return self.probe_.out_of_fold_proba_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.no_validation = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags

    def _frozen_encoder(self) -> Encoder:
        if not isinstance(self.model, str | PathLike):
            return clone(self.model)
        return ClipEncoder(self.model) if is_clip_model(self.model) else SentenceEncoder(self.model)

    def _held_out_gain(
        self, X: Any, codes: np.ndarray, weight: np.ndarray, prior: np.ndarray | None
    ) -> Gain:
        """What tuning would gain, by what it does for one half of the labels."""
        if len(codes) < _FEW:
            return Gain(-np.inf, 0.0)
        given = {"checkpoint_dir": None, "random_state": self._seed, "verbose": False}

        def fit_predict(mode: str, train: np.ndarray, test: np.ndarray) -> np.ndarray:
            priors = [None if prior is None else prior[rows] for rows in (train, test)]
            clf = clone_without_callbacks(self).set_params(mode=mode, **given)
            clf.fit(take(X, train), codes[train], weight[train], priors[0], np.arange(n_classes))
            return clf.predict(take(X, test), priors[1])

        n_classes = len(self.classes_)
        keys = row_keys(X)
        return held_out_gain(keys, codes, weight, fit_predict, ("frozen", "lp-ft"))

    def _training(
        self, X: Any, codes: np.ndarray, weight: np.ndarray, prior: np.ndarray | None
    ) -> Training:
        rows = self.encoder_._check_rows(X)
        shares = log_class_frequency(codes, weight, len(self.classes_), self.class_weight)
        extra = {
            "sample_weight": (weight / weight.mean()).astype(np.float32),
            "offset": np.tile(shares.astype(np.float32), (len(rows), 1)),
        }
        if prior is not None:
            extra["prior_log_proba"] = prior.astype(np.float32)
        seed = self._seed
        labeled = Labeled(rows, codes, extra, self._held_out(X, codes, seed))
        plan = Plan(
            encoder=self.encoder_,
            mode=self.mode_,
            lr=None if self.lr == "auto" else float(self.lr),
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            n_accumulate=self.n_accumulate,
            criterion=self._criterion(),
            seed=seed,
        )
        return Training(plan, self._first_head(), labeled, self.verbose)

    def _tuned(self, tuned: Tuned) -> dict[str, Any]:
        """The attributes that make this a tuned classifier."""
        return {"encoder_": tuned.encoder, "head_": self.probe_._with_weights(tuned.head)}

    def _criterion(self) -> Any:
        if self.loss == "auto":
            return NoisyCrossEntropy(self.probe_.anchor_["noise_rate"])
        return LOSSES[self.loss]()

    def _first_head(self) -> dict[str, np.ndarray]:
        """That of the frozen embeddings, but in mode "full" one that has learned nothing."""
        head = {
            "output.weight": self.probe_.coef_,
            "output.bias": self.probe_.intercept_,
            "prior_scale": self.probe_._weights["prior_scale"],
        }
        if self.mode_ != "full":
            return head
        untrained = {name: np.zeros_like(value) for name, value in head.items()}
        return untrained | {"prior_scale": np.array(1.0)}

    def _held_out(self, X: Any, codes: np.ndarray, seed: int) -> np.ndarray:
        """A tenth of the rows of every class, with all their labels; or none."""
        if not (len(codes) >= _ENOUGH if self.early_stopping == "auto" else self.early_stopping):
            return np.empty(0, dtype=np.int64)
        _, first, row = np.unique(row_keys(X), return_index=True, return_inverse=True)
        order = np.random.default_rng(seed).permutation(np.sort(first))
        chosen = order[np.argsort(codes[order], kind="stable")][5::10]
        return np.flatnonzero(np.isin(row, row[chosen]))

    def _checkpoint(self, training: Training) -> tuple[Checkpoint | None, Progress]:
        if self.checkpoint_dir is None:
            return None, Progress()
        if not isinstance(self.random_state, Integral):
            raise ValueError(
                f"random_state={self.random_state!r}: with checkpoint_dir it must be an int, since "
                "another seed is another training. Give random_state=0, for example."
            )
        folder = Path(self.checkpoint_dir).expanduser()
        model = " ".join(self.encoder_._identity())
        checkpoint = Checkpoint(folder, model, training.digest())
        wanted = checkpoint.path.is_file() if self.resume == "auto" else self.resume
        return checkpoint, checkpoint.load() if wanted else Progress()
