"""Crashes, full disks, killed processes, hostile files and load."""
