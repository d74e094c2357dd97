#!/bin/sh
# Creates the virtual environment of one service: the libraries in the lock file of its extra, and footfall itself.
set -eu
python -m venv --without-pip /opt/footfall
pip="/tools/bin/pip --python /opt/footfall/bin/python install --no-compile"
$pip --require-hashes --only-binary :all: --requirement "requirements/$1.lock"
$pip --no-deps /wheels/*.whl
# Compile now, because the root file system may be read-only later.
python -m compileall -q -j 0 /opt/footfall/lib
