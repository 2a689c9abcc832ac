"""Where losses, measures and pictures go: metrics.csv, and W&B by training step."""
