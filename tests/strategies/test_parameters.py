"""Invalid parameters of strategies, and invalid strategies."""

import inspect

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skactive import ActiveClassifier, BudgetedClassifier, simulate, strategies
from skactive.strategies import Margin
from tests.support.errors import NeverFitted, X, Y, fails, table
from tests.support.strategies import make_view

COUNT = (0, -1, 2.5, "x", None)  # of rows, clusters, samples
FRACTION = (-0.1, 1.1, float("nan"), "x", None)
POWER = (-1, "x", None)
NO_STRATEGY = ("margin", Margin, None, 3)
NO_STRATEGIES = ("margin", Margin(), [], ["margin"], [Margin])
AUTO_OR_POSITIVE = (0, -1.0, "x", "AUTO", None, [1.0])
BAD_PARAMETERS = {
    "ActiveFt": {"temperature": (0, "x", None), "n_iter": COUNT},
    "Albl": {"strategies": NO_STRATEGIES, "horizon": COUNT},
    "Bait": {"regularization": (0, -1.0, "x", None)},
    "Bald": {"n_samples": COUNT},
    "BalancedHerding": {
        "bandwidth": AUTO_OR_POSITIVE,
        "balance": POWER,
        "n_reference": (0, "x", None),
    },
    "BatchBald": {"n_samples": COUNT, "n_candidates": COUNT, "n_configurations": COUNT},
    "Bilevel": {"n_candidates": COUNT, "regularization": (0, -1.0, "x", None)},
    "ClassBalanced": {"strategy": NO_STRATEGY},
    "ClusterMargin": {"factor": (0, "x")},
    "CoDecision": {"noise_ratio": FRACTION, "pseudo_labels": ("x", None, 2)},
    "ConfidentCoreset": {"alpha": FRACTION},
    "Direct": {"n_parallel": COUNT, "min_per_class": COUNT},
    "DropQuery": {"n_dropouts": COUNT, "dropout": (*FRACTION, 1.0), "factor": (0, "x")},
    "Epig": {"n_samples": COUNT, "n_targets": COUNT},
    "Falcun": {"gamma": POWER},
    "Learned": {"strategies": NO_STRATEGIES, "n_splits": COUNT},
    "MaxHerding": {"bandwidth": AUTO_OR_POSITIVE, "n_reference": COUNT},
    "Nas": {"n_neighbors": COUNT, "n_reference": COUNT},
    "NearCandidates": {"strategy": NO_STRATEGY, "n_candidates": COUNT},
    "Neuronal": {"gamma": POWER},
    "Power": {"strategy": NO_STRATEGY, "beta": POWER},
    "ProbCover": {"radius": AUTO_OR_POSITIVE, "purity": FRACTION, "n_reference": COUNT},
    "RandomCandidates": {"strategy": NO_STRATEGY, "n_candidates": COUNT},
    "RareNeighbors": {"n_anchors": COUNT, "n_neighbors": COUNT},
    "Refine": {
        "strategies": NO_STRATEGIES,
        "n_rounds": COUNT[1:],
        "n_subsets": COUNT,
        "subset_fraction": (*FRACTION, 0),
    },
    "Schedule": {"first": NO_STRATEGY, "then": NO_STRATEGY, "switch_at": COUNT[1:]},
    "SparseApproximation": {"n_samples": COUNT},
    "Tailor": {"strategies": NO_STRATEGIES, "n_parallel": COUNT, "discount": FRACTION},
    "TypiClust": {"max_clusters": COUNT, "n_neighbors": COUNT},
    "UHerding": {"bandwidth": AUTO_OR_POSITIVE, "n_reference": COUNT},
}
EVERY_CASE = {
    f"{name}-{parameter}-{value}": (name, parameter, value)
    for name, parameters in BAD_PARAMETERS.items()
    for parameter, values in parameters.items()
    for value in values
}


def make(name, **params):
    """A strategy with its required parameters."""
    signature = inspect.signature(getattr(strategies, name)).parameters.values()
    lacking = [p.name for p in signature if p.default is p.empty and p.name not in params]
    needed = {p: 3 if p == "switch_at" else Margin() for p in lacking}
    return getattr(strategies, name)(**needed, **params)


