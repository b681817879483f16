"""Units as canSAS spells them, and those it allows for intensity."""

LEGAL_INTENSITY = ("1/m", "1/cm", "m2/g", "cm2/g", "arbitrary")
SPELLINGS = {
    "counts": "count",
    "a.u.": "arbitrary",
    "m2/g": "m**2/g",
    "cm2/g": "cm**2/g",
    "none": "dimensionless",
}
