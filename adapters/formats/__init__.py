"""How bytes are laid out: one module a format, no facility's meaning in any of them."""
