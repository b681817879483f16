"""Which exit status an error means, by kind; what is in no row is a fault of ours."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

DONE, FAULT, USAGE, NOT_READY, BROKEN, MISSING, REFUSED = 0, 1, 2, 3, 4, 5, 6

# The first row that fits wins, so children stand before their parents. Modules are
# named, not imported: an error of a module that was never loaded cannot have been raised.
ROWS: tuple[tuple[str, str, int], ...] = (
    ("halos.commands.settings", "UsageError", USAGE),
    ("configs.load", "ConfigurationError", USAGE),
    ("flows.keys", "KeyFileError", USAGE),
    ("flows.ticket", "TicketError", REFUSED),
    ("flows.site_request", "MalformedRequestError", USAGE),
    ("deployments.site.errors", "RefusedError", REFUSED),
    ("adapters.stores.errors", "BesideRawDataError", USAGE),
    ("adapters.errors", "UnknownAssumptionError", USAGE),
    ("adapters.errors", "NotReadyError", NOT_READY),
    ("flows.cluster_errors", "ClusterAwayError", NOT_READY),
    ("adapters.errors", "StillWritingError", NOT_READY),
    ("adapters.errors", "MissingMetadataError", MISSING),
    ("adapters.testing.template", "ScaffoldError", USAGE),
    ("adapters.errors", "AdapterError", BROKEN),
    ("adapters.stores.errors", "LinkError", NOT_READY),
    ("adapters.stores.errors", "TargetError", USAGE),
    ("adapters.stores.errors", "NotForCrossingError", REFUSED),
    ("adapters.stores.errors", "StoreError", BROKEN),
    ("tasks.common.calibration", "CalibrationError", BROKEN),
    ("tasks.sans.reduction", "SansError", BROKEN),
    ("tasks.saxs.curve", "CurveError", BROKEN),
    ("tasks.structure.particle", "StructureError", BROKEN),
    ("tasks.spa.errors", "ImageError", BROKEN),
    ("tasks.imaging_ms.errors", "ImagingError", BROKEN),
    ("tasks.stem.errors", "PatternError", BROKEN),
    ("tasks.ms.errors", "SpectrumError", BROKEN),
    ("tasks.sfx.cells", "StreamError", BROKEN),
    ("tasks.mpes.reduction", "ElectronError", USAGE),
    ("tasks.mx.reduction", "ReflectionError", BROKEN),
    ("tasks.powder.reduction", "PatternError", BROKEN),
    ("tasks.tomo.reduction", "ProjectionError", BROKEN),
    ("tasks.xas.reduction", "EdgeError", BROKEN),
    ("tasks.xrf.reduction", "LinesError", BROKEN),
    ("deployments.site.errors", "SiteError", USAGE),
    ("deployments.audit", "AuditBrokenError", BROKEN),
    ("flows.ledger.errors", "LedgerAwayError", NOT_READY),
    ("flows.ledger.errors", "UnknownRequestError", BROKEN),
    ("flows.ledger.errors", "IllegalMoveError", FAULT),
    ("flows.ledger.errors", "StaleLeaseError", FAULT),
    ("flows.ledger.errors", "LedgerError", USAGE),
    ("tasks.mri.errors", "VolumeError", BROKEN),
    ("tasks.nmr.spectrum", "ResonanceError", BROKEN),
    ("flows.site_errors", "NoHubError", USAGE),
    ("flows.site_errors", "NoKeyError", USAGE),
    ("flows.site_errors", "SiteRefusedError", REFUSED),
    ("flows.site_errors", "SiteBrokenError", BROKEN),
    ("flows.site_errors", "SitesError", NOT_READY),
    ("deployments.errors", "PartFailedError", FAULT),
    ("deployments.errors", "HubError", USAGE),
)


def status_of(error: BaseException) -> int:
    """The exit status for an error."""
    return next(_fitting(type(error)), FAULT)


def status_of_kind(kind: str) -> int:
    """The exit status for an error that is known as MODULE:CLASS."""
    module, _, name = kind.partition(":")
    return next(_fitting(getattr(import_module(module), name)), FAULT)


def in_words(error: BaseException) -> bool:
    """Whether the message of an error says enough without its traceback."""
    return next(_fitting(type(error)), None) is not None


def _fitting(error: type[BaseException]) -> Iterator[int]:
    kinds = {(kind.__module__, kind.__qualname__) for kind in error.__mro__}
    return (status for module, name, status in ROWS if (module, name) in kinds)


def rows_exist() -> bool:
    """Whether every row names an exception that is there; asked by a test."""
    return all(issubclass(getattr(import_module(module), name), Exception) for module, name, _ in ROWS)
