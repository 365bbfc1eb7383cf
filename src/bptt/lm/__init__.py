"""A character language model, from its layers to its training and its samples.

The command line `bptt` uses all of it; `bptt.text` has the texts, `bptt.ngram` and
`bptt.compress` what there is to beat.

Parameters
----------
cell : module
    The cell of all layers.
codes : ndarray of int of shape (N,)
    The text, each character a number from 0 to K - 1.
characters : int
    K, the number of characters.
embedding : int
    D, the width of a row of E.
widths : sequence of int
    The number of units of each layer, from the lowest.
tied : bool
    Whether E is the head too.
states : tuple of State, optional
    The state of each layer before the first character; zeros by default.
masks : Masks, optional
    What is dropped in training; nothing by default.
settings : Settings
    What is asked.
step : int
    The number of the step, from 0.
training : Training
    Where a training stands.
watch : callable
    Takes the training after each step.
model : Model
    The model.
folder : path
    The folder of a model.
about : mapping
    What `config.json` says of the corpus and the training.
temperature : float
    The temperature of the draws; 0 always takes the most likely, the first of those that tie.
top_k : int, optional
    How many of the most likely characters may be drawn; all by default. Of characters that
    tie, those that come first.
"""
