"""Measures and stresses Pillarbox; nothing in it is needed to run it."""
