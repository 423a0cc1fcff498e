"""Voices by Resemblyzer (Apache-2.0): its weights come inside its package, so that nothing is fetched from a hub.

Only the weights are used, through NumPy: what the package itself wants (torch, librosa, webrtcvad) stays away.
"""

from cinemill.engines import declare

ENGINE = declare(
    "resemblyzer",
    file=__file__,
    summary="Tells voices apart, and knows those it was shown: who speaks when, without a token or a download.",
    python=">=3.11,<3.14",
    size_mb=75,
)
