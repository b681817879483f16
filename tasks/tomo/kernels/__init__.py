"""Kernels of tomo: numpy in, numpy out."""
