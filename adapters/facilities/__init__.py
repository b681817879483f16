"""What a place means by its files: tables over the formats, one module a facility."""
