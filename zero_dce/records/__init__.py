"""What lies on disk: the folders of runs and sweeps, and what is written in them."""
