# One target per service: docker build --target collector --tag footfall-collector .
# The targets: collector, stream-app, sinks (also migrations, maintenance, topics and the smoke test), dashboard, registry.

# Pinned by the digest of the multi-architecture index, because a tag can move.
ARG PYTHON=python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d

FROM ${PYTHON} AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# Only the virtual environments are copied out of the build stages. No compiler is needed: see docker/install.sh.
FROM base AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
COPY requirements/build.lock requirements/build.lock
RUN python -m venv /tools \
 && /tools/bin/pip install --require-hashes --only-binary :all: --requirement requirements/build.lock
COPY pyproject.toml README.md LICENSE ./
COPY avro_schemas avro_schemas
COPY service_kit service_kit
COPY producer_api producer_api
COPY stream_app stream_app
COPY sinks sinks
COPY dashboard dashboard
COPY registry registry
COPY footfall footfall
RUN /tools/bin/pip wheel --no-build-isolation --no-deps --wheel-dir /wheels .
COPY requirements requirements
COPY docker docker

FROM build AS build-collector
RUN docker/install.sh producer
FROM build AS build-stream-app
RUN docker/install.sh stream
FROM build AS build-sinks
RUN docker/install.sh sinks
FROM build AS build-dashboard
RUN docker/install.sh dashboard
FROM build AS build-registry
RUN docker/install.sh registry

FROM base AS service
# Nothing needs pip at run time, except an attacker.
RUN python -m pip uninstall --yes --quiet --root-user-action ignore pip setuptools wheel \
 && rm -rf /usr/local/lib/python3.11/ensurepip
ENV PATH=/opt/footfall/bin:$PATH \
    FOOTFALL_PORT=8080 \
    FOOTFALL_PROBE_PORT=8080
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=""
LABEL org.opencontainers.image.vendor="footfall" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
# A number, so that Kubernetes can verify that it is not root. The user owns no file of the image and writes only to /tmp.
USER 10001:10001
WORKDIR /tmp
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 CMD ["python", "-m", "service_kit.healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m"]

FROM service AS collector
LABEL org.opencontainers.image.title="footfall-collector" \
      org.opencontainers.image.description="Accepts events over HTTP and publishes them to Kafka."
COPY --from=build-collector /opt/footfall /opt/footfall
CMD ["producer_api"]

FROM service AS stream-app
LABEL org.opencontainers.image.title="footfall-stream-app" \
      org.opencontainers.image.description="Counts events live, exactly once."
COPY --from=build-stream-app /opt/footfall /opt/footfall
CMD ["stream_app"]

FROM service AS sinks
LABEL org.opencontainers.image.title="footfall-sinks" \
      org.opencontainers.image.description="Lands events in Postgres, exactly once; also migrations, maintenance and topics."
COPY --from=build-sinks /opt/footfall /opt/footfall
CMD ["sinks"]

FROM service AS dashboard
LABEL org.opencontainers.image.title="footfall-dashboard" \
      org.opencontainers.image.description="The live page and the history."
COPY --from=build-dashboard /opt/footfall /opt/footfall
CMD ["dashboard"]

FROM service AS registry
LABEL org.opencontainers.image.title="footfall-registry" \
      org.opencontainers.image.description="Schemas and the catalogue of topics, for subscribers."
COPY --from=build-registry /opt/footfall /opt/footfall
CMD ["registry"]
