"""Small and wide angle X-ray scattering: from frames to curves to the size of a particle."""