def test_every_parameter_is_in_the_table():
    known = {name: getattr(strategies, name) for name in strategies.__all__}
    known = {name: item for name, item in known.items() if hasattr(item, "get_params")}
    own = {name: set(make(name).get_params(deep=False)) for name in known if "Strategy" not in name}
    assert {name: set(params) for name, params in BAD_PARAMETERS.items()} == {
        name: params for name, params in own.items() if params
    }


@table(EVERY_CASE)
def test_invalid_strategy_parameters(case):
    name, parameter, value = case
    strategy = make(name, **{parameter: value})
    match = f"The '{parameter}' parameter of {name} must be a.* Got "
    fails(match, strategy.select, make_view(), 3)
    if isinstance(strategy, strategies.SequentialStrategy):
        fails(match, strategy.steps, make_view(), 3)
    if "score" in vars(type(strategy)):
        fails(match, strategy.score, make_view())


def test_a_message_names_the_allowed_values_and_the_given_one():
    fails(
        r"The 'radius' parameter of ProbCover must be a str among \{'auto'\} or a float in the "
        r"range \(0.*\)\. Got 'x' instead",
        strategies.ProbCover(radius="x").select,
        make_view(),
        1,
    )
    fails(
        r"The 'strategies' parameter of Tailor must be a list of strategies, such as "
        r"\[strategies.get\('margin'\)\] or None\. Got \['margin'\] instead",
        strategies.Tailor(strategies=["margin"]).select,
        make_view(),
        1,
    )


BAD_STRATEGIES = {
    "a parameter": (strategies.Bald(n_samples=0), "'n_samples' parameter of Bald .* Got 0"),
    "a name inside": (strategies.Power("bald"), "'strategy' parameter of Power .* Got 'bald'"),
    "deep inside": (
        strategies.ClassBalanced(strategies.Power(strategies.TypiClust(n_neighbors=-1))),
        "'n_neighbors' parameter of TypiClust .* Got -1",
    ),
    "a name deep inside": (
        strategies.RandomCandidates(strategies.ClassBalanced("margin")),
        "'strategy' parameter of ClassBalanced .* Got 'margin'",
    ),
    "one of a list": (
        strategies.Refine([Margin(), strategies.Falcun(gamma="x")]),
        "'gamma' parameter of Falcun .* Got 'x'",
    ),
    "a class": (Margin, "'strategy' parameter of ActiveClassifier .* Got <class .*Margin'>"),
    "a number": (3, "'strategy' parameter of ActiveClassifier .* Got 3"),
    "no name of one": ("margins", "strategy='margins' is unknown.* margin"),
}


@table(BAD_STRATEGIES)
def test_invalid_strategy_in_a_query(unchanged_clf, case):
    strategy, match = case
    fails(match, unchanged_clf.set_params(strategy=strategy).query, X + 1, 3)


@table(BAD_STRATEGIES)
def test_invalid_strategy_in_budgeted_classifier(case):
    strategy, match = case
    clf = ActiveClassifier(LogisticRegression(), strategy=strategy)
    fails(match, BudgetedClassifier(clf, budget=12, batch_size=6).fit, X, Y)


@table({name: case for name, case in BAD_STRATEGIES.items() if name != "one of a list"})
def test_invalid_strategy_in_simulate(case):
    strategy, match = case
    test = {"X_test": X, "y_test": Y, "budget": 6, "batch_size": 3}
    runs = {"random": "random", "bad": strategy}
    never = ActiveClassifier(NeverFitted())
    fails(match, simulate, never, X, Y, strategies=runs, **test)


class Shortest(strategies.QueryStrategy):
    """A custom strategy without parameter constraints."""

    def __init__(self, power="two"):
        self.power = power

    def select(self, view, n):
        return np.linalg.norm(view.X, axis=1).argsort()[:n]


@pytest.mark.parametrize("around", [lambda own: own, strategies.RandomCandidates])
def test_parameters_without_a_constraint_are_not_checked(around):
    picked = around(Shortest()).select(make_view(), 2)
    np.testing.assert_array_equal(picked, Shortest().select(make_view(), 2))
