"""Private: what `partial_fit` fits, and what it needs from a pool."""
