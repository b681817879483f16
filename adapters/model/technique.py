"""What the data of a technique must carry, so that any reader fits any reduction of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.errors import UnitError
from adapters.model.unit import same_dimension

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable's dims in order and the unit its own must be convertible to; None for any."""

    dims: tuple[str, ...] | None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Technique:
    """A technique by its one name, its PaNET identifier, and the forms its data may take.

    `forms` are alternatives: a measurement fits if all variables of one of them
    are there with their dims and units. Other variables are welcome.
    """

    name: str
    title: str
    panet: str | None
    forms: dict[str, dict[str, Variable]]

    @property
    def iri(self) -> str | None:
        """The technique in the photon and neutron technique ontology."""
        return f"http://purl.org/pan-science/PaNET/{self.panet}" if self.panet else None


# Rows of a free induction decay are increments of a second dimension, delays of a series, or repetitions.
DECAY = {
    "fid": Variable(("row", "time")),
    "time": Variable(("time",), "s"),
    "frequency": Variable((), "MHz"),
    "carrier": Variable((), "ppm"),
}
RESONANCES = {
    "fid": DECAY,
    "spectrum": {"intensity": Variable(("row", "shift")), "shift": Variable(("shift",), "ppm")},
    "plane": {
        "intensity": Variable(("shift_1", "shift_2")),
        "shift_1": Variable(("shift_1",), "ppm"),
        "shift_2": Variable(("shift_2",), "ppm"),
    },
    # Peaks found by somebody: heights in each row of a series.
    "peaks": {"height": Variable(("row", "peak"))},
    # What reductions leave of every residue.
    "residues": {
        "assignment": Variable(("peak",)),
        "residue": Variable(("peak",), "dimensionless"),
    },
    "shifts": {
        "chemical_shift": Variable(("atom",), "ppm"),
        "atom_name": Variable(("atom",)),
        "residue_number": Variable(("atom",)),
    },
}
# A volume is one image of the whole object: an echo, a weighting, a direction, a point in time.
VOLUMES = {
    "volumes": {"signal": Variable(("volume", "z", "y", "x")), "affine": Variable(("to_axis", "axis"))},
    "voxels": {"signal": Variable(("volume", "voxel"))},
    "maps": {"quality": Variable(("z", "y", "x"), "dimensionless")},
    # Scanners do not say where on the scale of ppm their carrier lies.
    "fid": {name: variable for name, variable in DECAY.items() if name != "carrier"},
    "spectrum": RESONANCES["spectrum"],
}

IMAGES = {"counts": Variable(("frame", "y", "x"), "count")}
CURVES = {"intensity": Variable(("frame", "q")), "q": Variable(("q",), "1/angstrom")}
PLANE = {"intensity": Variable(("qy", "qx")), "qx": Variable(("qx",), "1/angstrom")}
DISTANCES = {"p_of_r": Variable(("r",)), "r": Variable(("r",), "angstrom")}
REDUCED = {"curve": CURVES, "plane": PLANE, "distances": DISTANCES}
SCATTERING = {"image": IMAGES, **REDUCED}
ATOMS = {axis: Variable(("atom",), "angstrom") for axis in ("x", "y", "z")} | {
    "element": Variable(("atom",)),
    "occupancy": Variable(("atom",), "dimensionless"),
}
# Spectra of one run end to end: scans differ in length, so each says where its points start and how many.
SPECTRA = {
    "mz": Variable(("point",), "Da/elementary_charge"),
    "intensity": Variable(("point",)),
    "first_point": Variable(("scan",), "dimensionless"),
    "points": Variable(("scan",), "dimensionless"),
}
PLACES = {axis: Variable(("scan",), "dimensionless") for axis in ("x", "y")}
# Tables of mass spectrometry: single ions, masses, exchange, cross-links, identified peptides, sequences.
IONS = {"ion_mz": Variable(("ion",), "Da/elementary_charge"), "ion_signal": Variable(("ion",))}
MASSES = {"intensity": Variable(("mass",)), "mass": Variable(("mass",), "Da")}
UPTAKE = {
    "uptake": Variable(("row",), "Da"),
    "exposure": Variable(("row",), "min"),
    "start": Variable(("row",), "dimensionless"),
    "end": Variable(("row",), "dimensionless"),
    "state": Variable(("row",)),
}
CROSSLINKS = {f"residue_{k}": Variable(("link",), "dimensionless") for k in (1, 2)} | {
    f"protein_{k}": Variable(("link",)) for k in (1, 2)
}
PEPTIDES = {
    "peptide": Variable(("identification",)),
    "precursor_mz": Variable(("identification",), "Da/elementary_charge"),
}
SEQUENCES = {"accession": Variable(("protein",)), "protein_sequence": Variable(("protein",))}
MS_FORMS = {
    "spectra": SPECTRA,
    "ions": IONS,
    "masses": MASSES,
    "uptake": UPTAKE,
    "crosslinks": CROSSLINKS,
    "peptides": PEPTIDES,
    "sequences": SEQUENCES,
}
# A map, or images of one kind; `voxel` (angstrom, over "axis") stands beside them where it is known.
DENSITY = {"density": Variable(("z", "y", "x"))}
MICROGRAPHS = {"image": Variable(("frame", "y", "x"))}
# Tables about images: each a set of variables over a dimension of its own, listed with its rows.
RECORDS = {"table": Variable(("tables",)), "rows": Variable(("tables",), "dimensionless")}
# A scanned beam: what each point of the scan gave, in the order of the scan; `scan_shape` (rows, columns)
# and `scan_step` (angstrom) stand beside it where they are known.
SCANNED_BEAM = {
    "patterns": {"patterns": Variable(("frame", "ky", "kx"))},
    "spectra": {"spectrum": Variable(("frame", "energy")), "energy": Variable(("energy",), "eV")},
    "images": MICROGRAPHS,
    "detectors": {"bright_field": Variable(("row", "column")), "dark_field": Variable(("row", "column"))},
}
# Neutrons one by one: the number of the pixel that counted, and the time since the pulse.
EVENTS = {
    "event_id": Variable(("event",), "dimensionless"),
    "time_of_flight": Variable(("event",), "ns"),
}
# The same sorted by pixel and time.
TOF_HISTOGRAM = {
    "counts": Variable(("pixel", "tof"), "count"),
    "tof_edges": Variable(("tof_edge",), "ns"),
}

