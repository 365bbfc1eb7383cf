"""What runs the notebooks of the figures, and shows what they draw."""
