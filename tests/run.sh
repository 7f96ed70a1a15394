#!/usr/bin/env bash
# Every test, in stages, each with its time. `tests/run.sh STAGE ...` runs only those.
# Without a docker engine the fleet stages are not run, and that is said last and loudly; with CI=true it is a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=.venv/bin
times=()
failed=()
unrun=()
beside=""
# A shell's background jobs ignore Ctrl-C: whoever stops the tests stops what runs beside them.
trap 'trap - TERM; kill -TERM 0' INT TERM

lint() {
  $bin/ruff check --quiet .
  $bin/ruff format --quiet --check .
  $bin/mypy
  $bin/lint-imports --no-cache >/dev/null || $bin/lint-imports --no-cache
  $bin/buf lint proto
}
rust() {
  cd rust_services
  cargo fmt --check
  # As the services are built, in release and one package at a time: what they stand on is compiled once, not thrice.
  for package in $(sed -sn '0,/^name = /s/^name = "\(.*\)"/\1/p' */Cargo.toml); do
    cargo clippy --quiet --release --locked --all-targets -p "$package" -- -D warnings
    cargo test --quiet --release --locked -p "$package"
  done
}
unit() {
  # Tasks are tested on data of which two sets are fetched.
  $bin/mlfleet data --suite smoke >/dev/null
  $bin/mlfleet data wine_quality >/dev/null
  $bin/python -m pytest -q -n 2 tests/unit
}
data() { $bin/mlfleet data; }
build-process() {
  $bin/mlfleet build --runtime process
  # From inside: rust-toolchain.toml holds for where one stands.
  cd rust_services
  cargo build --quiet --release --locked -p mlfleet-fault
}
# Contract tests of one half of the services beside those of the other: each waits for one service, on one CPU.
by_halves() {
  local log status=0
  log=$(mktemp)
  $bin/python -m pytest -q tests/contract --part even "$@" >"$log" 2>&1 &
  $bin/python -m pytest -q tests/contract --part odd "$@" || status=$?
  wait $! || status=$?
  cat "$log"
  rm -f "$log"
  return $status
}
contract() { by_halves --runtime process; }
build-docker() { $bin/mlfleet build --runtime docker; }
# What is measured has the machine for itself: it comes when the images are there.
live() { $bin/python -m pytest -q tests/contract --part several --runtime process --durations=12; }
fleet() {
  local status=0
  # What a service refuses is decided by its source, which is the same in its image: the stage contract has asked.
  by_halves --runtime docker --ignore tests/contract/test_refusals.py --ignore tests/contract/test_agents.py || status=$?
  $bin/python -m pytest -q tests/fleet tests/contract --part several --runtime docker --durations=12 || status=$?
  return $status
}

# A subshell of its own, so that -e holds inside although its status is asked for.
run() { bash -euo pipefail -c "bin=$bin; $(declare -f by_halves "$1"); $1"; }
# Starts a stage beside those that follow, until `stage` of its name waits for it and shows what it said.
beside() {
  beside=$1 beside_log=$(mktemp) beside_start=$SECONDS
  run "$1" >"$beside_log" 2>&1 &
  beside_pid=$!
}
stage() {
  local start=$SECONDS status=0 note=""
  echo "== $1"
  if [ "$1" = "$beside" ]; then
    wait "$beside_pid" || status=$?
    cat "$beside_log"
    rm -f "$beside_log"
    note=", begun $((start - beside_start)) s before"
  else run "$1" || status=$?; fi
  times+=("$1 $((SECONDS - start)) s$note")
  if [ $status -ne 0 ]; then times[-1]+=" FAILED"; failed+=("$1"); fi
}

if [ $# -gt 0 ]; then stages=("$@"); else
  echo "every test: from a clean clone about an hour and 30 GB of disk on 2 cores, most of it compilers; built, about 25 minutes"
  stages=(lint unit build-process data)
  if command -v cargo >/dev/null; then stages+=(rust); else unrun+=("Rust tests NOT RUN: no cargo"); fi
  stages+=(contract)
  if $bin/python -c 'from mlfleet.launch.engine import connect; connect()' 2>/dev/null; then stages+=(build-docker live fleet)
  else stages+=(live) unrun+=("fleet tests NOT RUN: no Docker engine"); fi
fi
for name in "${stages[@]}"; do
  stage "$name"
  # Images are built beside all that measures nothing: of all stages they take longest.
  if [ "$name" = lint ] && [[ " ${stages[*]} " = *" build-docker "* ]]; then beside build-docker; fi
done

printf '\n%s\n' "stages:"
printf '  %s\n' "${times[@]}"
status=0
if [ ${#failed[@]} -gt 0 ]; then echo "FAILED: ${failed[*]}" >&2; status=1; fi
for line in "${unrun[@]}"; do
  printf '\n***** %s *****\n' "$line" >&2
  if [ "${CI:-}" = true ] && [ $status = 0 ]; then status=3; fi
done
exit $status
