"""Looking at what a sweep has left, and choosing a checkpoint from it."""
