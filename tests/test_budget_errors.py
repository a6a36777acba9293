"""Invalid arguments of BudgetedClassifier."""

from sklearn.linear_model import LogisticRegression

from skactive import ActiveClassifier, BudgetedClassifier
from tests.support.errors import X, Y, fails, table

BAD_JOBS = {
    "a classifier": ({"estimator": LogisticRegression()}, X, Y, "'estimator' parameter .* must be"),
    "budget": ({"budget": "ten"}, X, Y, "'budget' parameter of BudgetedClassifier .* Got 'ten'"),
    "batch_size": ({"batch_size": 0}, X, Y, "'batch_size' parameter .* Got 0"),
    "random_state": ({"random_state": "seed"}, X, Y, "'random_state' parameter"),
    "y too short": ({}, X, Y[1:], "X has 30 rows, but y has 29 labels"),
    "y None": ({}, X, None, "requires y to be passed"),
    "y a scalar": ({}, X, "a", "y should be a 1d array of labels; got 'a'"),
    "X one text": ({}, "text", ["a"] * 4, "X is one str, not a sequence of rows"),
    "X empty": ({}, X[:0], Y[:0], r"0 sample\(s\)"),
}


@table(BAD_JOBS)
def test_invalid_budgets(case):
    params, rows, labels, match = case
    params = {"estimator": ActiveClassifier(LogisticRegression()), "budget": 6} | params
    fails(match, BudgetedClassifier(**params).fit, rows, labels)
