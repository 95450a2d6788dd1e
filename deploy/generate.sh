#!/bin/sh
# Generates Python, type stubs and gRPC code beside the protos, or checks (--check) that what is committed is current.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

protos=$(cd protos && find portico -name '*.proto' | LC_ALL=C sort)
if [ -z "$protos" ]; then
  echo "no protos yet"
  exit 0
fi
# shellcheck disable=SC2086
(cd protos && ../.venv/bin/python -m grpc_tools.protoc -I . --python_out="$out" --mypy_out="quiet:$out" \
  --grpc_python_out="$out" --mypy_grpc_out="quiet:$out" $protos)
generated() { (cd "$1" && find . -name '*_pb2*.py' -o -name '*_pb2*.pyi') | LC_ALL=C sort; }

if [ "${1:-}" = --check ]; then
  stale=0
  generated "$out" >"$out/want" && generated protos >"$out/have"
  diff -u "$out/have" "$out/want" || stale=1
  for file in $(cat "$out/want"); do
    cmp -s "$out/$file" "protos/$file" || { echo "out of date: protos/$file"; stale=1; }
  done
  [ "$stale" = 0 ] || { echo "Generated code differs from the protos: run 'make proto' and commit." >&2; exit 1; }
  exit 0
fi
for file in $(generated protos); do rm -f "protos/$file"; done
for file in $(generated "$out"); do cp "$out/$file" "protos/$file"; done
echo "Generated code for $(echo "$protos" | wc -l) protos"
