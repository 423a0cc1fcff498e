"""cinemill: a local-first media studio."""

__version__ = "0.1.0"
