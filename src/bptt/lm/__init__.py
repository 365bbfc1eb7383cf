"""A character language model, from its layers to its training and its samples.

The command line `bptt` uses all of it; `bptt.text` has the texts and `bptt.ngram` what there is to
beat.
"""
