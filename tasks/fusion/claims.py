"""What each product claims, by whose definition, with which flags, and what it shares with others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from adapters.model import QUANTITIES, Finding, Flag, Manifest, Severity, convert

# Flags that say a step gave nothing; what the product does claim stands.
ABOUT_ABSENCE = ("no_", "distances_", "dimension_not_bounded")
SIZES = ("radius_of_gyration", "maximum_dimension", "molecular_mass", "porod_volume", "forward_intensity")


@dataclass(frozen=True)
class Source:
    """A product as fusion sees it: `data` names the files behind it by role, `label` is for people."""

    label: str
    key: str
    technique: str
    recipe: str
    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]
    data: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, manifest: Manifest, label: str) -> Source:
        """A product by its manifest; its own files count, as others may have been made from them."""
        read = [(each.role, each.sha256) for each in manifest.inputs]
        own = [("product", digest) for name, digest in manifest.files.items() if name == manifest.product]
        technique, recipe = manifest.technique, manifest.recipe
        return cls(
            label, manifest.key, technique, recipe, manifest.findings, manifest.flags, tuple(read + own)
        )


@dataclass(frozen=True)
class Share:
    """A cause of error that other claims have too, and the part of the uncertainty it makes up."""

    source: str
    uncertainty: float


@dataclass(frozen=True)
class Claim:
    """One number of one product in the unit of the vocabulary.

    `stated` keeps value, uncertainty and unit as the product says them, `steps` how it
    was brought to `definition`, `aside` why it takes no part in the consensus, empty
    if it does.
    """

    quantity: str
    value: float
    uncertainty: float | None
    unit: str
    method: str
    definition: str
    source: str
    key: str
    data: str
    stated: tuple[float, float | None, str]
    shares: tuple[Share, ...] = ()
    flags: tuple[Flag, ...] = ()
    assumptions: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    aside: str = ""

    @property
    def name(self) -> str:
        """How people and JSON refer to it."""
        return f"{self.source}: {self.method}"

    @property
    def order(self) -> tuple[Any, ...]:
        """Claims are sorted by this, so that the order of products does not matter."""
        return (self.quantity, self.source, self.method, self.definition, self.key, self.value)

    def put_aside(self, why: str) -> Claim:
        """The same claim, shown but not used."""
        return replace(self, aside=self.aside or why)


# Quantity, technique, start of the method, definition; the first row that fits holds, "" fits all.
DEFINITIONS: tuple[tuple[str, str, str, str], ...] = (
    ("molecular_mass", "ms", "charge ladder, species", "mass of another species in the spectrum"),
    ("molecular_mass", "ms", "", "mass of the ion, adducts included"),
    ("molecular_mass", "structure", "sequence", "mass of the assembly by its sequence"),
    ("molecular_mass", "structure", "atoms", "mass of the atoms that were modelled"),
    ("molecular_mass", "sans", "", "apparent mass by neutron contrast"),
    ("molecular_mass", "", "", "apparent mass of what scatters"),
    ("radius_of_gyration", "structure", "bare", "bare atoms, weighted by electrons"),
    ("radius_of_gyration", "structure", "hydrated", "hydrated, X-ray contrast"),
    ("radius_of_gyration", "saxs", "", "hydrated, X-ray contrast"),
    ("radius_of_gyration", "sans", "", "neutron contrast"),
    ("maximum_dimension", "structure", "bare", "largest distance of bare atoms"),
    ("maximum_dimension", "sans", "", "where P(r) ends, neutron contrast"),
    ("maximum_dimension", "", "", "where P(r) ends"),
)
# On a scale of its own in every product, or a fact of an instrument: never compared.
OWN_SCALE = (
    "forward_intensity",
    "detector_distance",
    "beam_center_x",
    "beam_center_y",
    "protomer_mass",
    "rotation_axis",
    "fluorescence_peak",
    "energy_per_channel",
)
# The range of q, the residue or the region is part of what these mean, and their method names it.
BY_METHOD = (
    "porod_volume",
    "volume_of_correlation",
    "chemical_shift",
    "chemical_shift_perturbation",
    "heteronuclear_noe",
    "relaxation_time_t1",
    "relaxation_time_t2",
    "relaxation_time_t2star",
    "relaxation_time_t1rho",
    "relaxation_rate_r1",
    "relaxation_rate_r2",
    "fractional_anisotropy",
    "mean_diffusivity",
    "magnetisation_transfer_ratio",
    "signal_to_noise_ratio",
    "lattice_spacing",
)
COMBINED = "concentration-independent combination"
ROUTES = ("Porod volume", "volume of correlation", "corrected Porod volume", "Bayesian")


def definition_of(source: Source, finding: Finding) -> str:
    """What exactly a finding is about; only equal definitions may be compared."""
    for quantity, technique, method, definition in DEFINITIONS:
        fits = finding.quantity == quantity and technique in ("", source.technique)
        if fits and finding.method.startswith(method):
            return definition
    if finding.quantity in OWN_SCALE:
        return f"{finding.quantity.replace('_', ' ')} of {source.label}"
    meaning = QUANTITIES[finding.quantity].definition
    return f"{meaning}: {finding.method}" if finding.quantity in BY_METHOD else meaning


def claims_of(sources: Sequence[Source], same_data_share: float) -> list[Claim]:
    """Every finding of every product as a claim; equal ones of one product count once."""
    groups = _data_groups(sources)
    found: dict[tuple[Any, ...], Claim] = {}
    for source in sources:
        combined = any(each.method == COMBINED for each in source.findings)
        for finding in source.findings:
            claim = _claim(source, finding, groups, same_data_share)
            if combined and finding.quantity == "molecular_mass" and finding.method.startswith(ROUTES):
                claim = claim.put_aside(f"it is part of the {COMBINED} of the same product")
            found.setdefault((claim.key, claim.quantity, claim.method, claim.value), claim)
    return sorted(found.values(), key=lambda claim: claim.order)


def _claim(source: Source, finding: Finding, groups: dict[str, str], share: float) -> Claim:
    unit = QUANTITIES[finding.quantity].unit
    unit = finding.unit if unit == "any" else unit
    value = convert(finding.value, finding.unit, unit, source.label)
    error = finding.uncertainty
    error = None if error is None else convert(error, finding.unit, unit, source.label)
    data = groups[_behind(source, finding)]
    shares = () if not error or not share else (Share(f"data {data[:12]}", share * error),)
    flags = tuple(flag for flag in source.flags if concerns(flag, finding.quantity))
    claim = Claim(
        quantity=finding.quantity,
        value=value,
        uncertainty=error,
        unit=unit,
        method=finding.method,
        definition=definition_of(source, finding),
        source=source.label,
        key=source.key,
        data=data,
        stated=(finding.value, finding.uncertainty, finding.unit),
        shares=shares,
        flags=flags,
        assumptions=finding.assumptions,
    )
    invalid = [flag for flag in flags if flag.severity is Severity.INVALID]
    return claim.put_aside(f"flagged invalid: {invalid[0].message}") if invalid else claim


def concerns(flag: Flag, quantity: str) -> bool:
    """Whether a flag bears on a quantity that the product does claim."""
    if flag.code.startswith(ABOUT_ABSENCE):
        return False
    return flag.code != "aggregation_suspected" or quantity in SIZES


def _behind(source: Source, finding: Finding) -> str:
    """Hash of the file whose noise is in a finding: a fit to a curve carries that of the curve."""
    role = "curve" if finding.method.endswith("fitted") or finding.method == "fit to the curve" else "sample"
    of_role = [digest for each, digest in source.data if each == role]
    return min(of_role, default=source.key)


def _data_groups(sources: Iterable[Source]) -> dict[str, str]:
    """For every file the name of its group: files that went into one product, or were made of each other."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for source in sources:
        joined = [digest for role, digest in source.data if role in ("sample", "product")] or [source.key]
        for each in joined[1:]:
            first, second = sorted((root(joined[0]), root(each)))
            parent[second] = first
        for _, digest in source.data:
            root(digest)
        root(source.key)
    return {name: root(name) for name in parent}
