#!/usr/bin/env bash
# install.sh FOLDER EXTRAS [PYTHON]: cinemill from this tree, with EXTRAS such as studio,cluster, in a new environment.
# With EDITABLE=1 the environment uses the tree itself, as `make setup` wants it.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
folder=$1 extras=$2 python=${3:-python3}
"$python" -m venv "$folder"
# The worker's SDK wants other versions than the studio's page; the constraints are the studio's.
constraints=(-c "$here/constraints.txt")
case ",$extras," in *,worker,*) constraints=() ;; esac
"$folder/bin/python" -m pip install --disable-pip-version-check ${QUIET:+--quiet} "${constraints[@]}" \
    ${EDITABLE:+--editable} "$here[$extras]"
"$folder/bin/cinemill" --version
