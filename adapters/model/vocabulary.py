"""The one table of quantities that a finding may claim: name, unit, meaning."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quantity:
    """A claimable quantity; `definition` tells what must be the same to be compared."""

    unit: str
    definition: str


QUANTITIES: dict[str, Quantity] = {
    "radius_of_gyration": Quantity("angstrom", "root mean square distance from the centre of contrast"),
    "maximum_dimension": Quantity("angstrom", "largest distance inside the particle, where P(r) ends"),
    "hydrodynamic_radius": Quantity("angstrom", "radius of the sphere that diffuses alike"),
    "resolution": Quantity("angstrom", "smallest spacing that the data support"),
    "unit_cell_a": Quantity("angstrom", "first edge of the unit cell"),
    "unit_cell_b": Quantity("angstrom", "second edge of the unit cell"),
    "unit_cell_c": Quantity("angstrom", "third edge of the unit cell"),
    "lattice_spacing": Quantity("angstrom", "distance between the lattice planes of one reflection"),
    "rotation_axis": Quantity("pixel", "where the axis of rotation falls on the detector, fast axis"),
    "fluorescence_peak": Quantity("dimensionless", "channel at which a fluorescence line peaks"),
    "energy_per_channel": Quantity("eV", "width of a channel of a spectrum in energy"),
    "absorption_edge_energy": Quantity("eV", "photon energy at which an absorption edge is steepest"),
    "molecular_mass": Quantity("kDa", "mass of the particle as it is in the sample"),
    "protomer_mass": Quantity("kDa", "mass of one copy of the repeating unit, by its sequence"),
    "hydration_contrast": Quantity(
        "1/angstrom**3", "electron density of the hydration shell over that of bulk water"
    ),
    "forward_intensity": Quantity("any", "intensity extrapolated to q = 0, in the unit of the curve"),
    "porod_volume": Quantity("angstrom**3", "volume from the Porod invariant and I(0)"),
    "volume_of_correlation": Quantity("angstrom**2", "I(0) over the integral of q I(q)"),
    "second_virial_coefficient": Quantity("mol*ml/g**2", "interaction term of the concentration series"),
    "oligomeric_state": Quantity("dimensionless", "number of protomers in the particle"),
    "contrast_match_point": Quantity("percent", "volume fraction of D2O at which contrast vanishes"),
    "relaxation_time_t1": Quantity("s", "longitudinal relaxation time"),
    "relaxation_time_t2": Quantity("s", "transverse relaxation time"),
    "relaxation_time_t2star": Quantity("s", "effective transverse relaxation time"),
    "relaxation_time_t1rho": Quantity("s", "longitudinal relaxation time in the rotating frame"),
    "relaxation_rate_r1": Quantity("1/s", "longitudinal relaxation rate"),
    "relaxation_rate_r2": Quantity("1/s", "transverse relaxation rate"),
    "heteronuclear_noe": Quantity(
        "dimensionless", "signal with saturation of the other nucleus over without"
    ),
    "chemical_shift_perturbation": Quantity("ppm", "weighted distance between shifts in two states"),
    "signal_to_noise_ratio": Quantity(
        "dimensionless", "mean signal over the standard deviation of the noise"
    ),
    "rotational_correlation_time": Quantity("ns", "time in which the molecule turns by a radian"),
    "fractional_anisotropy": Quantity("dimensionless", "anisotropy of the diffusion tensor, 0 to 1"),
    "mean_diffusivity": Quantity("mm**2/s", "a third of the trace of the diffusion tensor"),
    "magnetisation_transfer_ratio": Quantity("percent", "signal lost to off-resonance saturation"),
    "transmission": Quantity("dimensionless", "share of the beam that passes the sample unscattered"),
    "convergence_semi_angle": Quantity("mrad", "half the opening angle of the cone of a focused beam"),
    "defocus": Quantity("angstrom", "mean underfocus of the objective lens"),
    "hit_fraction": Quantity("dimensionless", "frames with enough Bragg peaks over frames looked at"),
    "map_model_correlation": Quantity("dimensionless", "correlation of a map with a model's map"),
    "crosslink_satisfaction": Quantity("percent", "cross-links whose distance the model allows"),
    "identification_support": Quantity("percent", "identified peptides that are found again in their run"),
    "deuterium_uptake": Quantity("Da", "mass gained by hydrogen-deuterium exchange"),
    "chemical_shift": Quantity("ppm", "resonance position relative to the reference"),
    "detector_distance": Quantity("m", "sample to detector along the beam, as refined"),
    "beam_center_x": Quantity("pixel", "where the beam meets the detector, fast axis"),
    "beam_center_y": Quantity("pixel", "where the beam meets the detector, slow axis"),
}
"""`forward_intensity` alone takes the unit of its curve, since absolute and arbitrary scales differ."""
