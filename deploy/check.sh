#!/usr/bin/env bash
# Let the tools themselves read the files of a deployment: what `make test` cannot do without a network.
# Fails when a tool is missing, so that nobody takes silence for a check.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly chart_version=1.13.27
skipped=0

skip() {
    printf 'deploy-check: %s is not installed, so %s is not checked\n' "$1" "$2" >&2
    skipped=1
}

check_chart() {
    helm template fulfillment dagster --repo https://dagster-io.github.io/helm --version "$chart_version" \
        --namespace fulfillment --values deploy/helm/values.yaml |
        .venv/bin/kubernetes-validate --strict --kubernetes-version 1.32 /dev/stdin
}

check_compose() {
    POSTGRES_PASSWORD=x OBJECT_STORE_ACCESS_KEY=x OBJECT_STORE_SECRET_KEY=x BUCKET=x CONFIG_FOLDER=/tmp \
        CONSOLE_URL=https://console.example \
        docker compose --file deploy/compose.yaml config --quiet
}

if command -v helm >/dev/null; then check_chart; else skip helm 'the chart'; fi
if docker compose version >/dev/null 2>&1; then check_compose; else skip 'docker compose' 'the compose file'; fi
exit "$skipped"
