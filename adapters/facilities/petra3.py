"""PETRA III at DESY: the BioSAXS beamline P12 of EMBL Hamburg."""

from adapters.formats.atsas import AtsasCurve

P12 = AtsasCurve(name="petra3_p12_dat", facility="petra3", instrument="p12", marker=r"/data/p12/")