# Powder patterns over the scattering angle, which need no wavelength to be read.
PATTERN = {"intensity": Variable(("frame", "two_theta")), "two_theta": Variable(("two_theta",), "degree")}
# Flats and darks, where there are any, stand beside the projections as `flats` and `darks`.
PROJECTIONS = {
    "counts": Variable(("projection", "y", "x")),
    "angle": Variable(("projection",), "degree"),
}
FLUORESCENCE = {
    "spectra": Variable(("frame", "channel"), "count"),
    "channel": Variable(("channel",), "dimensionless"),
}
ABSORPTION = {"absorption": Variable(("energy",)), "energy": Variable(("energy",), "eV")}
# Diffraction frames of a scanned probe, each with the place of the sample.
SCANNED = {
    **IMAGES,
    "position_x": Variable(("frame",), "m"),
    "position_y": Variable(("frame",), "m"),
}
REFLECTIONS = {
    **{index: Variable(("reflection",), "dimensionless") for index in ("h", "k", "l")},
    "d_spacing": Variable(("reflection",), "angstrom"),
    "cell": Variable(("parameter",)),
}
# What reductions leave: a slice of a sample, and shells of resolution.
SLICE = {"attenuation": Variable(("y", "x"))}
SHELLS = {
    "mean_i_over_sigma": Variable(("shell",), "dimensionless"),
    "d_min": Variable(("shell",), "angstrom"),
}
# Columns of a scan have names of their own; what they share is the point.
POINTS = {"point": Variable(("point",), "dimensionless")}
# Counts over axes that were chosen when they were binned.
VOLUME = {name: Variable(None, "count") for name in ("intensity", "intensity_errors")}
# Single particles on a delay-line detector, padded to the train with most of them: NaN is no particle.
ELECTRONS = {name: Variable(("train", "hit")) for name in ("x", "y", "tof")} | {"train": Variable(("train",))}
TRAINS = {"train": Variable(("train",), "dimensionless")}
# Frames of a detector of several modules, and which modules were there in which frame.
MODULES = {
    "counts": Variable(("frame", "module", "y", "x")),
    "present": Variable(("frame", "module"), "dimensionless"),
}
# Centres of pixels; z is from the plane at the camera length, along the beam.
PIXELS = {f"position_{axis}": Variable(("module", "y", "x"), "m") for axis in "xyz"}
# What a serial crystallography program found: lattices by the frame they are from.
CRYSTALS = {f"cell_{axis}": Variable(("crystal",), "angstrom") for axis in "abc"} | {
    "crystal_frame": Variable(("crystal",), "dimensionless"),
}
HITS = {name: Variable(("frame",), "dimensionless") for name in ("hit", "peaks")}

