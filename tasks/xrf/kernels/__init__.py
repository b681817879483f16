"""Kernels of xrf: numpy in, numpy out."""
