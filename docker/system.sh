#!/usr/bin/env bash
# system.sh [PACKAGE...]: what the system must have beside Python, on Debian and Ubuntu, and packages more. Run as root.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends ca-certificates fontconfig fonts-dejavu-core libgl1 libglib2.0-0 "$@"
rm -rf /var/lib/apt/lists/*
