"""What may help a small language model: cells, chunks and averages, and the training with them.

`bptt.experiments.language_levers` compares them.

Parameters
----------
case : dict
    What is run: the fields of a `Recipe`, the settings that all runs share, the number of steps
    and the seed.
"""
