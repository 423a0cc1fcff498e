"""VapourSynth with vs-jetpack's QTempGaussMC, in an environment of its own because it needs Python 3.12 or newer."""

from cinemill.engines import declare

ENGINE = declare(
    "vapoursynth",
    file=__file__,
    summary="QTGMC, the film scene's reference deinterlacer.",
    python=">=3.12,<3.14",
    size_mb=250,
)
