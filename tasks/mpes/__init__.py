"""Multidimensional photoemission: electrons to a binned volume."""
