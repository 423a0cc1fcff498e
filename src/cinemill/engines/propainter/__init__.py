"""ProPainter, which fills a masked part of a film from its neighbours in time, in an environment with its own torch."""

from cinemill.engines import declare

ENGINE = declare(
    "propainter",
    file=__file__,
    summary="ProPainter: fills holes in a film with what was seen there before and after.",
    python=">=3.11,<3.14",
    size_mb=900,
)
