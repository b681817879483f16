"""Formulas of serial crystallography: numpy in, numpy out."""
