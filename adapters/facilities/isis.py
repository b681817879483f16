"""ISIS neutron and muon source: small angle instruments, their RKH curves and their runs in event mode."""

from adapters.formats.event_nexus import EventNexus
from adapters.formats.rkh import RkhCurve

SANS_RKH = RkhCurve(
    name="isis_rkh", facility="isis", marker=r"^\s*(SANS2D|LOQ|LARMOR|ZOOM)\b", writes_q_in="1/angstrom"
)

# Times of events are in microseconds, which the older files do not say.
SANS_EVENTS = EventNexus(
    name="isis_sans_events",
    technique="sans",
    facility="isis",
    instruments=("sans2d", "larmor", "zoom", "loq"),
    time_unit="us",
)
