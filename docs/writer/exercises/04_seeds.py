"""The writer, stage 4, exercise: ten other starts."""

import numpy as np

text = "the cat, which ate the fish, sat on the mat. "
letters = sorted(set(text))
K, H, B = len(letters), 32, 4  # different letters, hidden units, sentences
row = dict(zip(letters, np.eye(K)))  # each letter as a row with a single 1


def start(rng, scale):
    W_x, W_h, W_y = rng.normal(size=(K, H)), rng.normal(size=(H, H)), rng.normal(size=(H, K))
    return W_x, W_h * scale / np.sqrt(H), np.zeros(H), W_y / np.sqrt(H), np.zeros(K)


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
        dy = (p[t] - target) / B * (t == T - 1)  # the question comes after the last letter
        dW_y += h[t].T @ dy
        db_y += dy.sum(axis=0)
        dh += dy @ W_y.T  # what letter t says is added to what the later letters said
        da = dh * (1 - h[t] ** 2)  # through tanh
        dW_x += x[t].T @ da
        dW_h += h[t - 1].T @ da
        db += da.sum(axis=0)
        dh = da @ W_h.T  # to the state before
    return (dW_x, dW_h, db, dW_y, db_y), dh


for scale, k in ((0.5, 20), (1, 20), (1.5, 20)):
    T, learned, reach = k + 1, 0, []
    sentences = [first + (text * 2)[:k] for first in "cfms"]
    x = np.array([[row[a] for a in now] for now in zip(*sentences)])  # letter t of all four
    for seed in range(10, 20):
        params = start(np.random.default_rng(seed), scale)
        for update in range(1000):
            h, p = forward(x, params)
            grads, dh = backward(x, h, p, x[0], *params)
            if update == 0:
                reach.append(np.linalg.norm(dh))
            params = [W - 0.05 * dW for W, dW in zip(params, grads)]
        learned += p[-1][x[0] == 1].min() > 0.5
    print(f"scale {scale:3}  k = {k}  gradient {np.median(reach):.0e}  learned by {learned}/10")
