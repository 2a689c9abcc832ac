"""What a person does with a sweep: choose a checkpoint and keep it, look at all runs side by side."""
