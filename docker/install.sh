#!/bin/sh
# Creates the virtual environment of one service: the libraries in the lock file of its extra, and footfall itself.
set -eu
python -m venv --without-pip /opt/footfall
pip="/tools/bin/pip --python /opt/footfall/bin/python install --no-compile"
# faust-streaming has no wheel for arm64. Its C part is optional: without a compiler it is left out.
case "$(uname -m)" in
    x86_64) from_source= ;;
    *) from_source="--no-binary faust-streaming --build-constraint requirements/build.lock" ;;
esac
# shellcheck disable=SC2086 # several options
$pip --require-hashes --only-binary :all: $from_source --requirement "requirements/$1.lock"
$pip --no-deps /wheels/*.whl
# Compile now, because the root file system may be read-only later.
python -m compileall -q -j 0 /opt/footfall/lib
