"""Short texts of three classes, for fine-tuning."""

import numpy as np

RNG = np.random.default_rng(0)
WORDS = {
    "fruit": ["apple", "pear", "plum"],
    "road": ["car", "bus", "lorry"],
    "sky": ["kite", "jet"],
}
TEXTS = np.array([f"{RNG.choice(WORDS[k])} of {i}" for i in range(18) for k in WORDS], dtype=object)
Y = np.array(list(WORDS) * 18)
NEW = [f"one more {word}" for words in WORDS.values() for word in words]
NEW_Y = [k for k, words in WORDS.items() for _ in words]
MODES = ["frozen", "lp-ft", "full", "lora", "ia3"]


def tuned_weights(clf):
    return clf.encoder_.weights.arrays
