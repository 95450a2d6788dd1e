#!/bin/sh
# Makes .venv from the hash-locked requirements.txt. `make` calls it when the lock is newer than the environment.
set -eu
cd "$(dirname "$0")/.."

python=""
for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
  if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "Portico needs Python 3.11 or newer; found: $(python3 --version 2>&1 || echo none)." >&2
  echo "Install one (Debian 12+, Ubuntu 24.04+: apt-get install python3 python3-venv) or set PYTHON=/path/to/python3.11." >&2
  exit 1
fi

if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    # Debian splits venv from Python.
    run=""
    [ "$(id -u)" = 0 ] || run=sudo
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if command -v apt-get >/dev/null && { [ -z "$run" ] || command -v sudo >/dev/null; }; then
      echo "Installing python$version-venv with apt-get"
      $run apt-get update -qq && $run apt-get install -y -qq --no-install-recommends "python$version-venv" >/dev/null || true
    fi
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
      echo "$python has no venv module. On Debian and Ubuntu: apt-get install python$version-venv" >&2
      exit 1
    fi
  fi
  echo "Making .venv with $("$python" --version)"
  "$python" -m venv --clear .venv
fi
echo "Installing the locked packages into .venv (the first time: a minute or two)"
.venv/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements.txt
touch .venv/.installed
echo "The Python environment is ready"
