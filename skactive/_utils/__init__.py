"""Private helpers: scikit-learn compatibility, validation, random seeds, locks, devices."""
