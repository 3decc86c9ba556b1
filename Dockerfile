# The scoring service of a workspace mounted at /workspace: docker build -t almanac . && docker compose up
FROM python:3.11-slim

# LightGBM's threads.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY pyproject.toml constraints.txt README.md ./
COPY ml ml
COPY feature_repo feature_repo
COPY dbt_project dbt_project
RUN pip install --no-cache-dir --constraint constraints.txt --editable '.[serve]'

RUN useradd --uid 1000 --create-home almanac
USER almanac
ENV ALMANAC_HOME=/workspace DBT_TARGET_PATH=/workspace/target PYTHONDONTWRITEBYTECODE=1
VOLUME /workspace
EXPOSE 8000
HEALTHCHECK CMD python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health')"
CMD ["ml", "serve", "--host", "0.0.0.0", "--workers", "2"]
