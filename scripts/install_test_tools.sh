#!/usr/bin/env bash
# Gets what the tests drive and pip does not bring: a browser and PostgreSQL.
# Without PostgreSQL its tests are skipped; without a browser the tests of the page fail.
set -euo pipefail
cd "$(dirname "$0")/.."

can_use_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends "$@"; } >.venv/apt.log 2>&1
}

has_debian_browser() { command -v chromium >/dev/null; }

has_postgresql() { command -v pg_ctl >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/pg_ctl' >/dev/null; }

if ! has_debian_browser && can_use_apt; then
    echo "Installing Debian's chromium ..."
    apt_install chromium || echo "apt did not manage (.venv/apt.log)."
fi
if ! has_debian_browser; then
    echo "Looking for Playwright's own browser ..."
    .venv/bin/playwright install chromium >.venv/playwright.log 2>&1 ||
        { echo "No browser: install chromium and start again (.venv/playwright.log)." >&2; exit 1; }
fi
if ! has_postgresql && can_use_apt; then
    echo "Installing Debian's PostgreSQL ..."
    apt_install postgresql || echo "apt did not manage (.venv/apt.log): PostgreSQL's tests are skipped."
fi
