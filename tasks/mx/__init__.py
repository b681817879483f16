"""Macromolecular crystallography: what merged or unmerged reflections support."""
