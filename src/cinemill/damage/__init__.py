"""Damage whose truth is known: what tapes, films, codecs and standards do to pictures.

`amounts` says how much, in units that can be measured, and 0 is none. Each kind is a module with two functions:
`truth(time, width, height, p)` says what lies where in the frame of that time, and `damaged(frame, p)` is a frame made
of it. Chance hangs on the seed and the frame's time alone, so a stream may be cut anywhere and truth costs no picture.
"""
