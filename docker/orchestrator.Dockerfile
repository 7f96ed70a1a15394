# The orchestrator for compose: this package with its locked dependencies, and the data sets that are fetched. Services
# are other containers; it has neither an engine nor a network. The context is the root of the repository.
FROM debian:bookworm-slim AS base
RUN apt-get update && apt-get install -y --no-install-recommends python3 && rm -rf /var/lib/apt/lists/*

FROM base AS tools
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv && rm -rf /var/lib/apt/lists/*
# The optional secret `ca` covers the system's CA bundle; without it nothing is mounted.
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    python3 -m venv /tools && /tools/bin/pip install --no-cache-dir --disable-pip-version-check uv==0.13.9

FROM tools AS build
ENV UV_PROJECT_ENVIRONMENT=/venv UV_PYTHON=/usr/bin/python3 UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=1 UV_LINK_MODE=copy
WORKDIR /app
# The third-party layers do not know our sources, so a changed line costs seconds and no download.
COPY pyproject.toml uv.lock ./
COPY proto/python/pyproject.toml proto/python/
COPY services/sdk/pyproject.toml services/sdk/
RUN --mount=type=cache,id=mlfleet-uv,target=/root/.cache/uv,sharing=locked \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    /tools/bin/uv sync --quiet --locked --no-dev --no-install-project --no-install-package mlfleet-stubs \
    && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /venv/lib
COPY proto proto
COPY README.md ./
COPY orchestrator orchestrator
# Editable, as in a checkout: the package finds compose.yaml and results beside itself.
RUN --mount=type=cache,id=mlfleet-uv,target=/root/.cache/uv,sharing=locked \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    /tools/bin/uv sync --quiet --locked --no-dev \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /app
# By the pip of /tools, since ours has none.
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    MLFLEET_CACHE=/cache PYTHONPATH="$(echo /tools/lib/python3*/site-packages)" /venv/bin/mlfleet data --suite smoke

FROM base
# As the services' images have them, since whoever is first gives a new volume its owner and mode.
RUN install -d -o 65532 -g 65532 -m 0777 /run/mlfleet /cache/payloads /app/results
COPY --from=build /venv /venv
COPY --from=build /app /app
COPY --from=build /cache/wheels /cache/wheels
# The folder of the services' sockets: where it is set there is no runtime but attach.
ENV HOME=/tmp LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 MLFLEET_CACHE=/cache MLFLEET_SOCKETS=/run/mlfleet
USER 65532:65532
ARG SOURCE
LABEL dev.mlfleet.source=${SOURCE}
WORKDIR /app
ENTRYPOINT ["/venv/bin/mlfleet"]
