"""Synthetic degradations and target-domain pictures, one module per physical cause.

Every function takes and returns float32 [H, W, 3] sRGB in 0..255 (unclipped; the caller quantises once,
last) and an explicit numpy Generator where it draws anything.
"""
