"""The tabs of the page, a file each: `draw(desk)` lays one out inside the tab that is open."""
