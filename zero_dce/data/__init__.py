"""Training data: files, split, pixels, order, and the DataModule that joins them."""
