#!/usr/bin/env bash
# Puts the countersign binary in place and prints its path; in a workflow the
# path is also the output `path` of the step.
#
# Where scripts/checksums.txt belongs to the sources at hand, this commit pins the
# bytes of a release: the binary comes from the tool cache or is downloaded, and
# has the sum that is written there. Every other commit is built with the Go on
# PATH, once for each version of the sources and of Go.
#
#   GITHUB_SERVER_URL    where the release is (default: https://github.com)
#   ACTION_REPOSITORY    the repository that has it (default: countersign-ci/countersign)
#   RUNNER_TOOL_CACHE    the folder to keep binaries in (default: the user's cache folder)
#   COUNTERSIGN_DOWNLOAD_TIMEOUT    seconds, at most 300, that no wait goes beyond
#
# Exit codes: 1 what came is not what was pinned; 2 something is missing or set
# wrongly; 3 the network or the disk failed.
set -euo pipefail

# What a shell or a build that goes on around this one may have set.
unset CDPATH GREP_OPTIONS GOOS GOARCH GOAMD64 GOARM64 GOEXPERIMENT GOFIPS140
export LC_ALL=C
umask go-w

cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  echo "error: $2" >&2
  echo "hint: $3" >&2
  exit "$1"
}

has() {
  command -v "$1" >/dev/null
}

# sha256 prints the SHA-256 of its input in hex. macOS has no sha256sum.
sha256() {
  if has sha256sum; then sha256sum; else shasum -a 256; fi | cut -c1-64
}

# has_sum says whether a file in a folder has a sum. A link would not do, nor a folder
# that is one: through /proc/self/cwd it leads to another file in another step. What
# is longer than an asset may be is not read to its end.
has_sum() {
  [ ! -L "${1%/*}" ] && [ ! -L "$1" ] && [ -f "$1" ] && [ "$(head -c "$most" <"$1" | sha256)" = "$2" ]
}

# stage makes the folder `staged` to make a binary in. It is renamed from there:
# whoever else installs it too, what is in place is whole.
stage() {
  staged=$(mkdir -p "$cache" && mktemp -d "$cache/installing.XXXXXX") || unwritable
  trap 'rm -rf "$staged"' EXIT
}

# put renames a staged binary to its place. On Windows one that runs cannot be
# replaced; whoever put it there had the same to put.
put() {
  if [ -L "${2%/*}" ]; then rm -f "${2%/*}"; fi
  { mkdir -p "${2%/*}" && [ ! -d "$2" ] && { mv -f "$1" "$2" || [ -f "$2" ]; }; } || unwritable
}

unwritable() {
  fail 3 "there is no writing to $cache" "make the folder writable, or set RUNNER_TOOL_CACHE to another one"
}

# done_with ends the script: the binary is in place.
done_with() {
  if [ -n "${GITHUB_OUTPUT:-}" ]; then
    printf 'path=%s\n' "$1" >>"$GITHUB_OUTPUT" ||
      fail 3 "there is no writing to GITHUB_OUTPUT" "it names the file for the outputs of the step"
  fi
  printf '%s\n' "$1"
  exit 0
}

# build makes the binary from source. It takes why, and what else would help
# where there is no Go.
build() {
  local go hash binary
  { has go && go=$(go version); } || fail 2 "$1, and there is no Go to build it with" "$2"
  hash=$(printf '%s\n' "$go" "$sources" | sha256)
  binary=$cache/$hash/countersign$exe
  if [ ! -f "$binary" ] || [ ! -x "$binary" ]; then
    stage
    scripts/build "$staged/countersign$exe" >&2 ||
      fail 3 "countersign cannot be built" "it needs the Go that go.mod names, and the modules in it; see the messages above"
    put "$staged/countersign$exe" "$binary"
  fi
  done_with "$binary"
}

