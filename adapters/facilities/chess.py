"""CHESS at Cornell: curves of the MacCHESS BioSAXS station, reduced with BioXTAS RAW."""

from adapters.formats.bioxtas import BioxtasCurve

MACCHESS = BioxtasCurve(
    name="macchess_dat",
    facility="chess",
    instrument="macchess",
    marker=r"macchess|/currentdaq/BioSAXS/|\"hepstat\"",
)
