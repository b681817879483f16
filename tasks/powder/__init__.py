"""Powder diffraction: peaks, and the lattice parameter of a cubic standard."""
