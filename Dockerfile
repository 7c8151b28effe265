# Longshore as a container: one static program, the certificates of public authorities, and a user that is not root.
#
#   docker build --tag longshore .            compiles it
#   cargo xtask image                         packs one that cargo compiled on this machine
#
# Where base images come from elsewhere: --build-arg BUILDER=… (Rust on Debian or Alpine), --build-arg RUNTIME=…
ARG BUILDER=rust:1.95-alpine
ARG RUNTIME=scratch

FROM ${RUNTIME} AS base
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="longshore" \
      org.opencontainers.image.description="Ships private container images to Amazon ECS" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Paths of the configuration count from here: --volume "$PWD/configs:/work/configs:ro"
WORKDIR /work
ENV PATH=/usr/local/bin:/usr/bin:/bin
# Nobody's number on any system.
USER 65532:65532
HEALTHCHECK --interval=1m --timeout=5s --retries=1 CMD ["/usr/local/bin/longshore", "--version"]
ENTRYPOINT ["/usr/local/bin/longshore"]
CMD ["--help"]

# `cargo xtask image` has laid out what goes into the image.
FROM base AS packed
COPY target/image/root/ /

FROM ${BUILDER} AS build
# For the C of aws-lc. Debian's images have it.
RUN command -v gcc >/dev/null || apk add --no-cache build-base ca-certificates
WORKDIR /src
COPY . .
# The file of toolchains is for people: here the image's own is the one.
RUN rm -f rust-toolchain.toml \
    && RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --package longshore-cli --bin longshore \
        --target "$(rustc -vV | sed -n 's/^host: //p')" \
    && mkdir -p /root-of-image/usr/local/bin /root-of-image/etc/ssl/certs \
    && cp target/*/release/longshore /root-of-image/usr/local/bin/ \
    && cp /etc/ssl/certs/ca-certificates.crt /root-of-image/etc/ssl/certs/

FROM base AS compiled
COPY --from=build /root-of-image/ /
