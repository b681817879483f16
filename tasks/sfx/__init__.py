"""Serial crystallography at free-electron lasers: hits, powder sums, lattices."""