TECHNIQUES: dict[str, Technique] = {
    each.name: each
    for each in (
        Technique("saxs", "small angle x-ray scattering", "PaNET01188", SCATTERING),
        Technique("waxs", "wide angle x-ray scattering", "PaNET01191", SCATTERING),
        Technique("nmr", "nuclear magnetic resonance spectroscopy", None, RESONANCES),
        Technique("mri", "magnetic resonance imaging", None, VOLUMES),
        Technique("sans", "small angle neutron scattering", "PaNET01189", {**SCATTERING, "events": EVENTS}),
        Technique(
            "powder",
            "x-ray powder diffraction",
            "PaNET01101",
            {"image": IMAGES, "curve": CURVES, "pattern": PATTERN},
        ),
        Technique(
            "mx",
            "macromolecular crystallography",
            None,
            {"image": IMAGES, "events": EVENTS, "reflections": REFLECTIONS, "shells": SHELLS},
        ),
        Technique("tomo", "x-ray tomography", None, {"projections": PROJECTIONS, "slice": SLICE}),
        Technique("xrf", "x-ray fluorescence", None, {"spectra": FLUORESCENCE}),
        Technique("xas", "x-ray absorption spectroscopy", "PaNET01196", {"absorption": ABSORPTION}),
        Technique("ptycho", "ptychography", None, {"scanned": SCANNED}),
        # Columns of a scan whose technique the file does not say.
        Technique("scan", "scan of unstated technique", None, {"points": POINTS}),
        Technique("sfx", "serial femtosecond crystallography", None, {"crystals": CRYSTALS, "hits": HITS}),
        Technique(
            "mpes",
            "multidimensional photoemission spectroscopy",
            None,
            {"electrons": ELECTRONS, "volume": VOLUME},
        ),
        Technique("structure", "atomic model of a molecule or an assembly", None, {"atoms": ATOMS}),
        Technique(
            "spa",
            "electron microscopy of particles",
            None,
            {"map": DENSITY, "images": MICROGRAPHS, "records": RECORDS},
        ),
        Technique("stem", "scanning transmission electron microscopy", None, SCANNED_BEAM),
        # Neutrons by time of flight, of which nothing says what they were to show.
        Technique("tof", "neutron time of flight", None, {"events": EVENTS, "histogram": TOF_HISTOGRAM}),
        Technique("ms", "mass spectrometry", None, MS_FORMS),
        Technique("imaging_ms", "mass spectrometry imaging", None, {"pixels": SPECTRA | PLACES}),
        # Several products joined; it has no run of its own to read.
        Technique("fusion", "several techniques on one sample", None, {}),
        # A detector file that says nothing of what was done with it.
        Technique("image", "detector image of unstated technique", None, {"image": IMAGES}),
        Technique("modules", "frames of several modules, of unstated technique", None, {"modules": MODULES}),
        Technique("geometry", "where the pixels of a detector stand", None, {"pixels": PIXELS}),
        # Channels of a free-electron laser that say nothing of what was done with them.
        Technique("trains", "channels by train, of unstated technique", None, {"train": TRAINS}),
        Technique("curve", "scattering curve of unstated technique", None, REDUCED),
    )
}


# In the table of a product: the name of the variable that it is about. Such a table has the form of
# its reduction, which no reader of raw data shares.
PRODUCT_SIGNAL = "product_signal"


def violations(technique: Technique, data: xr.Dataset) -> tuple[str, ...]:
    """Why `data` fits none of the technique's forms and is no table of a product; empty if it fits one."""
    if PRODUCT_SIGNAL in data.variables:
        name = str(data[PRODUCT_SIGNAL].item())
        return tuple(f"as a product: {fault}" for fault in _faults({name: Variable(None)}, data))
    faults = {name: _faults(form, data) for name, form in technique.forms.items()}
    if any(not found for found in faults.values()):
        return ()
    nearest = min(faults, key=lambda name: (_absent(technique.forms[name], data), len(faults[name])))
    return tuple(f"as {technique.name} {nearest}: {fault}" for fault in faults[nearest])


def _absent(form: dict[str, Variable], data: xr.Dataset) -> int:
    return sum(name not in data.variables for name in form)


def _faults(form: dict[str, Variable], data: xr.Dataset) -> list[str]:
    faults = []
    for name, wanted in form.items():
        if name not in data.variables:
            faults.append(f"{name} is missing")
            continue
        found = data[name]
        if wanted.dims is not None and found.dims != wanted.dims:
            faults.append(f"{name} has dims {found.dims}, not {wanted.dims}")
        if "units" not in found.attrs:
            faults.append(f"{name} has no unit")
        elif wanted.unit is not None and not _fits(str(found.attrs["units"]), wanted.unit):
            faults.append(f"{name} is in {found.attrs['units']!r}, not in {wanted.unit!r}")
    return faults


def _fits(unit: str, wanted: str) -> bool:
    try:
        return same_dimension(unit, wanted)
    except UnitError:
        return False
