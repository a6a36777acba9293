"""Private helpers without a model: scikit-learn compatibility, validation, randomness."""
