"""QTempGaussMC's settings by the names people know; shared by the engine and by the script that can be saved.

The columns follow QTGMC 3.3 by V. Grunzweig (didée's TempGaussMC): temporal radii of the search clip, the basic and
the final smooth, block size and its overlap divisor, and how often vectors are refined. Standard library only.
"""

PRESETS = {
    "placebo": (2, 2, 3, 16, 2, 2),
    "veryslow": (2, 2, 2, 16, 2, 1),
    "slow": (2, 2, 1, 16, 2, 1),
    "medium": (2, 1, 1, 16, 2, 1),
    "fast": (1, 1, 1, 32, 2, 1),
    "veryfast": (1, 1, 0, 32, 2, 0),
    "draft": (0, 1, 0, 32, 4, 0),
}


def arguments(preset: str) -> dict[str, int]:
    """Keyword arguments of vsdeinterlace.QTempGaussMC for a preset."""
    search, basic, final, block, overlap, refine = PRESETS[preset]
    return {
        "prefilter_tr": search,
        "basic_tr": basic,
        "final_tr": final,
        "analyze_blksize": block,
        "analyze_overlap": overlap,
        "analyze_refine": refine,
    }


def script(source: str, preset: str, tff: bool) -> str:
    """A VapourSynth script that does the same to a file, for vspipe and for editors."""
    given = ", ".join(f"{key}={value}" for key, value in arguments(preset).items())
    return f"""\
import vapoursynth as vs
from vapoursynth import core
from vsdeinterlace import QTempGaussMC

clip = core.bs.VideoSource({source!r}, cachemode=0)
if clip.format.subsampling_w == 2:  # 4:1:1 of NTSC DV: horizontal only, so safe on interlaced pictures
    clip = clip.resize.Bicubic(format=vs.YUV422P8)
QTempGaussMC({given}).bob(clip, tff={tff}).set_output()
"""
