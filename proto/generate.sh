#!/usr/bin/env bash
# Makes the Python stubs from the contract into the folder given, by default the one that is checked in.
# grpcio-tools 1.62.3 on purpose: its stubs run under every protobuf from 4.21 to 7, newer ones tie old frameworks to
# today's. The import of the sibling module is made relative, since the orchestrator's package is called mlfleet too.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-$here/python/mlfleet_stubs}
uv=$here/../.venv/bin/uv
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
"$uv" run --quiet --no-project --isolated --python 3.11 --with-requirements "$here/generator.txt" \
  python -m grpc_tools.protoc -I "$here" --python_out="$tmp" --pyi_out="$tmp" --grpc_python_out="$tmp" mlfleet/v1/benchmark.proto
mkdir -p "$out"
for file in benchmark_pb2.py benchmark_pb2.pyi benchmark_pb2_grpc.py; do
  sed 's/^from mlfleet\.v1 import /from . import /' "$tmp/mlfleet/v1/$file" >"$out/$file"
done
