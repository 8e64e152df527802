#!/usr/bin/env bash
# Puts the countersign binary in place and prints its path; in a workflow the
# path is also the output `path` of the step.
#
# The binary is built with the Go on PATH and kept in a cache by the hash of all
# that it is built from, so it is built once for each version of the sources.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  echo "error: $1" >&2
  echo "hint: $2" >&2
  exit 2
}

# sha256 prints the SHA-256 of its input in hex. macOS has no sha256sum.
sha256() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1
}

sources() {
  find go.mod go.sum cmd internal -type f ! -name '*_test.go' ! -path '*/testdata/*' | LC_ALL=C sort
}

hash=$(
  sources | while IFS= read -r file; do
    printf '%s\n' "$file"
    cat "$file"
  done | sha256
)

exe=
[ "${OS:-}" = Windows_NT ] && exe=.exe
cache=${RUNNER_TOOL_CACHE:-${XDG_CACHE_HOME:-${HOME:?neither RUNNER_TOOL_CACHE nor HOME is set}/.cache}}/countersign
binary=$cache/$hash/countersign$exe

if [ ! -x "$binary" ]; then
  command -v go >/dev/null ||
    fail "there is no Go to build countersign with" "add actions/setup-go before this step"
  mkdir -p "$cache/$hash"
  # A rename puts the whole binary in place or none, whoever else builds it.
  building=$cache/$hash/building-$$$exe
  trap 'rm -f "$building"' EXIT
  CGO_ENABLED=0 GOFLAGS='' GOWORK=off go build -trimpath -buildvcs=false -ldflags='-s -w' -o "$building" ./cmd/countersign >&2 ||
    fail "countersign cannot be built" "go.mod says which Go it needs; see the messages above"
  mv -f "$building" "$binary"
fi

if [ -n "${GITHUB_OUTPUT:-}" ]; then
  echo "path=$binary" >>"$GITHUB_OUTPUT"
fi
echo "$binary"
