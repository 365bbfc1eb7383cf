"""How fast the code is: against torch, against a plain loop, and against what the machine can do.

`python -m nox -s bench` measures; `bptt.experiments.load("bench")` reads what was measured, and
`bptt.bench.tables` makes ratios of it.
"""
