"""Measuring checkpoints on pictures: the pictures, the measured values, and their means with intervals."""
