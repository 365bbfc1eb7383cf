"""What reads sources and remembers what came of them; the other folders build on it."""
