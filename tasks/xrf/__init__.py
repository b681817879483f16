"""X-ray fluorescence: lines of a spectrum and their energies."""
