"""HALOS: one sample, many facilities, one answer."""

__version__ = "0.1.0"
