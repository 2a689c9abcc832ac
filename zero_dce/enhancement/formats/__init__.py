"""Photographs from and to files: pixels as stored, and everything else that the files hold."""
