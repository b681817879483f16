"""Kernels of powder: numpy in, numpy out."""
