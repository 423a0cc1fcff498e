"""A module per kind of file: `read(text) -> Transcript`, `write(transcript) -> text`. `files` knows them all."""
