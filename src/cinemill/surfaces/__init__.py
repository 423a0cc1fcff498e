"""Ways in: each is computed from the catalogue and names no operation."""
