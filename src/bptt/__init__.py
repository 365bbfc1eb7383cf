r"""Recurrent networks and their derivatives, from scratch in NumPy.

Cells and time do not know each other: a cell (`bptt.rnn`) is one step and its derivative,
`bptt.unroll` runs any cell over time, and `bptt.fused` runs the cells of this library fast. The
gradient of a `Params` is a `Params`. Nothing is mutated. Import the modules you need:
`from bptt import rnn, unroll`.

What a name means wherever a function, its module or its package does not say otherwise:

Parameters
----------
cell : module
    The cell, for example `bptt.lstm`.
params : Params
    The weights.
input_size : int
    I, the width of an input.
hidden_size : int
    H, the number of hidden units.
batch : int
    B, the number of sequences.
rng : numpy.random.Generator
    The source of randomness.
dtype : dtype
    The dtype of the result.
xs : array_like of shape (T, B, I)
    The inputs $x_1, \dots, x_T$; `xs[t - 1]` is $x_t$.
state : State, optional
    The state $s_0$ before the first step, each of its arrays of shape (B, H); zeros by default.
mask : array_like of shape (T, B), optional
    True where a sequence has a step. Where it is False the input is not read and the state
    is carried over unchanged, so a padded sequence gives what the shorter one gives.
tape : Tape
    What `forward` returned.
dhs : array_like of shape (T, B, H)
    The gradients $dL_t/dh_t$ of the loss with respect to each output, where it is read.
dstate_T : State, optional
    The gradient with respect to the state after the last step; zeros by default.
T : int
    The number of steps.
B : int
    The number of sequences.
I : int
    The width of an input.
H : int
    The number of hidden units.
K : int
    The number of characters, or of classes.
where : str
    The function that asks, for the message of an error.
name : str
    The argument that is checked, for the message of an error.
"""
