#!/usr/bin/env bash
# Find the Chromium that the browser tests drive, or install it with apt-get as root; else say how to get it.
# Python's packages are installed by bootstrap.sh; which tests need a browser is in fulfillment_pipelines_tests/browser.
set -euo pipefail

say() { printf 'browser: %s\n' "$*" >&2; }

find_browser() {
    local name
    for name in ${BROWSER_COMMAND:-chromium chromium-browser google-chrome}; do
        command -v "$name" && return
    done
    return 1
}

find_browser >/dev/null && exit
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say 'no Chromium found; installing it with apt-get'
    apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >&2
    find_browser >/dev/null && exit
fi
say 'no Chromium on the PATH, and it could not be installed here.'
say 'Remedy: Debian and Ubuntu: sudo apt-get install chromium; macOS: brew install --cask chromium;'
say '        or name one: make BROWSER_COMMAND=/path/to/chrome test'
exit 1
