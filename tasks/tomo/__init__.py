"""Tomography: flat field, axis of rotation, one reconstructed slice."""
