"""What the frozen program begins with: the command line, or what a process of cinemill's own is started with.

Elsewhere jobs and engines are started as `python -m MODULE` and `python FILE`. Frozen, the program is its own Python
and understands the same words.
"""

import multiprocessing
import os
import runpy
import sys
from pathlib import Path


def main() -> None:
    multiprocessing.freeze_support()
    _leave_no_trace()
    first = sys.argv[1] if len(sys.argv) > 1 else ""
    if first == "-m":
        sys.argv = sys.argv[2:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    elif first.endswith(".py") and Path(sys.prefix) in Path(first).parents:
        sys.argv = sys.argv[1:]
        sys.path.insert(0, str(Path(first).parent))
        runpy.run_path(first, run_name="__main__")
    else:
        from cinemill.surfaces.cli import main as command

        command()


def _leave_no_trace() -> None:
    """Engines are programs of other environments: the paths of libraries that the bundle needs are nothing to them."""
    for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"):
        kept = os.environ.pop(f"{name}_ORIG", None)
        os.environ.pop(name, None)
        if kept:
            os.environ[name] = kept


if __name__ == "__main__":
    main()
