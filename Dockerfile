# The exporter and nothing else: no compiler, no shell tools of ours, nobody's root.
FROM python:3.11.15-slim-bookworm AS build
COPY requirements.txt /build/
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes \
        -r /build/requirements.txt

FROM python:3.11.15-slim-bookworm
RUN groupadd --gid 10001 exporter \
    && useradd --no-create-home --uid 10001 --gid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin exporter \
    && install -d -o exporter -g exporter -m 0750 /var/lib/exporter
COPY --from=build /venv /venv
COPY exporter /app/exporter
COPY demo /app/demo
WORKDIR /app
# Byte code is made here, because nothing can be written later.
RUN /venv/bin/python -m compileall -q /app
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    EXPORTER_RECEIVER__HOST=0.0.0.0 \
    EXPORTER_OPERATIONS__HOST=0.0.0.0 \
    EXPORTER_JOURNAL__DIRECTORY=/var/lib/exporter
USER 10001:10001
VOLUME /var/lib/exporter
EXPOSE 8080 9464
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9464/health/ready', timeout=2)"]
ENTRYPOINT ["python", "-m"]
CMD ["exporter", "serve"]
