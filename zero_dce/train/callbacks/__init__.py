"""What happens beside training: checkpoints, sample pictures, progress."""
