"""Formulas of one-dimensional small angle scattering: numpy in, numpy out, silent."""
