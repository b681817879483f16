"""Kernels of xas: numpy in, numpy out."""