# split takes a URL apart into `scheme`, `host` and `authority`, in lower case and
# without the default port. It wants https, or http to this machine.
split() {
  local form='^(https?)://([a-z0-9.-]+|\[::1])(:[0-9]{1,5})?(/[!-~]*)?$' lower
  [[ $1 != *$'\n'* ]] || return 1
  lower=$(printf %s "$1" | tr '[:upper:]' '[:lower:]')
  [[ $lower =~ $form ]] || return 1
  scheme=${BASH_REMATCH[1]} host=${BASH_REMATCH[2]} authority=${BASH_REMATCH[2]}${BASH_REMATCH[3]}
  if [ "$scheme" = http ]; then
    is_loopback || return 1
    authority=${authority%:80}
  else
    authority=${authority%:443}
  fi
}

is_loopback() {
  case $host in 127.0.0.1 | localhost | '[::1]') ;; *) return 1 ;; esac
}

# belongs says whether the host of the last split is one that `server` sends its
# assets from.
belongs() {
  case $authority in "$server" | *".$server") return 0 ;; esac
  case $server in github.com | *.ghe.com) [[ $authority == *.githubusercontent.com ]] ;; *) return 1 ;; esac
}

least() {
  echo $(($1 < limit ? $1 : limit))
}

# get asks for a URL, which was split, once. It sets `status`, empty where there
# was no answer, `location`, and `code`, 0 where the body in `staged` is whole. No
# file with settings counts and nothing that is a secret is sent. The last byte
# that may come is one too many.
get() {
  local left=$((deadline - SECONDS)) line
  [ "$left" -gt 0 ] || undecided "$1" "it took too long"
  rm -f "$staged/headers" "$staged/body"
  : >"$staged/headers"
  code=0
  (
    if is_loopback; then unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY; fi
    if [ "$client" = curl ]; then
      exec curl -q --silent --show-error --globoff --proto "=$scheme" \
        --suppress-connect-headers --dump-header "$staged/headers" \
        --connect-timeout "$(least 10)" --speed-limit 1 --speed-time "$(least 20)" --max-time "$left" "$1"
    fi
    exec timeout "$left" wget --no-config --no-netrc --no-hsts --no-cookies --quiet --server-response \
      --tries=1 --max-redirect=0 --dns-timeout="$(least 10)" --connect-timeout="$(least 10)" \
      --read-timeout="$(least 20)" --output-document=- "$1" 2>"$staged/headers"
  ) | head -c $((most + 1)) >"$staged/body" || code=$?
  status='' location=''
  while IFS= read -r line; do
    line=${line#  } line=${line%$'\r'}
    case $line in
      HTTP/*) status=${line#* } status=${status%% *} location='' ;;
      [Ll][Oo][Cc][Aa][Tt][Ii][Oo][Nn]:*)
        location=${line#*:}
        while [[ $location == [[:blank:]]* ]]; do location=${location#?}; done
        ;;
    esac
  done <"$staged/headers"
  [ "$(wc -c <"$staged/body")" -le "$most" ] || undecided "$1" "it is longer than $most bytes"
}

# undecided ends the script: what is there cannot be told. What stands behind the
# `?` of a URL may be a credential.
undecided() {
  fail 3 "the release cannot be downloaded from ${1%%\?*}: $2" "let this machine reach it, or put the file $asset there as $binary"
}

# download puts the asset into `staged`. It returns 1 where there is none to be
# had, and ends the script where that cannot be told.
download() {
  local url=$1 redirects=0 tries=0
  while :; do
    get "$url"
    case $status in
      200)
        [ "$code" = 0 ] || undecided "$url" "the transfer was cut short ($client: $code)"
        return 0
        ;;
      301 | 302 | 303 | 307 | 308)
        redirects=$((redirects + 1))
        [ $redirects -le 5 ] || refuse "$1 leads to more than 5 other addresses"
        case $location in //*) ;; /*) location=$scheme://$authority$location ;; esac
        split "$location" || refuse "$1 leads to what is no https address"
        belongs || refuse "$1 leads to $authority, which is not of $server"
        # So a server answers that shows nothing without a login.
        case ${location#*://*/} in login | login\?*) [ "$authority" != "$server" ] || return 1 ;; esac
        url=$location
        ;;
      401 | 404 | 410) return 1 ;;
      429 | 5[0-9][0-9])
        tries=$((tries + 1))
        [ $tries -le 2 ] || undecided "$url" "the server answers $status"
        sleep "$(least $((tries * 2)))"
        ;;
      [1-9][0-9][0-9]) undecided "$url" "the server answers $status" ;;
      *) undecided "$url" "there is no answer ($client: $code)" ;;
    esac
  done
}

