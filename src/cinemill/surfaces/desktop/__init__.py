"""The studio in a window of its own: a web view over a server that belongs to it, and what a browser cannot do.

`command` starts it, `app` ties it together, `window` and `sheets` are what people see, `tray` what remains when they
look elsewhere. `link` speaks with `backend`, the process that has the server and the jobs: nothing here waits for them.
"""
