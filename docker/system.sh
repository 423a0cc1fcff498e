#!/usr/bin/env bash
# What the system must have beside Python: nothing but these, on Debian and Ubuntu. Run as root.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends ca-certificates fontconfig fonts-dejavu-core libgl1 libglib2.0-0
rm -rf /var/lib/apt/lists/*
