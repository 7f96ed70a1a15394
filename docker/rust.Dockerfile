# A Rust service, the crate mlfleet-<SERVICE> of rust_services/. Registry and target lie in cache mounts, so a changed
# line rebuilds in seconds and what it stands on is compiled once a machine. The context is the root of the repository.
# Written for engines from 20.10 on. LAYER is the image that it stands on; what it links lies in /layer there, at the path
# that it has here too. DEVEL is a layer with what compiles against it; with CUDA's compiler there, a second binary for GPUs is
# built beside the first, which starts it.
ARG LAYER=debian:bookworm-slim
ARG DEVEL=${LAYER}
FROM ${LAYER} AS layer

FROM ${DEVEL} AS linked
RUN mkdir -p /layer

FROM rust:1.95-slim-bookworm AS build
# For libtorch's C++ and CUDA's host code.
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
ARG SERVICE
# Compute capability of the oldest GPU that the kernels are for; newer ones compile them at first use.
ARG CUDA_COMPUTE_CAP=80
# The tool chain of the image, whatever components rust-toolchain.toml wishes for: nothing is fetched by rustup here.
ENV RUSTUP_TOOLCHAIN=1.95.0 CARGO_TARGET_DIR=/target LIBTORCH=/layer/libtorch
WORKDIR /src/rust_services
COPY proto/mlfleet /src/proto/mlfleet
COPY rust_services /src/rust_services
# Touched, since cargo takes a file for unchanged by its time alone, and what lies in the target may be of another release
# or branch that was written later: an image would hold what its sources do not say.
RUN --mount=type=cache,id=mlfleet-cargo,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=mlfleet-target,target=/target,sharing=locked \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=bind,from=linked,source=/layer,target=/layer,rw \
    find /src -type f -exec touch {} + \
    && cargo build --release --locked -p mlfleet-${SERVICE} && install -D /target/release/mlfleet-${SERVICE} /out/service \
    && if [ -x /layer/cuda/bin/nvcc ]; then bash ${SERVICE}/cuda.sh /layer/cuda && install /target/release/mlfleet-${SERVICE} /out/service-cuda; fi

FROM layer
RUN install -d -o 65532 -g 65532 -m 0777 /run/mlfleet /payload
ARG SERVICE
COPY --from=build /out /usr/local/bin
# Where the orchestrator's launcher says nothing (docker compose), services share a volume: the name tells them apart.
ENV MLFLEET_SOCKET=/run/mlfleet/${SERVICE}
USER 65532:65532
ARG SOURCE
LABEL dev.mlfleet.language=rust dev.mlfleet.source=${SOURCE}
ENTRYPOINT ["/usr/local/bin/service"]
