#!/usr/bin/env bash
# Builds the binary for GPUs: cuda.sh CUDA_HOME, run in rust_services/; the CPU's is replaced in cargo's target folder.
set -euo pipefail
# NVIDIA's own installer has lib64 alone.
libraries=$1/lib
[ -d "$libraries" ] || libraries=$1/lib64
export CUDA_HOME=$1 CUDA_RPATH=$libraries CUDARC_CUDA_VERSION=${CUDARC_CUDA_VERSION:-13000}
export CUDAFORGE_THREADS=${CUDAFORGE_THREADS:-2}
export CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-80} PATH=$1/bin:$PATH

# A host that builds needs no driver. To link, a libcuda stands in whose functions all answer 100, "no device"; it is on
# no run path, so that at run time there is the driver's or none.
stub=$(mktemp -d)
trap 'rm -rf "$stub"' EXIT
cargo fetch --quiet --locked
grep -hoE '\bfn cu[A-Z][A-Za-z0-9_]*' "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/cudarc-*/src/driver/sys/mod.rs \
  | awk '!seen[$2]++ { print "int " $2 "(void) { return 100; }" }' > "$stub/cuda.c"
gcc -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$stub/libcuda.so" "$stub/cuda.c"

# Without optimising over crates at the link, which would take most of a rebuild: here the host only launches kernels.
LIBRARY_PATH=$stub:$libraries cargo rustc --release --locked -p mlfleet-candle --bin mlfleet-candle --features cuda -- -C lto=off
