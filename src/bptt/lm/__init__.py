"""A character language model, from its layers to its training and its samples."""
