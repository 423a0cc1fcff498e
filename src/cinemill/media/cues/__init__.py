"""Subtitles as values: words and cues on the clock, laid out by a broadcaster's rules, read and written in any format.

`types` what a cue is · `rules` the presets · `layout` words -> cues · `timing` when they come and go · `lint` what a
broadcaster would send back · `doubt` what a recogniser invented · `formats` files.
"""
