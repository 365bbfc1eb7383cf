"""The writer, stage 2: a network learns to write a sentence."""

import numpy as np

text = "the cat, which ate the fish, sat on the mat. "
letters = sorted(set(text))
T, K, H, B = len(text), len(letters), 32, 1  # steps, different letters, hidden units, sentences
row = dict(zip(letters, np.eye(K)))  # each letter as a row with a single 1


def start(rng):
    W_x, W_h, W_y = rng.normal(size=(K, H)), rng.normal(size=(H, H)), rng.normal(size=(H, K))
    return W_x, W_h / np.sqrt(H), np.zeros(H), W_y / np.sqrt(H), np.zeros(K)


def step(x, h, W_x, W_h, b, W_y, b_y):
    h = np.tanh(x @ W_x + h @ W_h + b)
    y = np.exp(h @ W_y + b_y)
    return h, y / y.sum(axis=1, keepdims=True)  # softmax


def forward(x, params):
    h, p = np.zeros((T + 1, B, H)), np.zeros((T, B, K))
    for t in range(T):
        h[t], p[t] = step(x[t], h[t - 1], *params)  # h[-1], the last one, is still zero
    return h, p


def backward(x, h, p, target, W_x, W_h, b, W_y, b_y):
    dW_x = dW_h = db = dW_y = db_y = dh = 0
    for t in reversed(range(T)):
        dy = (p[t] - target[t]) / T  # softmax and cross-entropy
        dW_y += h[t].T @ dy
        db_y += dy.sum(axis=0)
        dh += dy @ W_y.T  # what letter t says is added to what the later letters said
        da = dh * (1 - h[t] ** 2)  # through tanh
        dW_x += x[t].T @ da
        dW_h += h[t - 1].T @ da
        db += da.sum(axis=0)
        dh = da @ W_h.T  # to the state before
    return dW_x, dW_h, db, dW_y, db_y


def write(params, rng):
    h, written = np.zeros((1, H)), "t"
    while len(written) < T:
        h, p = step(row[written[-1]], h, *params)
        written += rng.choice(letters, p=p[0])
    return written


x = np.array([[row[a]] for a in text])
target = np.roll(x, -1, axis=0)  # the letter that comes next
rng = np.random.default_rng(1)
params = start(rng)
for update in range(201):
    h, p = forward(x, params)
    if update in (0, 50, 200):
        print(f"{update:3}  {-np.log(p[target == 1]).mean():.2f}  {write(params, rng)}")
    grads = backward(x, h, p, target, *params)
    params = [W - 0.5 * dW for W, dW in zip(params, grads)]
