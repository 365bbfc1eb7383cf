"""The writer, stage 1, exercise: nothing is carried."""

import numpy as np

text = "the cat, which ate the fish, sat on the mat. "
letters = sorted(set(text))
K, H = len(letters), 32  # different letters, hidden units
row = dict(zip(letters, np.eye(K)))  # each letter as a row with a single 1


def start(rng):
    W_x, W_h = rng.normal(size=(K, H)), rng.normal(size=(H, H))
    return W_x, W_h / np.sqrt(H), np.zeros(H)


def step(x, h, W_x, W_h, b):
    return np.tanh(x @ W_x + h @ W_h + b)


rng = np.random.default_rng(1)
params = start(rng)
h, right = np.zeros(H), 0
for t in range(len(text) - 1):
    h = step(row[text[t]], 0 * h, *params)
    guess = rng.choice(letters)
    right += guess == text[t + 1]
    if text[: t + 1].endswith("at"):
        state = "  ".join(f"{unit:5.2f}" for unit in h[:4])
        print(f"{text[: t + 1][-5:]}|{text[t + 1]}  guess: {guess}  state: {state}  ...")
print(f"{right} of {len(text) - 1} guesses are right")
