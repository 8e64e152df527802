#!/usr/bin/env bash
# Puts the countersign binary in place and prints its path; in a workflow the
# path is also the output `path` of the step.
#
# The binary is built with the Go on PATH and kept in a cache by the hash of all
# that it is built from and with, so it is built once for each version of these.
set -euo pipefail

# What a shell or a build that goes on around this one may have set.
unset CDPATH GOOS GOARCH GOAMD64 GOARM64 GOEXPERIMENT

cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  echo "error: $2" >&2
  echo "hint: $3" >&2
  exit "$1"
}

# sha256 prints the SHA-256 of its input in hex. macOS has no sha256sum.
sha256() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1
}

sources() {
  find go.mod go.sum cmd internal scripts/build scripts/install.sh -type f ! -name '*_test.go' ! -path '*/testdata/*' | LC_ALL=C sort
}

command -v go >/dev/null ||
  fail 2 "there is no Go to build countersign with" "add actions/setup-go before this step"

hash=$(
  {
    go version
    sources | while IFS= read -r file; do
      printf '%s\n' "$file"
      cat "$file"
    done
  } | sha256
)

exe=
[ "${OS:-}" = Windows_NT ] && exe=.exe
cache=${RUNNER_TOOL_CACHE:-${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}}
[ -n "$cache" ] || fail 2 "there is no folder to keep the binary in" "set RUNNER_TOOL_CACHE or HOME"
cache=$cache/countersign
binary=$cache/$hash/countersign$exe

if [ ! -x "$binary" ]; then
  mkdir -p "$cache/$hash"
  # Built in a folder of its own and renamed: whoever else builds it too, what is
  # in place is whole.
  building=$(mktemp -d "$cache/building.XXXXXX")
  trap 'rm -rf "$building"' EXIT
  scripts/build "$building/countersign$exe" >&2 ||
    fail 3 "countersign cannot be built" "it needs the Go that go.mod names, and the modules in it; see the messages above"
  mv -f "$building/countersign$exe" "$binary"
fi

if [ -n "${GITHUB_OUTPUT:-}" ]; then
  echo "path=$binary" >>"$GITHUB_OUTPUT"
fi
echo "$binary"
