#!/usr/bin/env bash
# Contract tests of one service alone, on every runtime that this host has: tests/service.sh linfa
# No other service is built. Without a docker engine that runtime is left out, and said so; likewise one that cannot build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=.venv/bin
key=$1
runtimes=()
unrun=()

# The state that `mlfleet build` reports: current, or not_built where a tool is missing. What fails to build ends this.
built=$($bin/mlfleet build "$key" --runtime process --json)
state=$($bin/python -c 'import json, sys; print(json.loads(sys.argv[1])[0]["state"])' "$built")
if [ "$state" = current ]; then runtimes+=(--runtime process); else unrun+=("process: this host cannot build $key"); fi
if $bin/python -c 'from mlfleet.launch.engine import connect; connect()' 2>/dev/null; then
  $bin/mlfleet build "$key" --runtime docker
  runtimes+=(--runtime docker)
else unrun+=("docker: no engine answers"); fi

status=0
if [ ${#runtimes[@]} -gt 0 ]; then
  # A model is trained by another service, which need not be built for this one: whatever does need it fails below.
  $bin/mlfleet data >/dev/null || printf '***** not all data sets are here *****\n' >&2
  $bin/python -m pytest -q tests/contract --service "$key" "${runtimes[@]}" || status=$?
else status=3; fi
for line in "${unrun[@]}"; do printf '***** NOT RUN on %s *****\n' "$line" >&2; done
exit $status
