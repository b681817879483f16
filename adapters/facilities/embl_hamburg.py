"""EMBL Hamburg at DORIS: the BioSAXS beamline X33, closed in 2012, whose files live on."""

from adapters.formats.atsas import AtsasCurve

X33 = AtsasCurve(
    name="embl_x33_dat", facility="embl_hamburg", instrument="x33", marker=r"/data/x33/|DORIS current"
)
