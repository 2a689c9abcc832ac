"""Enhancing photographs of any size with a trained network: tiles, files and their metadata."""
