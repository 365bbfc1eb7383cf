"""Recurrent networks and their derivatives, from scratch in NumPy.

Cells and time do not know each other: a cell (`bptt.rnn`) is one step and its derivative,
`bptt.unroll` runs any cell over time, and `bptt.fused` runs the cells of this library fast. The
gradient of a `Params` is a `Params`. Nothing is mutated. Import the modules you need:
`from bptt import rnn, unroll`.
"""
