"""Xenocs BioXolver, a laboratory instrument for solution scattering that runs its own BioXTAS RAW."""

from adapters.formats.bioxtas import BioxtasCurve

BIOXOLVER = BioxtasCurve(name="bioxolver_dat", instrument="bioxolver", marker=r"BioXolver version")
