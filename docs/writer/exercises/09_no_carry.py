"""The writer, stage 9, exercise: no chunk knows the one before."""

import sys

import numpy as np

text = "the cat, which ate the fish, sat on the mat. " * 20
if sys.argv[-1].endswith(".txt"):
    with open(sys.argv[-1], encoding="utf-8") as file:
        text = file.read()
letters = sorted(set(text))
T, B, K, H = 25, 4, len(letters), 32  # steps, pieces of the text, letters, hidden units
row = dict(zip(letters, np.eye(K)))  # each letter as a row with a single 1


def start(rng, scale):
    W_x, W_h, W_y = rng.normal(size=(4, K, H)), rng.normal(size=(4, H, H)), rng.normal(size=(H, K))
    b = np.zeros((4, 1, H))
    b[1] = 3.0  # of the forget gate
    return W_x, W_h * scale / np.sqrt(H), b, W_y / np.sqrt(H), np.zeros(K)


def sigmoid(a):
    return (1 + np.tanh(a / 2)) / 2


def step(x, h, c, W_x, W_h, b, W_y, b_y):
    a_i, a_f, a_g, a_o = x @ W_x + h @ W_h + b
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
    c = f * c + i * g
    h = o * np.tanh(c)
    y = h @ W_y + b_y
    y = np.exp(y - y.max(axis=1, keepdims=True))  # the same softmax, without overflow
    return h, c, (i, f, g, o), y / y.sum(axis=1, keepdims=True)


def forward(x, h_0, c_0, params):
    h, c, gates, p = np.zeros((T + 1, B, H)), np.zeros((T + 1, B, H)), [0] * T, np.zeros((T, B, K))
    h[-1], c[-1] = h_0, c_0  # what was read before
    for t in range(T):
        h[t], c[t], gates[t], p[t] = step(x[t], h[t - 1], c[t - 1], *params)
    return h, c, gates, p


def backward(x, h, c, gates, p, target, W_x, W_h, b, W_y, b_y):
    dW_x = dW_h = db = dW_y = db_y = dh = dc = 0
    for t in reversed(range(T)):
        dy = (p[t] - target[t]) / (T * B)  # softmax and cross-entropy
        dW_y += h[t].T @ dy
        db_y += dy.sum(axis=0)
        dh += dy @ W_y.T  # what letter t says is added to what the later letters said
        i, f, g, o = gates[t]
        dc += dh * o * (1 - np.tanh(c[t]) ** 2)  # through tanh
        di, df, dg, do = dc * g, dc * c[t - 1], dc * i, dh * np.tanh(c[t])
        da = np.stack([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)])
        dW_x += x[t].T @ da
        dW_h += h[t - 1].T @ da
        db += da.sum(axis=1, keepdims=True)
        dh = (da @ W_h.swapaxes(1, 2)).sum(axis=0)  # to the state before
        dc = dc * f
    return (dW_x, dW_h, db, dW_y, db_y), np.hypot(dh, dc)


def clipped(grads, m, v, n):
    norm = np.sqrt(sum((dW**2).sum() for dW in grads))
    return [dW * min(1, 0.1 / norm) for dW in grads], m, v


def adam(grads, m, v, n):
    grads, m, v = clipped(grads, m, v, n)
    m = [0.9 * a + 0.1 * dW for a, dW in zip(m, grads)]
    v = [0.999 * a + 0.001 * dW**2 for a, dW in zip(v, grads)]
    mean, square = 1 - 0.9**n, 1 - 0.999**n  # the shares of the gradients in m and in v
    return [0.01 * a / mean / (np.sqrt(b / square) + 1e-8) for a, b in zip(m, v)], m, v


def write(params, rng):
    h, c, written = np.zeros((1, H)), np.zeros((1, H)), text[0]
    while len(written) < 60:
        h, c, gates, p = step(row[written[-1]][None], h, c, *params)
        written += rng.choice(letters, p=p[0])
    return written


N = (len(text) - 1) // (B * T)  # chunks in each piece
rng = np.random.default_rng(1)
params = start(rng, 1.5)
m = v = [0, 0, 0, 0, 0]
for update in range(1, 401):
    n = (update - 1) % N
    h_0 = c_0 = np.zeros((B, H))
    chunks = [text[i : i + T + 1] for i in range(n * T, N * T * B, N * T)]  # one of each piece
    x = np.array([[row[a] for a in now] for now in zip(*chunks)])
    target = x[1:]
    h, c, gates, p = forward(x, h_0, c_0, params)
    grads, _ = backward(x, h, c, gates, p, target, *params)
    h_0, c_0 = h[T - 1], c[T - 1]
    change, m, v = adam(grads, m, v, update)
    params = [W - dW for W, dW in zip(params, change)]
    if update in (1, 100, 400):
        print(f"{update:3}  {-np.log(p[target == 1]).mean():.2f}  {write(params, rng)!r}")
