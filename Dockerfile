# syntax=docker/dockerfile:1
# elt with this project, for a PostgreSQL named by DATABASE_URL. The image holds no database of its own.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# The caches outlive the layer, so a changed line compiles elt alone; the binary must leave them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --bin elt && cp target/release/elt /usr/local/bin/elt

FROM debian:bookworm-slim
# The certificates by which databases and downloads are checked.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home elt
COPY --from=build /usr/local/bin/elt /usr/local/bin/elt
WORKDIR /project
COPY profiles.yml ./
COPY models/ models/
COPY rules/ rules/
COPY macros/ macros/
COPY tests/ tests/
# Downloads go to .elt, compiled SQL and what other tools read to target; the rest of the project is read only.
RUN mkdir .elt target && chown elt .elt target
USER elt
# Given at the start: DATABASE_URL=postgres://user:password@host/database
EXPOSE 8080
ENTRYPOINT ["elt"]
CMD ["run"]
