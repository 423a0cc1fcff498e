"""Luma planes -> how sharp a picture is, and how far two pictures have the same edges.

Sources: the spread of the Laplacian as a measure of focus, J. Pech-Pacheco et al., Diatom autofocusing in brightfield
microscopy, 2000. Coherence is the cosine between the two gradient fields, pixel by pixel and whatever their sign, so
that a drawing, which may turn bright into dark and lines into other lines, agrees with its picture where its lines lie
on the picture's edges. Noise has edges too: a sharper picture may be a noisier one.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
"""float32"""

_SIGMA = 1.0
"""Pixels of smoothing before edges are compared, which lets a line lie beside its edge by as much."""
_FAINT = 1e-3
"""Gradient energy per pixel, in code values squared, below which a picture shows no edges."""


def sharpness(luma: Floats) -> float:
    """Standard deviation of the Laplacian, in the units of `luma` (H, W); 0 for a flat picture."""
    return float(cv2.Laplacian(luma, cv2.CV_32F).std())


def coherence(one: Floats, other: Floats) -> float:
    """From 0 to 1: whether two planes (H, W) of 8-bit code values have edges in the same places and directions.

    1 for pictures that differ by brightness, contrast or sign alone; about 0.5 for two that have nothing in common;
    1 when both are flat, 0 when one of them is.
    """
    first, second = _gradients(one), _gradients(other)
    energies = [float(np.square(field).sum(dtype=np.float64)) for field in (first, second)]
    flat = [energy < _FAINT * one.size for energy in energies]
    if any(flat):
        return float(all(flat))
    agreement = np.abs((first * second).sum(axis=0)).sum(dtype=np.float64)
    return float(agreement / np.sqrt(energies[0] * energies[1]))


def _gradients(plane: Floats) -> Floats:
    """(2, H, W): the change to the right and down per pixel."""
    soft = cv2.GaussianBlur(plane, (0, 0), _SIGMA)
    return np.stack([cv2.Sobel(soft, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0)])
