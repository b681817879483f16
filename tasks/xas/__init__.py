"""X-ray absorption: the position of an edge."""
