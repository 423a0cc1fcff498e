"""A storyboard and what becomes of it: pictures, clips, voice, captions and music as one film.

`board` what a storyboard says · `timeline` when everything is shown and heard · `paths` where a moving camera looks ·
`stills` and `clips` pictures for each moment · `transitions` one scene into the next · `captions` what is said, line by
line · `lettering` what libass writes · `layers` what lies over the picture · `segments` the pieces that a film is made
in · `kept` pieces for the next time · `sound` what is heard.
"""
