# The image of Countersign: the program, the certificate authorities and nothing
# else. `--target gitlab` is the one for runners that need a shell.
#
#   docker build --build-arg VERSION=1.0.0 --build-arg REVISION="$(git rev-parse HEAD)" .
#
# The digests are those of the images for all platforms. What is built here is
# built on the platform of the machine, for the platform of the image; where a
# stage of the image itself needs no command, none is emulated.

FROM --platform=$BUILDPLATFORM golang:1.26.8-bookworm@sha256:a688600ca24f8a4d3ca77f95b0dd40704a9fc787c826660eb7ba0b641b8b175d AS build
WORKDIR /src
COPY go.mod go.sum ./
COPY scripts/build scripts/
COPY cmd cmd
COPY internal internal
ARG TARGETOS
ARG TARGETARCH
# No cache is mounted: what another build left there would be compiled unchecked.
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH scripts/build /out/countersign

FROM alpine:3.24.2@sha256:294b683cb724975bec92580e1e685676bd4b50bda910ddb8c51d4cabeaec77e6 AS gitlab
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="countersign" \
      org.opencontainers.image.description="Signs what a CI run may do, and checks it before anything runs; with a shell" \
      org.opencontainers.image.source="https://github.com/countersign-ci/countersign" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/countersign /usr/local/bin/
USER 65532:65532

FROM scratch
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="countersign" \
      org.opencontainers.image.description="Signs what a CI run may do, and checks it before anything runs" \
      org.opencontainers.image.source="https://github.com/countersign-ci/countersign" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/countersign /usr/local/bin/
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/countersign"]
