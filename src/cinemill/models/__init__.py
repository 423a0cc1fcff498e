"""Weights: which there are and where from, on disk and safe to load, and what other forms they can take."""
