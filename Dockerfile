# The gateway's image.
#
#   docker build -t openclaw:local -f Dockerfile .
#
# What it starts from, all replaceable for mirrors and closed networks (a digest works, too):
#   BASE_IMAGE   what the gateway runs on
#   RUST_IMAGE   what compiles it; needs a C compiler
#   NODE_IMAGE   what builds its page
#
# What is inside besides the gateway:
#   OPENCLAW_VARIANT              `default`, or `slim`: without git and curl
#   OPENCLAW_IMAGE_APT_PACKAGES   more Debian packages, separated by spaces
#   OPENCLAW_DOCKER_APT_PACKAGES  the same under its former name
#   OPENCLAW_IMAGE_PIP_PACKAGES   Python packages (brings Python)
#   OPENCLAW_INSTALL_DOCKER_CLI   `1` for the docker command line, for sandboxes
#   OPENCLAW_INSTALL_BROWSER      `1` for Chromium and Xvfb
#   OPENCLAW_EXTENSIONS           accepted and ignored: extensions are part of the program here
#
# How it is built:
#   CARGO_BUILD_JOBS   fewer jobs for small machines
#   OPENCLAW_BINARY    a folder of the build context that holds `openclaw` and `openclaw-boxd`,
#                      built outside for Debian 12 or statically; nothing is compiled then
#
# Needs BuildKit, which `docker build` uses since 23.0 (before: DOCKER_BUILDKIT=1).

ARG BASE_IMAGE=debian:bookworm-slim
ARG RUST_IMAGE=rust:1.95-slim-bookworm
ARG NODE_IMAGE=node:22-bookworm-slim
ARG OPENCLAW_BINARY=
# Not meant to be given: which of the stages below the program comes from.
ARG PROGRAM_STAGE=${OPENCLAW_BINARY:+outside}

# The sources, parted by what depends on them. The stages below copy from here, and a step runs
# again only when what it copied has other content.
FROM ${BASE_IMAGE} AS parts
COPY . /whole
RUN sh /whole/docker/part-sources.sh /whole /parts

# The page.
FROM ${NODE_IMAGE} AS page
WORKDIR /build/ui
COPY --from=parts /parts/page-packages/ ./
RUN npm ci --no-audit --no-fund
COPY --from=parts /parts/page/ ./
RUN npm run build

# The program: first what it depends on, from manifests and empty sources.
FROM ${RUST_IMAGE} AS program-source
ARG CARGO_BUILD_JOBS=
ENV CARGO_TARGET_DIR=/build/target CARGO_TERM_COLOR=never
WORKDIR /build
COPY --from=parts /parts/manifests/ ./
RUN sh docker/build-program.sh dependencies
COPY --from=parts /parts/sources/ ./
COPY --from=page /build/ui/dist/ ui/dist/
RUN sh docker/build-program.sh program /out

# The program, built outside.
FROM ${BASE_IMAGE} AS program-outside
ARG OPENCLAW_BINARY
COPY ${OPENCLAW_BINARY}/openclaw ${OPENCLAW_BINARY}/openclaw-boxd /out/

FROM program-${PROGRAM_STAGE:-source} AS program

FROM ${BASE_IMAGE} AS runtime
ARG OPENCLAW_VARIANT=default
COPY docker/install.sh /usr/local/lib/openclaw/install.sh
RUN sh /usr/local/lib/openclaw/install.sh base "${OPENCLAW_VARIANT}"

RUN groupadd --gid 1000 node \
  && useradd --uid 1000 --gid node --create-home --shell /bin/bash node \
  && install -d -o node -g node -m 700 /home/node/.openclaw /home/node/.openclaw/workspace \
  && install -d -o node -g node /home/node/.cache /home/node/.config /home/node/.config/openclaw \
  && install -d -o node -g node /home/node/.local /home/node/.local/bin

ARG OPENCLAW_DOCKER_APT_PACKAGES=
ARG OPENCLAW_IMAGE_APT_PACKAGES=${OPENCLAW_DOCKER_APT_PACKAGES}
RUN sh /usr/local/lib/openclaw/install.sh apt "${OPENCLAW_IMAGE_APT_PACKAGES}"
ARG OPENCLAW_IMAGE_PIP_PACKAGES=
RUN sh /usr/local/lib/openclaw/install.sh pip "${OPENCLAW_IMAGE_PIP_PACKAGES}"
ARG OPENCLAW_INSTALL_DOCKER_CLI=
RUN sh /usr/local/lib/openclaw/install.sh docker-cli "${OPENCLAW_INSTALL_DOCKER_CLI}"
ARG OPENCLAW_INSTALL_BROWSER=
RUN sh /usr/local/lib/openclaw/install.sh browser "${OPENCLAW_INSTALL_BROWSER}"
ARG OPENCLAW_EXTENSIONS=
RUN sh /usr/local/lib/openclaw/install.sh extensions "${OPENCLAW_EXTENSIONS}"

# `node` comes before any real one in PATH and starts the same program: commands written for the
# reference go on to work (`node dist/index.js …`, `--entrypoint node`).
COPY docker/app/ /app/
COPY --chmod=755 docker/entry.sh /usr/local/bin/openclaw-entry
COPY --from=program --chmod=755 /out/openclaw /out/openclaw-boxd /usr/local/bin/
RUN ln -s openclaw /usr/local/bin/node

ENV HOME=/home/node \
  LANG=C.UTF-8 \
  PATH=/home/node/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  OPENCLAW_UNCONFIGURED=wait
USER node
WORKDIR /app
EXPOSE 18789 18790
HEALTHCHECK --interval=5s --timeout=5s --start-period=20s --retries=5 \
  CMD ["openclaw", "healthz"]
ENTRYPOINT ["tini", "-s", "--", "openclaw-entry"]
CMD ["node", "dist/index.js", "gateway", "--allow-unconfigured"]

ARG BASE_IMAGE
ARG OPENCLAW_VERSION=2026.11.0
ARG OPENCLAW_REVISION=
ARG OPENCLAW_SOURCE=
LABEL org.opencontainers.image.title="OpenClaw" \
  org.opencontainers.image.description="Personal AI assistant: one gateway, many channels" \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.version="${OPENCLAW_VERSION}" \
  org.opencontainers.image.revision="${OPENCLAW_REVISION}" \
  org.opencontainers.image.source="${OPENCLAW_SOURCE}" \
  org.opencontainers.image.base.name="${BASE_IMAGE}"
