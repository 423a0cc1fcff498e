#!/usr/bin/env bash
# ENGINES="whisper kokoro" MODELS="whisper-large-v3" preload.sh: engines and models that are there from the beginning.
set -euo pipefail
for engine in ${ENGINES:-}; do cinemill engines install "$engine"; done
for model in ${MODELS:-}; do cinemill models get "$model"; done
