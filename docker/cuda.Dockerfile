# The layer under services that are compiled for CUDA without PyTorch: NVIDIA's wheels, locked by hash in services/cuda,
# laid out as a CUDA_HOME. It needs no CUDA base image; the driver comes with the host. It is no service. The last stage is
# what runs; what compiles is the stage `devel`, which no service stands on.
FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv && rm -rf /var/lib/apt/lists/*
# The optional secret `ca` covers the system's CA bundle; without it nothing is mounted.
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    python3 -m venv /tools && /tools/bin/pip install --no-cache-dir --disable-pip-version-check uv==0.13.9
WORKDIR /src
COPY services/cuda/pyproject.toml services/cuda/uv.lock ./
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    UV_PROJECT_ENVIRONMENT=/wheels UV_PYTHON=/usr/bin/python3 UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=1 \
    /tools/bin/uv sync --quiet --locked --no-cache --no-dev --no-install-project \
    && mkdir /layer && mv /wheels/lib/python3*/site-packages/nvidia/cu13 /layer/cuda
WORKDIR /layer/cuda
# Linkers look for names without a version, nvcc and its callers for lib64.
RUN chmod +x bin/* nvvm/bin/* && ln -s lib lib64 \
    && for file in lib/lib*.so.*; do name="${file##*/}"; ln -sf "$name" "lib/${name%%.so.*}.so"; done
# What the loader asks for at run time, apart from headers, compilers and names for linkers.
RUN mkdir -p /runtime/layer/cuda/lib /devel \
    && mv lib/libcublas.so.* lib/libcublasLt.so.* lib/libcudart.so.* lib/libcurand.so.* /runtime/layer/cuda/lib/ \
    && mv /layer /devel/layer

FROM debian:bookworm-slim AS devel
COPY --from=build /runtime /
COPY --from=build /devel /
ARG SOURCE
LABEL dev.mlfleet.source=${SOURCE}

FROM debian:bookworm-slim
COPY --from=build /runtime /
ARG SOURCE
LABEL dev.mlfleet.source=${SOURCE}