refuse() {
  fail 1 "$1" "nothing was installed; whoever looks after that release has to look into it"
}

cache=${RUNNER_TOOL_CACHE:-${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}}
# The next step runs in another folder, and a second line would be another output.
case $cache in
  *$'\n'* | *$'\r'*) cache='' ;;
  /* | [A-Za-z]:[\\/]*) ;;
  *) cache='' ;;
esac
[ -n "$cache" ] || fail 2 "there is no folder to keep the binary in" "set RUNNER_TOOL_CACHE or HOME to an absolute path"
cache=$cache/countersign
[ ! -L "$cache" ] || fail 2 "$cache is a link" "make it a folder: where a link leads may be another place in another step"
most=$((64 << 20)) # bytes of an asset

exe=
case $(uname -s) in
  Linux) os=linux ;;
  Darwin) os=darwin ;;
  MINGW* | MSYS*) os=windows exe=.exe ;;
  *) os=other ;;
esac
case $(uname -m) in
  x86_64 | amd64) arch=amd64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) arch=other ;;
esac

sources=$(scripts/sources) ||
  fail 2 "the sources cannot be read" "this needs find, xargs, and sha256sum or shasum"
# An older release would pass over what only newer sources know.
sum=
if grep -qx "# sources sha256:$sources" scripts/checksums.txt; then
  version=$(sed -n 's/^const Version = "\([0-9A-Za-z.-]*\)"$/\1/p' internal/cli/version.go)
  asset=countersign_${version}_${os}_$arch$exe
  sum=$(sed -n "s/^\([0-9a-f]\{64\}\)  ${asset//./\\.}\$/\1/p" scripts/checksums.txt)
fi
[ -n "$sum" ] ||
  build "this commit of countersign has no release for this machine" "add actions/setup-go before this step, or use the commit of a release"

binary=$cache/$version-$sum/countersign$exe
if [ -e "$binary" ]; then
  # Others may write to the cache of a shared runner.
  if has_sum "$binary" "$sum"; then
    [ -x "$binary" ] || chmod 755 "$binary" || unwritable
    done_with "$binary"
  fi
  echo "warning: $binary is not what was put there, so it is downloaded again" >&2
fi

limit=${COUNTERSIGN_DOWNLOAD_TIMEOUT:-300}
case $limit in
  *[!0-9]* | 0* | ????*) fail 2 "COUNTERSIGN_DOWNLOAD_TIMEOUT is not a number of seconds" "give one of 1 to 300" ;;
esac
limit=$(least 300)
deadline=$((SECONDS + limit))

base=${GITHUB_SERVER_URL:-https://github.com}
base=${base%/}
repository=${ACTION_REPOSITORY:-countersign-ci/countersign}
{ split "$base" && [[ $base != *://*/* ]]; } ||
  fail 2 "GITHUB_SERVER_URL is not a server" "give it as https://HOST; plain http is for this machine alone"
server=$authority
[[ $repository =~ ^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$ && "/$repository/" != */.* ]] ||
  fail 2 "ACTION_REPOSITORY is not a repository" "give it as OWNER/NAME"

# Other programs of the name wget follow redirects on their own.
if has curl; then
  client=curl
elif has wget && has timeout && [[ $(wget --version 2>/dev/null) == "GNU Wget 1."* ]]; then
  client=wget
else
  fail 2 "there is neither curl nor GNU wget to download countersign with" "install curl, or put the file $asset there as $binary"
fi

stage
url=$base/$repository/releases/download/v$version/$asset
split "$url"
if ! download "$url"; then
  echo "note: there is no $url, so countersign is built from source" >&2
  rm -rf "$staged"
  build "there is no $url" "add actions/setup-go before this step, or put the file $asset there as $binary"
fi
has_sum "$staged/body" "$sum" ||
  refuse "$url is not the file whose SHA-256 sum is in scripts/checksums.txt"
chmod 755 "$staged/body"
put "$staged/body" "$binary"
has_sum "$binary" "$sum" || unwritable
done_with "$binary"
