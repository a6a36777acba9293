"""scikit-learn's own test kit, with no expected failure."""

from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skactive import ActiveClassifier, SoftmaxHead

ESTIMATORS = [
    ActiveClassifier(LogisticRegression(), random_state=0),
    ActiveClassifier(RandomForestClassifier(n_estimators=5), random_state=0),
    ActiveClassifier(make_pipeline(StandardScaler(), LogisticRegression()), random_state=0),
    ActiveClassifier(random_state=0),
    ActiveClassifier(SoftmaxHead(), random_state=0),
    SoftmaxHead(random_state=0),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_contract(estimator, check):
    check(estimator)
