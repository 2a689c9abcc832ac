"""Small files that would take much time or memory, of the kinds that are known from other programs.

Each header says that the picture has at most one megapixel, or claims what the file cannot hold.
"""
