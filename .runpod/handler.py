"""What RunPod starts: the same as `cinemill worker runpod`, with its options."""

import sys

from cinemill.surfaces.cli import main

sys.argv[1:1] = ["worker", "runpod"]
main()
