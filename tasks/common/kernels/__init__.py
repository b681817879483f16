"""Arithmetic on plain arrays that several techniques share."""
