#!/usr/bin/env bash
# Make the virtual environment in .venv and install requirements.lock and this package into it.
# Installing belongs here; what is done with the installation belongs in the Makefile.
#
# PYTHON chooses the interpreter; without it the newest supported one on the PATH is taken.
# uv installs in seconds what takes pip minutes, so pip fetches uv, and does the rest itself only where uv cannot.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly venv=.venv
readonly python="$venv/bin/python"
readonly lock=requirements.lock

say() { printf 'bootstrap: %s\n' "$*" >&2; }

# A version manager leaves commands on the PATH that do not run, so each candidate is asked.
is_supported() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
        if is_supported "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

install_debian_python() {
    [ -z "${PYTHON:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    say 'no usable Python found; installing python3 and python3-venv with apt-get'
    apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3 python3-venv >&2
}

refuse() {
    say "${PYTHON:-no python3 on the PATH} is not Python 3.11, 3.12 or 3.13 with the venv module."
    say 'Remedy: Debian and Ubuntu: sudo apt-get install python3 python3-venv; macOS: brew install python@3.13;'
    say '        elsewhere install Python 3.13, or name one: make PYTHON=/path/to/python3.13 run'
    exit 1
}

make_venv() {
    if is_supported "$python" && "$python" -m pip --version >/dev/null 2>&1; then
        return
    fi
    local found
    found=$(find_python) || { install_debian_python && found=$(find_python); } || refuse
    say "making $venv with $("$found" --version)"
    "$found" -m venv --clear "$venv"
}

# Only the entry of uv itself, so that pip checks its hash and resolves nothing.
install_uv() {
    sed -n '/^uv==/,/[^\\]$/p' "$lock" >"$venv/uv.lock"
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$venv/uv.lock"
}

# A network may allow only the index and the certificates that pip is set to, or those of the machine's own store;
# uv looks at neither unless it is told.
use_settings_of_pip() {
    local index certificate
    export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
    index=${PIP_INDEX_URL:-$("$python" -m pip config get global.index-url 2>/dev/null || true)}
    certificate=${PIP_CERT:-$("$python" -m pip config get global.cert 2>/dev/null || true)}
    if [ -n "$index" ]; then export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"; fi
    if [ -n "$certificate" ]; then export SSL_CERT_FILE="${SSL_CERT_FILE:-$certificate}"; fi
}

# Build isolation would fetch a build backend that no hash vouches for; the lock holds one.
install_with_uv() {
    install_uv && use_settings_of_pip &&
        "$venv/bin/uv" pip install --quiet --python "$python" --require-hashes -r "$lock" &&
        "$venv/bin/uv" pip install --quiet --python "$python" --no-deps --no-build-isolation --editable .
}

# --no-deps because the lock is whole, and pip refuses an extra that it meets on its way ("name[extra]") as unpinned.
install_with_pip() {
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$lock" &&
        "$python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
}

make_venv
say "installing $lock"
if ! install_with_uv; then
    say 'uv could not install (its message is above); pip does it instead, which takes some minutes'
    install_with_pip
fi
touch "$venv/installed"
