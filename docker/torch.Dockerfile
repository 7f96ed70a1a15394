# The layer under every service that runs libtorch: PyTorch's own wheels, locked by hash in services/torch, with the CUDA
# libraries that they bring. One installation, so that Python and Rust run the very same kernels. It is no service.
FROM debian:bookworm-slim AS base
RUN apt-get update && apt-get install -y --no-install-recommends python3 && rm -rf /var/lib/apt/lists/*

FROM base AS build
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv && rm -rf /var/lib/apt/lists/*
# The optional secret `ca` covers the system's CA bundle; without it nothing is mounted.
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    python3 -m venv /tools && /tools/bin/pip install --no-cache-dir --disable-pip-version-check uv==0.13.9
WORKDIR /src
COPY services/torch/pyproject.toml services/torch/uv.lock ./
# Without uv's cache, which would keep all of it a second time. The link is what build scripts and loaders are told.
# A release may bring sources of newer Pythons (torch 2.13 does): they have no bytecode, for which
# compileall ends with 1, and nothing here imports them.
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    UV_PROJECT_ENVIRONMENT=/layer UV_PYTHON=/usr/bin/python3 UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=1 \
    /tools/bin/uv sync --quiet --locked --no-cache --no-dev --no-install-project \
    && ln -s "$(echo /layer/lib/python3*/site-packages/torch)" /layer/libtorch \
    && { python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /layer/lib || [ $? -eq 1 ]; } \
    && cp uv.lock /layer/uv.lock

FROM base
COPY --from=build /layer /layer
ARG SOURCE
LABEL dev.mlfleet.source=${SOURCE}
