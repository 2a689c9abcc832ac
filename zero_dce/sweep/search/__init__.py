"""A search with Optuna for loss weights and other options: ``+sweep=optuna``."""
