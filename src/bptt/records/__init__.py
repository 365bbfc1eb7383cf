"""What was measured: its file, the code that it came from, and what an interruption left."""
