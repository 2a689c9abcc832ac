"""Many runs: what a sweep is going to run, how its runs are launched, and how it ends."""
