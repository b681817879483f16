"""Plain numpy: composition, size, and scattering of atoms in solution."""
