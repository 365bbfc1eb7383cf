"""The writer, stage 2: a network learns to write a sentence."""

import numpy as np

text = "the cat, which ate the fish, sat on the mat. "
letters = sorted(set(text))
T, K, H = len(text), len(letters), 32  # letters to read, different letters, hidden units
x = np.eye(K)[[[letters.index(a)] for a in text]]  # each letter is a row with a single 1
target = np.roll(x, -1, axis=0)  # the letter that comes next


def start(rng):
    W_x, W_h, W_y = rng.normal(size=(K, H)), rng.normal(size=(H, H)), rng.normal(size=(H, K))
    return W_x, W_h / np.sqrt(H), np.zeros(H), W_y / np.sqrt(H), np.zeros(K)


def step(x, h, W_x, W_h, b, W_y, b_y):
    h = np.tanh(x @ W_x + h @ W_h + b)
    y = np.exp(h @ W_y + b_y)
    return h, y / y.sum(axis=1, keepdims=True)  # softmax


def forward(x, params):
    h, p = np.zeros((T + 1, 1, H)), np.zeros((T, 1, K))
    for t in range(T):
        h[t], p[t] = step(x[t], h[t - 1], *params)  # at first h[-1], the last row: still zero
    return h, p


def backward(x, h, p, target, W_x, W_h, b, W_y, b_y):
    dW_x = dW_h = db = dW_y = db_y = dh = 0
    for t in reversed(range(T)):
        dy = (p[t] - target[t]) / T  # softmax and cross-entropy
        dW_y += h[t].T @ dy
        db_y += dy.sum(axis=0)
        dh += dy @ W_y.T  # what letter t says, beside what the later ones say
        da = dh * (1 - h[t] ** 2)  # through tanh
        dW_x += x[t].T @ da
        dW_h += h[t - 1].T @ da
        db += da.sum(axis=0)
        dh = da @ W_h.T  # to the state before
    return dW_x, dW_h, db, dW_y, db_y


def write(params, rng):
    h, a, written = np.zeros((1, H)), letters.index("t"), "t"
    while len(written) < T:
        h, p = step(np.eye(K)[[a]], h, *params)
        a = rng.choice(K, p=p[0])
        written += letters[a]
    return written


rng = np.random.default_rng(1)
params = start(rng)
for update in range(201):
    h, p = forward(x, params)
    if update in (0, 50, 200):
        loss = -np.log(p[target == 1]).mean()
        print(f"{update:3}  {loss:.2f}  {write(params, rng)}")
    grads = backward(x, h, p, target, *params)
    params = [W - 0.5 * dW for W, dW in zip(params, grads)]
