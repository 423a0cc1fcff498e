"""speechbrain's ECAPA-TDNN (Apache-2.0): whether two voices are one; needs PyTorch and a model of 83 MB."""

from cinemill.engines import declare

ENGINE = declare(
    "speechbrain",
    file=__file__,
    summary="Tells voices apart and knows those it was shown, by ECAPA-TDNN; better than resemblyzer and larger.",
    python=">=3.11,<3.14",
    size_mb=970,
)
