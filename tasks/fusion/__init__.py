"""Several products into one answer: claims, how they relate, and whether they agree."""
