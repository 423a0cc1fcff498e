# syntax=docker/dockerfile:1
# docker build --target cpu .      the studio on processors
# docker build --target cuda .     the studio on NVIDIA's GPUs, with torch
# docker build --target cluster .  a machine of a Ray cluster
# docker build --target runpod .   RunPod's worker
ARG BASE=python:3.12-slim-bookworm
ARG CUDA=nvidia/cuda:12.9.1-cudnn-runtime-ubuntu24.04

FROM ${BASE} AS system
COPY docker/system.sh /tmp/system.sh
RUN /tmp/system.sh
RUN useradd --create-home --uid 1000 cinemill && mkdir -p /data /cache /work && chown cinemill /data /cache /work
ENV CINEMILL_DATA_DIR=/data CINEMILL_CACHE_DIR=/cache CINEMILL_STATE_DIR=/data/state HF_HOME=/cache/huggingface \
    TORCH_HOME=/cache/torch PATH=/opt/cinemill/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /work
VOLUME ["/data", "/cache"]

FROM system AS build-studio
COPY . /src
RUN --mount=type=cache,target=/root/.cache/pip /src/docker/install.sh /opt/cinemill studio,storage,tune

FROM system AS build-cluster
COPY . /src
RUN --mount=type=cache,target=/root/.cache/pip /src/docker/install.sh /opt/cinemill cluster,storage

FROM system AS build-runpod
COPY . /src
RUN --mount=type=cache,target=/root/.cache/pip /src/docker/install.sh /opt/cinemill worker,torch

FROM system AS cluster
COPY --from=build-cluster /opt/cinemill /opt/cinemill
USER cinemill

FROM system AS runpod
COPY --from=build-runpod /opt/cinemill /opt/cinemill
# Engines are installed, and models fetched, when the image is built: --build-arg ENGINES="whisper" MODELS="large-v3".
ARG ENGINES=""
ARG MODELS=""
RUN --mount=type=cache,target=/root/.cache \
    for engine in ${ENGINES}; do cinemill engines install "$engine"; done; \
    for model in ${MODELS}; do cinemill models get "$model"; done; chown -R cinemill /data /cache
USER cinemill
CMD ["cinemill", "worker", "runpod", "--preload"]

FROM ${CUDA} AS cuda
COPY docker/system.sh /tmp/system.sh
RUN /tmp/system.sh && apt-get update && apt-get install -y --no-install-recommends python3 python3-venv && \
    rm -rf /var/lib/apt/lists/*
RUN useradd --create-home cinemill && mkdir -p /data /cache /work && chown cinemill /data /cache /work
COPY . /src
RUN --mount=type=cache,target=/root/.cache/pip /src/docker/install.sh /opt/cinemill studio,storage,tune,torch
ENV CINEMILL_DATA_DIR=/data CINEMILL_CACHE_DIR=/cache CINEMILL_STATE_DIR=/data/state HF_HOME=/cache/huggingface \
    TORCH_HOME=/cache/torch PATH=/opt/cinemill/bin:$PATH PYTHONUNBUFFERED=1 NVIDIA_DRIVER_CAPABILITIES=all
WORKDIR /work
VOLUME ["/data", "/cache"]
USER cinemill
EXPOSE 7860
HEALTHCHECK --start-period=60s CMD python3 -c "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/health')"
CMD ["cinemill", "serve", "--host", "0.0.0.0", "--no-check"]

FROM system AS cpu
COPY --from=build-studio /opt/cinemill /opt/cinemill
USER cinemill
EXPOSE 7860
HEALTHCHECK --start-period=60s CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/health')"
# Other machines reach it, so it wants CINEMILL_TOKEN.
CMD ["cinemill", "serve", "--host", "0.0.0.0", "--no-check"]
