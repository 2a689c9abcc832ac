"""Training data: which files, which split, their pixels, their order, and the DataModule that joins them."""
