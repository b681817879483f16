"""ISIS neutron and muon source: small angle instruments whose RKH files give q in 1/angstrom."""

from adapters.formats.rkh import RkhCurve

SANS_RKH = RkhCurve(
    name="isis_rkh", facility="isis", marker=r"^\s*(SANS2D|LOQ|LARMOR|ZOOM)\b", writes_q_in="1/angstrom"
)
