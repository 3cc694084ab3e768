# Comeback in a container: `docker run -p 8080:8080 -v comeback:/data --env-file .env comeback`.
# The owner's own flows: add `-v ./flows:/srv/comeback/flows:ro -v ./locales:/srv/comeback/locales:ro`.
# It writes to /data alone (`--read-only` is fine), and a stop takes less than the ten seconds that `docker stop` grants.
# Backups of a database on PostgreSQL are made where pg_dump is; here it is not.

FROM python:3.11-slim AS build
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY bot ./bot
RUN python -m venv /opt/comeback && /opt/comeback/bin/pip install --no-cache-dir .

FROM python:3.11-slim
RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin comeback \
 && mkdir --mode=0700 /data \
 && chown comeback /data
COPY --from=build /opt/comeback /opt/comeback
COPY flows /srv/comeback/flows
COPY locales /srv/comeback/locales
ENV PATH="/opt/comeback/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    COMEBACK_HOST=0.0.0.0 \
    COMEBACK_PORT=8080 \
    COMEBACK_DATABASE=/data/comeback.db \
    COMEBACK_FLOWS=/srv/comeback/flows \
    COMEBACK_LOCALES=/srv/comeback/locales
WORKDIR /data
VOLUME ["/data"]
USER 10001
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"COMEBACK_PORT\"]}/health', timeout=4)"]
ENTRYPOINT ["comeback"]
CMD ["serve"]
