"""European Spallation Source: instruments whose runs the file writer leaves as event NeXus."""

from __future__ import annotations

from adapters.formats.event_nexus import EventNexus


def _instrument(name: str, technique: str, *banks: str, called: tuple[str, ...] = ()) -> EventNexus:
    return EventNexus(
        name=f"ess_{name}",
        technique=technique,
        facility="ess",
        instruments=(name, *called),
        banks=banks,
        ends=True,
    )


LOKI = _instrument("loki", "sans", *(f"loki_detector_{number}" for number in range(9)))
NMX = _instrument("nmx", "mx")
ODIN = _instrument("odin", "tof")
DREAM = _instrument("dream", "tof", "endcap_backward_detector", "endcap_forward_detector", "mantle_detector")
BIFROST = _instrument("bifrost", "tof")
