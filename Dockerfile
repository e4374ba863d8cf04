# Two images: `traffic`, the data plane alone, and `groundwire`, all of it. docs/install/image.md says how they are built.
#   buildah bud --format docker --target groundwire -t groundwire:0.1.0 .
# Both run as user 65532 on a read-only root; they write to /var/lib/groundwire and /run/groundwire alone.

# Any image with Python 3.11 or newer and C.UTF-8. Registries differ, so both bases are arguments; name a digest in earnest.
ARG BASE=docker.io/library/python:3.11-slim-bookworm
# The same, with pip. It leaves nothing behind but the files that are copied out of it.
ARG BUILD_BASE=${BASE}

# hadolint ignore=DL3006
FROM ${BUILD_BASE} AS build
ENV PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /opt/groundwire
RUN python3 -m venv --without-pip venv
COPY scripts/image-venv /usr/local/bin/image-venv

# --- traffic: the rooms that tests/architecture lets the traffic process load, and the reader of settings --------------
FROM build AS build-traffic
COPY requirements/traffic.txt /tmp/requirements.txt
RUN --mount=type=secret,id=pip,target=/etc/pip.conf image-venv /tmp/requirements.txt
COPY proxy/__init__.py proxy/cli.py app/proxy/
COPY proxy/commands/__init__.py proxy/commands/serve.py proxy/commands/check.py proxy/commands/drain.py app/proxy/commands/
COPY proxy/config app/proxy/config
COPY proxy/core app/proxy/core
COPY proxy/link app/proxy/link
COPY proxy/telemetry app/proxy/telemetry
COPY proxy/traffic app/proxy/traffic
COPY policies app/policies
RUN image-venv compile

# --- groundwire: everything that runs; no training code, no model of the demo ------------------------------------------
FROM build AS build-groundwire
# `grpc` adds OTLP over gRPC.
ARG REQUIREMENTS=core
COPY requirements/${REQUIREMENTS}.txt /tmp/requirements.txt
RUN --mount=type=secret,id=pip,target=/etc/pip.conf image-venv /tmp/requirements.txt
COPY proxy app/proxy
COPY policies app/policies
COPY models/guard-small app/models/guard-small
RUN image-venv compile

# --- what both images have in common ----------------------------------------------------------------------------------
# hadolint ignore=DL3006
FROM ${BASE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Groundwire" \
      org.opencontainers.image.description="The safety wire from a fine-tuned language model back to its base." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/groundwire/venv/bin:$PATH \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1 \
    TMPDIR=/var/lib/groundwire \
    GROUNDWIRE_STATE_DIR=/var/lib/groundwire \
    GROUNDWIRE_LINK__SOCKET=/run/groundwire/link.sock \
    GROUNDWIRE_LISTEN__CONTROL=unix:/run/groundwire/control.sock
# Writable by any user, as /tmp is: runc gives a tmpfs that is mounted here the mode of the folder beneath it.
RUN install -d -o 65532 -g 65532 -m 1777 /var/lib/groundwire /run/groundwire
WORKDIR /var/lib/groundwire
EXPOSE 8900 8901
STOPSIGNAL SIGTERM
# Kubernetes has probes of its own and does not look at this; Docker and Podman do. It asks port 8901:
# where listen.health is another one, give a --health-cmd.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python3", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8901, timeout=2); c.request('GET', '/livez'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["groundwire"]

FROM runtime AS traffic
COPY --from=build-traffic /opt/groundwire /opt/groundwire
USER 65532:65532
CMD ["serve", "--only", "traffic"]

FROM runtime AS groundwire
COPY --from=build-groundwire /opt/groundwire /opt/groundwire
EXPOSE 8902
USER 65532:65532
CMD ["serve"]
