"""Frames -> numbers: field order, quality, pictures of both. No file is written here but pictures."""
