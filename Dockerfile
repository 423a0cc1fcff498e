# syntax=docker/dockerfile:1
# docker build --target cpu .      the studio on processors
# docker build --target cuda .     the studio on NVIDIA's GPUs, with torch
# docker build --target cluster .  a machine of a Ray cluster
# docker build -f .runpod/Dockerfile .  RunPod's worker
# Each takes engines and models along: --build-arg ENGINES="whisper kokoro" --build-arg MODELS=whisper-large-v3
ARG BASE=python:3.12-slim-bookworm
ARG CUDA=nvidia/cuda:12.9.1-cudnn-runtime-ubuntu24.04

FROM ${BASE} AS system
COPY docker /opt/docker
RUN /opt/docker/system.sh
RUN useradd --create-home --uid 1000 cinemill && mkdir -p /data /cache /work && chown cinemill /data /cache /work
ENV CINEMILL_DATA_DIR=/data CINEMILL_CACHE_DIR=/cache CINEMILL_STATE_DIR=/data/state HF_HOME=/cache/huggingface \
    TORCH_HOME=/cache/torch PATH=/opt/cinemill/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /work

FROM ${CUDA} AS system-cuda
COPY docker /opt/docker
RUN /opt/docker/system.sh python3 python3-venv
RUN useradd --create-home cinemill && mkdir -p /data /cache /work && chown cinemill /data /cache /work
ENV CINEMILL_DATA_DIR=/data CINEMILL_CACHE_DIR=/cache CINEMILL_STATE_DIR=/data/state HF_HOME=/cache/huggingface \
    TORCH_HOME=/cache/torch PATH=/opt/cinemill/bin:$PATH PYTHONUNBUFFERED=1 NVIDIA_DRIVER_CAPABILITIES=all
WORKDIR /work

FROM system AS build-studio
COPY . /src
RUN --mount=type=cache,target=/root/.cache/pip /src/docker/install.sh /opt/cinemill studio,storage,tune

FROM system-cuda AS build-cuda
COPY . /src
RUN --mount=type=cache,target=/root/.cache/pip /src/docker/install.sh /opt/cinemill studio,storage,tune,torch

FROM system AS build-cluster
COPY . /src
RUN --mount=type=cache,target=/root/.cache/pip /src/docker/install.sh /opt/cinemill cluster,storage

FROM system AS cluster
COPY --from=build-cluster /opt/cinemill /opt/cinemill
ARG ENGINES=""
ARG MODELS=""
RUN --mount=type=cache,target=/root/.cache /opt/docker/preload.sh && chown -R cinemill /data /cache
USER cinemill

FROM system-cuda AS cuda
COPY --from=build-cuda /opt/cinemill /opt/cinemill
ARG ENGINES=""
ARG MODELS=""
RUN --mount=type=cache,target=/root/.cache /opt/docker/preload.sh && chown -R cinemill /data /cache
USER cinemill
VOLUME ["/data", "/cache"]
EXPOSE 7860
HEALTHCHECK --start-period=60s CMD python3 -c "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/health')"
CMD ["cinemill", "serve", "--host", "0.0.0.0", "--no-check"]

FROM system AS cpu
COPY --from=build-studio /opt/cinemill /opt/cinemill
ARG ENGINES=""
ARG MODELS=""
RUN --mount=type=cache,target=/root/.cache /opt/docker/preload.sh && chown -R cinemill /data /cache
USER cinemill
VOLUME ["/data", "/cache"]
EXPOSE 7860
HEALTHCHECK --start-period=60s CMD python3 -c "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/health')"
# Other machines reach it, so it wants CINEMILL_TOKEN.
CMD ["cinemill", "serve", "--host", "0.0.0.0", "--no-check"]
