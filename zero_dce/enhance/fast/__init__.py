"""Fast mode: curve maps of a whole picture, learned from some of its tiles.

Running the network on a reduced picture and enlarging its curve maps loses 20 dB where enlarging loses none: at a
reduced size the network sees other texture than at the full one. So the network runs on a few tiles at full size; a
regression learns from them how its maps depend on simple statistics of small blocks, for this picture alone; it gives
the maps of all blocks, which are enlarged and applied at full size. ``benchmarks/fast.py`` compares the two.
"""
