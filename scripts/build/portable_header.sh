#!/bin/sh
# SPDX-License-Identifier: MIT
# berth @VERSION@, portable form: this script, and behind it the Deno executable and berth's code.
# The first start unpacks them into a directory that other users cannot write; each later one looks
# whether all is there and goes on to Deno. BERTH_CACHE chooses the directory.
sum=@SUM@

# Called as a shim of containerd, which waits for this at the end of each container.
@PRINT_DELETED@
case ${0##*/} in
  containerd-shim-*) print_deleted "$@" && exit ;;
esac

if [ -n "${BERTH_CACHE:-}" ]; then
  cache=$BERTH_CACHE
elif [ -O / ]; then
  cache=/var/cache/berth
else
  cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/berth
fi
case $cache in
  /*) ;;
  *) cache=$PWD/$cache ;;
esac
dir=$cache/$sum
case $0 in
  /*) file=$0 ;;
  *) file=$PWD/$0 ;;
esac

fail() {
  echo "berth: $*" >&2
  exit 125
}

# stopped SIGNAL: removes what is not whole, and ends by the signal.
stopped() {
  trap - EXIT "$1"
  rm -rf "$draft"
  echo "berth: stopped by SIG$1 while it unpacked itself into $cache" >&2
  kill -s "$1" $$
  # As the first process of a pid namespace it is not ended by that.
  exit 125
}

# A root filesystem may have its tools only as parts of busybox. `hash` writes nothing of one that is
# there: `command -v` fails where it cannot write, and /dev/null may be missing.
tools() {
  for tool; do
    hash $tool 2>&- || eval "$tool() { busybox $tool \"\$@\"; }"
  done
}

# trust DIR [FILE...]: ends the start unless root and this user alone can change what these paths
# lead to. In a directory that another user may write to, that user could put something else in the
# place of what was looked at; so all that is above DIR counts, and where a link leads to as well.
trust() {
  dir_path=$1
  real=$(cd -P "$1" && pwd -P) || fail "cannot enter $1"
  for path in "$dir_path" "$real"; do
    while [ -n "${path%/}" ]; do
      set -- "$@" "$path"
      path=${path%/*}
    done
    [ "$real" != "$dir_path" ] || break
  done
  found=$(stat -c '%u %a %n' / "$@") || fail "cannot look at $dir_path"
  while read -r uid mode name; do
    [ "$uid" = 0 ] || [ "$uid" = "${me:=$(id -u)}" ] ||
      fail "$name belongs to another user: not using $cache"
    case $mode in
      # Sticky, as /tmp is: each can rename only what is theirs (inode(7)).
      [1357]???) ;;
      *[2367]? | *[2367])
        [ -h "$name" ] || fail "$name can be written by other users: not using $cache"
        ;;
    esac
  done <<EOF
$found
EOF
}

packed() { tail -n +@LINE@ "$file"; }

unpack() {
  umask=$(umask)
  umask 077
  tools gzip mkdir mktemp mv rm sha256sum sync tail tar
  there=$cache
  until [ -d "${there:-/}" ]; do there=${there%/*}; done
  trust "${there:-/}"
  mkdir -p "${cache%/*}" && { mkdir "$cache" 2>&- || [ -d "$cache" ]; } ||
    fail "cannot make $cache to unpack into; BERTH_CACHE may name another directory"
  [ -O "$cache" ] || fail "$cache belongs to another user: not unpacking into it"
  case $(stat -c %a "$cache") in
    *[2367]? | *[2367]) fail "$cache can be written by other users: not unpacking into it" ;;
  esac
  trust "$cache"
  actual=$(packed | sha256sum) || fail "cannot check $file"
  [ "${actual%% *}" = "$sum" ] || fail "$file is damaged; copy it again"
  draft=$(mktemp -d "$cache/.draft.XXXXXX") || fail "cannot write in $cache"
  trap 'rm -rf "$draft"' EXIT
  for signal in HUP INT TERM; do trap "stopped $signal" $signal; done
  problem=$({ packed | gzip -dc | tar -xf - -C "$draft"; } 2>&1) ||
    fail "cannot unpack @MEGABYTES@ MB into $cache: $problem"
  # Or a power cut may leave the new name with no content.
  sync "$draft/deno" 2>&- || sync
  # What is there and not whole was damaged, by who cleans up old files say. It is replaced file by
  # file, for a daemon or another start may be using it.
  if [ -d "$dir" ]; then
    whole || mv -f "$draft"/* "$dir"
  else
    # Another start at the same moment may have been faster: this puts the draft into it.
    mv "$draft" "$dir"
  fi || fail "cannot put $dir in place"
  rm -rf "$draft" "$dir/${draft##*/}"
  trap - EXIT HUP INT TERM
  umask "$umask"
}

# By name and size: reading them would take too long.
whole() {
  set -- $(cd "$dir" 2>&- && stat -c %s @FILES@ 2>&-)
  [ "$*" = "@SIZES@" ]
}

[ -e /proc/self ] || fail "/proc is not mounted"
tools id stat
whole || unpack
[ -O "$cache" ] && [ -O "$dir" ] || fail "$dir belongs to another user: not running from it"
trust "$dir" "$dir/deno" "$dir/main.js"
# Deno raises its limit of open files; containers are to start with this one.
case ${0##*/}:${1:-} in
  *:daemon | containerd-shim-*) export BERTH_NOFILE="$(ulimit -Sn)" ;;
esac
# Deno would ask its makers' server for a newer Deno at each start.
export BERTH_ARGV0="$0" BERTH_FILE="$file" DENO_DIR="$dir/cache" DENO_NO_UPDATE_CHECK=1
@SET_LAZY@
exec "$dir/deno" @FLAGS@ $lazy "$dir/main.js" "$@"
