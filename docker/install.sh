#!/bin/sh
# Makes the environment of one service: its libraries as the lock of its extra names them, and footfall itself.
set -eu
python -m venv --without-pip /opt/footfall
pip="/tools/bin/pip --python /opt/footfall/bin/python install --no-compile"
$pip --require-hashes --only-binary :all: --requirement "requirements/$1.lock"
$pip --no-deps /wheels/*.whl
# The root is read-only later: what Python compiles is compiled now.
python -m compileall -q -j 0 /opt/footfall/lib
