"""Formulas: numpy in, numpy out."""
