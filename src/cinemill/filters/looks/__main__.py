from cinemill.filters.looks import LOOKS, path, text

for name in LOOKS:
    path(name).write_text(text(name), "utf-8")
