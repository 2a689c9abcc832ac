"""How the runs of a sweep are started: in this process, in fresh ones, or as jobs of a cluster."""
