#!/bin/sh
# SPDX-License-Identifier: MIT
# berth @VERSION@, portable form: this script, and behind it the Deno executable and berth's code.
# The first start unpacks them into a directory that other users cannot write; each later one goes
# straight on to Deno. BERTH_CACHE chooses the directory.
sum=@SUM@

if [ -n "${BERTH_CACHE:-}" ]; then
  cache=$BERTH_CACHE
elif [ -O / ]; then
  cache=/var/cache/berth
else
  cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/berth
fi
dir=$cache/$sum
case $0 in
  /*) file=$0 ;;
  *) file=$PWD/$0 ;;
esac

fail() {
  echo "berth: $*" >&2
  exit 125
}

packed() { tail -n +@LINE@ "$file"; }

unpack() {
  umask 077
  # A root filesystem may have its tools only as parts of busybox.
  for tool in gzip mkdir mktemp mv rm sha256sum stat sync tail tar; do
    command -v $tool >&- 2>&- || eval "$tool() { busybox $tool \"\$@\"; }"
  done
  mkdir -p "${cache%/*}" && { mkdir "$cache" 2>&- || [ -d "$cache" ]; } ||
    fail "cannot make $cache to unpack into; BERTH_CACHE may name another directory"
  [ -O "$cache" ] || fail "$cache belongs to another user: not unpacking into it"
  case $(stat -c %a "$cache") in
    *[2367]? | *[2367]) fail "$cache can be written by other users: not unpacking into it" ;;
  esac
  actual=$(packed | sha256sum) || fail "cannot check $file"
  [ "${actual%% *}" = "$sum" ] || fail "$file is damaged; copy it again"
  draft=$(mktemp -d "$cache/.draft.XXXXXX") || fail "cannot write in $cache"
  trap 'rm -rf "$draft" "$draft.old"' EXIT
  trap 'exit 125' HUP INT TERM
  problem=$({ packed | gzip -dc | tar -xf - -C "$draft"; } 2>&1) ||
    fail "cannot unpack @MEGABYTES@ MB into $cache: $problem"
  # Or a power cut may leave the new name with no content.
  sync "$draft/deno" 2>&- || sync
  # What is there and not whole was damaged by hand. What is whole now comes from another start at
  # the same moment and stays: mv then puts the draft into it, from where it is removed.
  whole || [ ! -e "$dir" ] || mv "$dir" "$draft.old"
  mv "$draft" "$dir" || fail "cannot put $dir in place"
  rm -rf "$dir/${draft##*/}" "$draft.old"
  trap - EXIT HUP INT TERM
}

whole() { [ -s "$dir/deno" ] && [ -s "$dir/main.js" ]; }

[ -e /proc/self ] || fail "/proc is not mounted"
whole || unpack
[ -O "$cache" ] && [ -O "$dir" ] || fail "$dir belongs to another user: not running from it"
# Deno would ask its makers' server for a newer Deno at each start.
export BERTH_ARGV0="$0" BERTH_FILE="$file" DENO_DIR="$dir/cache" DENO_NO_UPDATE_CHECK=1
exec "$dir/deno" @FLAGS@ "$dir/main.js" "$@"
