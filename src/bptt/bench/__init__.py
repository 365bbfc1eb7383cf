"""How fast the code is: against torch, against a plain loop, and against what the machine can do.

`python -m nox -s bench` measures; `bptt.experiments.load("bench")` reads what was measured, and
`bptt.bench.tables` makes ratios of it.

Parameters
----------
settings : Settings
    What is measured, or trained.
result : Result
    What was measured.
runs : sequence of Run
    What was measured.
rounds : int
    How often each is timed.
codes : ndarray of int of shape (N,)
    The text, each character a number.
characters : int
    K, the number of characters.
cell : str
    "rnn", "lstm" or "gru".
mode : str
    "forward", or "both" for forwards and backwards.
"""
