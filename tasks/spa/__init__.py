"""Electron microscopy of particles: movies, micrographs, particles, maps, and models in maps."""
