# A Rust service, the crate mlfleet-<SERVICE> of rust_services/. Registry and target lie in cache mounts, so a changed
# line rebuilds in seconds. The context is the root of the repository. Written for engines from 20.10 on.
FROM rust:1.95-slim-bookworm AS build
ARG SERVICE
# The tool chain of the image, whatever components rust-toolchain.toml wishes for: nothing is fetched by rustup here.
ENV RUSTUP_TOOLCHAIN=1.95.0 CARGO_TARGET_DIR=/target
WORKDIR /src/rust_services
COPY proto/mlfleet /src/proto/mlfleet
COPY rust_services /src/rust_services
RUN --mount=type=cache,id=mlfleet-cargo,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=mlfleet-target,target=/target,sharing=locked \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    cargo build --release --locked -p mlfleet-${SERVICE} && install -D /target/release/mlfleet-${SERVICE} /out/service

FROM debian:bookworm-slim
RUN install -d -o 65532 -g 65532 -m 0777 /run/mlfleet /payload
ARG SERVICE
COPY --from=build /out/service /usr/local/bin/service
# Where the orchestrator's launcher says nothing (docker compose), services share a volume: the name tells them apart.
ENV MLFLEET_SOCKET=/run/mlfleet/${SERVICE}
USER 65532:65532
ARG SOURCE
LABEL dev.mlfleet.language=rust dev.mlfleet.source=${SOURCE}
ENTRYPOINT ["/usr/local/bin/service"]
