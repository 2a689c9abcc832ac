"""Pictures as pixels: decoding, light, and pictures side by side."""
