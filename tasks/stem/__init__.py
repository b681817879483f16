"""Scanned beams of electrons: patterns to images of virtual detectors."""
