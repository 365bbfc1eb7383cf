"""The writer, stage 6, exercise: ten other starts."""

import numpy as np

text = "the cat, which ate the fish, sat on the mat. "
letters = sorted(set(text))
K, H, B = len(letters), 32, 4  # different letters, hidden units, sentences
row = dict(zip(letters, np.eye(K)))  # each letter as a row with a single 1


def start(rng, scale):
    W_x, W_h, W_y = rng.normal(size=(4, K, H)), rng.normal(size=(4, H, H)), rng.normal(size=(H, K))
    b = np.zeros((4, 1, H))
    b[1] = 0.0  # of the forget gate
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


def forward(x, params):
    h, c, gates, p = np.zeros((T + 1, B, H)), np.zeros((T + 1, B, H)), [0] * T, np.zeros((T, B, K))
    for t in range(T):
        h[t], c[t], gates[t], p[t] = step(x[t], h[t - 1], c[t - 1], *params)
    return h, c, gates, p


def backward(x, h, c, gates, p, target, W_x, W_h, b, W_y, b_y):
    dW_x = dW_h = db = dW_y = db_y = dh = dc = 0
    for t in reversed(range(T)):
        dy = (p[t] - target) / B * (t == T - 1)  # the question comes after the last letter
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


for rule, k in ((adam, 20), (adam, 50)):
    T, learned, reach = k + 1, 0, []
    sentences = [first + (text * 2)[:k] for first in "cfms"]
    x = np.array([[row[a] for a in now] for now in zip(*sentences)])  # letter t of all four
    for seed in range(20, 30):
        params = start(np.random.default_rng(seed), 1.5)
        m = v = [0, 0, 0, 0, 0]
        for update in range(1, 151):
            h, c, gates, p = forward(x, params)
            grads, dh = backward(x, h, c, gates, p, x[0], *params)
            if update == 1:
                reach.append(np.linalg.norm(dh))
            if p[-1][x[0] == 1].min() < 1e-4:
                break  # it blew up
            change, m, v = rule(grads, m, v, update)
            params = [W - dW for W, dW in zip(params, change)]
        learned += p[-1][x[0] == 1].min() > 0.5
    print(f"{rule.__name__:7}  k = {k}  gradient {np.median(reach):.0e}  learned by {learned}/10")
