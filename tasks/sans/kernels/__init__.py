"""Formulas of SANS: numpy in, numpy out."""
