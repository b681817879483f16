"""Formulas of photoemission: numpy in, numpy out."""
