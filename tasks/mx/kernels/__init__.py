"""Kernels of mx: numpy in, numpy out."""
