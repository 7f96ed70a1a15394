#!/usr/bin/env bash
# Every test, in stages, each with its time. `tests/run.sh STAGE ...` runs only those.
# Without a docker engine the fleet stages are not run, and that is said last and loudly; with CI=true it is a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=.venv/bin
times=()
failed=()
unrun=()

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
  cargo clippy --quiet --locked --all-targets -- -D warnings
  cargo test --quiet --locked
}
unit() { $bin/python -m pytest -q tests/unit; }
data() { $bin/mlfleet data; }
build-process() {
  $bin/mlfleet build --runtime process
  # From inside: rust-toolchain.toml holds for where one stands.
  cd rust_services
  cargo build --quiet --release --locked -p mlfleet-fault
}
contract() { $bin/python -m pytest -q tests/contract --runtime process; }
build-docker() { $bin/mlfleet build --runtime docker; }
fleet() { $bin/python -m pytest -q tests/fleet tests/contract --runtime docker; }

stage() {
  local start=$SECONDS
  echo "== $1"
  # A subshell of its own, so that -e holds inside although its status is asked for.
  if bash -euo pipefail -c "bin=$bin; $(declare -f "$1"); $1"; then times+=("$1 $((SECONDS - start)) s")
  else times+=("$1 $((SECONDS - start)) s FAILED"); failed+=("$1"); fi
}

if [ $# -gt 0 ]; then stages=("$@"); else
  echo "every test: from a clean clone about 25 minutes and 6 GB of disk on 2 cores, most of it Rust; built, about 12 minutes"
  stages=(lint unit data)
  if command -v cargo >/dev/null; then stages+=(rust); else unrun+=("Rust tests NOT RUN: no cargo"); fi
  stages+=(build-process contract)
  if $bin/python -c 'from mlfleet.launch.engine import connect; connect()' 2>/dev/null; then stages+=(build-docker fleet)
  else unrun+=("fleet tests NOT RUN: no Docker engine"); fi
fi
for name in "${stages[@]}"; do stage "$name"; done

printf '\n%s\n' "stages:"
printf '  %s\n' "${times[@]}"
status=0
if [ ${#failed[@]} -gt 0 ]; then echo "FAILED: ${failed[*]}" >&2; status=1; fi
for line in "${unrun[@]}"; do
  printf '\n***** %s *****\n' "$line" >&2
  if [ "${CI:-}" = true ] && [ $status = 0 ]; then status=3; fi
done
exit $status
