"""The version, apart from everything so that anything may know it; part of every plan's signature."""

__version__ = "0.1.0"
