"""Small angle neutron scattering by time of flight: events in, I(q) out."""
