"""Plain numpy: peaks of a spectrum, and the ladder of charges that one mass leaves in it."""
