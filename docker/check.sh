#!/usr/bin/env bash
# check.sh FOLDER: whether an installation works: it says what it is, and makes a film of nothing but itself.
set -euo pipefail
bin=$1/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CINEMILL_STATE_DIR="$work/state" CINEMILL_DATA_DIR="$work/data" CINEMILL_CACHE_DIR="$work/cache"
"$bin/cinemill" --version
ffmpeg=$("$bin/python" -c 'from cinemill.media.program import ffmpeg; print(ffmpeg())')
"$ffmpeg" -v error -f lavfi -i testsrc2=s=96x64:r=24 -frames:v 48 -c:v libx264 "$work/in.mp4"
"$bin/cinemill" process "$work/in.mp4" -o "$work/out.mkv" --codec ffv1 --json | tail -1
test -s "$work/out.mkv"
