"""Fast mode: curve maps of a whole picture, learned from some of its tiles.

Running the network on a reduced picture and enlarging its curve maps loses 20 dB, though the enlarging itself loses
nothing: at a reduced size the network sees other texture. So the network runs on a few tiles at full size. From them a
regression learns, for this picture only, how the maps depend on simple statistics of small blocks. It gives the maps of
all blocks, which are enlarged and applied at full size. ``benchmarks/fast.py`` compares the two.
"""
