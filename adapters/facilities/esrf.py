"""ESRF: curves of the BioSAXS beamline BM29, whose software labels its axis q*nm and may crop the label."""

from adapters.formats.ascii_curve import AsciiCurve
from adapters.formats.text import Said

BM29 = AsciiCurve(
    name="esrf_bm29_dat",
    technique="saxs",
    facility="esrf",
    instrument="bm29",
    marker=r"^# .*/(bm29|BM29)/|^# .*BM29",
    writes_q_in="1/nm",
    quantities=(
        Said("concentration_mg_ml", r"^# Sample c= (\S+) mg/ml"),
        Said("exposure_s", r"^# Time per frame \(s\) = (\S+)"),
        Said("distance_m", r"^# SampleDistance = (\S+)"),
        Said("wavelength_angstrom", r"^# WaveLength = (\S+)", "m", "angstrom"),
        Said("pixel_size_x_m", r"^# PixelSize_1 = (\S+)"),
        Said("pixel_size_y_m", r"^# PixelSize_2 = (\S+)"),
        Said("temperature_k", r"^# Measurement Temperature \(degrees C\): (\S+)", offset=273.15),
    ),
    remarks=(
        Said("normalization", r"^# Normalization = (\S+)"),
        Said("diode_current_a", r"^# DiodeCurr = (\S+)"),
        Said("ring_current_ma", r"^# MachCurr = (\S+)"),
        Said("frame", r"^# Frame (\d+) of \d+"),
        Said("frames", r"^# Frame \d+ of (\d+)"),
        Said("autorg_rg", r"^# AutoRg: Rg\s+=\s+(\S+)"),
        Said("autorg_rg_error", r"^# AutoRg: Rg\s+=\s+\S+ \+/- (\S+)"),
        Said("autorg_i0", r"^# AutoRg: I\(0\) =\s+(\S+)"),
        Said("autorg_i0_error", r"^# AutoRg: I\(0\) =\s+\S+ \+/- (\S+)"),
        Said("autorg_first_point", r"^# AutoRg: Points\s+(\d+) to"),
        Said("autorg_last_point", r"^# AutoRg: Points\s+\d+ to (\d+)"),
    ),
    cautions=(
        (
            "divided_by_concentration",
            r"# Intensity scaled by concentration",
            "the intensity was divided by the concentration when the buffer was subtracted",
        ),
    ),
)
