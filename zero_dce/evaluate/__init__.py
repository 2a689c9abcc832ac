"""Measuring checkpoints on pictures: which pictures, which rows, means with their intervals."""
