"""Atomic models: what a particle of these atoms weighs, measures and scatters."""
