# A Python service, services/<SERVICE>: its locked venv and its byte code are made in a build stage, nothing is built at
# run time. The context is the root of the repository. Written for engines from 20.10 on: no syntax line, no heredoc.
# LAYER is the image that it stands on, such as mlfleet/torch: what lies in /layer there is in no service's own venv.
ARG LAYER=base

FROM debian:bookworm-slim AS base
RUN apt-get update && apt-get install -y --no-install-recommends python3 && rm -rf /var/lib/apt/lists/* \
    && mkdir /layer && touch /layer/uv.lock

FROM ${LAYER} AS layer

FROM base AS tools
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv && rm -rf /var/lib/apt/lists/*
# The optional secret `ca` covers the system's CA bundle; without it nothing is mounted.
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    python3 -m venv /tools && /tools/bin/pip install --no-cache-dir --disable-pip-version-check uv==0.13.9

FROM tools AS build
ARG SERVICE
ENV UV_PROJECT_ENVIRONMENT=/venv UV_PYTHON=/usr/bin/python3 UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=1 UV_LINK_MODE=copy
# As in the repository, since the locks name the SDK and the stubs by relative paths.
WORKDIR /src/services/${SERVICE}
COPY services/${SERVICE}/pyproject.toml services/${SERVICE}/uv.lock ./
# The third-party layers do not know the SDK, so a changed line of it costs seconds and no download. A package may bring
# sources of newer Pythons, which have no bytecode (compileall ends with 1): nothing here imports them.
COPY proto/python/pyproject.toml /src/proto/python/
COPY services/sdk/pyproject.toml /src/services/sdk/
RUN --mount=type=cache,id=mlfleet-uv,target=/root/.cache/uv,sharing=locked \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=bind,from=layer,source=/layer,target=/layer \
    sed -n 's/^name = "\(.*\)"/--no-install-package \1/p' /layer/uv.lock > /src/layer \
    && /tools/bin/uv sync --quiet --locked --no-editable --no-dev $(cat /src/layer) \
      --no-install-project --no-install-package mlfleet-sdk --no-install-package mlfleet-stubs \
    && find /layer -maxdepth 3 -name site-packages > "$(echo /venv/lib/python3*/site-packages)/layer.pth" \
    && { python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /venv/lib || [ $? -eq 1 ]; }
COPY proto/python /src/proto/python
COPY services/sdk /src/services/sdk
# Reinstalled, since uv's cache takes a path dependency for unchanged as long as its pyproject.toml is.
RUN --mount=type=cache,id=mlfleet-uv,target=/root/.cache/uv,sharing=locked \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    /tools/bin/uv sync --quiet --locked --no-editable --no-dev --no-install-project $(cat /src/layer) \
      --reinstall-package mlfleet-sdk --reinstall-package mlfleet-stubs \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /venv/lib/python3*/site-packages/mlfleet_*
COPY services/${SERVICE} /app
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app

FROM layer
RUN install -d -o 65532 -g 65532 -m 0777 /run/mlfleet /payload
ARG SERVICE
COPY --from=build /venv /venv
COPY --from=build /app /app
# Where the orchestrator's launcher says nothing (docker compose), services share a volume: the name tells them apart.
ENV MLFLEET_SOCKET=/run/mlfleet/${SERVICE}
USER 65532:65532
ARG SOURCE
LABEL dev.mlfleet.language=python dev.mlfleet.source=${SOURCE}
ENTRYPOINT ["/venv/bin/python", "-B", "-u", "-m", "mlfleet_sdk", "/app/service.py"]
