"""Plain numpy: Fourier shells, symmetry, size, and the place of a model in a map."""
