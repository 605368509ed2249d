#!/bin/sh
# SPDX-License-Identifier: MIT
# berth @VERSION@, portable form: this script, and behind it the Deno executable and berth's code.
# The first start unpacks them into a directory that other users cannot write; each later one looks
# whether all is there and goes on to Deno. BERTH_CACHE chooses the directory. Its variables have a
# prefix: one that the user has exported under the same name would reach berth with another value.
berth_sum=@SUM@
# A shim of containerd that is installed looks for this line, to see what it would run.
if false; then
sum=@SUM@
fi

# Called as a shim of containerd, which waits for this at the end of each container.
@PRINT_DELETED@
case ${0##*/} in
  containerd-shim-*) print_deleted "$@" && exit ;;
esac

if [ -n "${BERTH_CACHE:-}" ]; then
  berth_cache=$BERTH_CACHE
elif [ -O / ]; then
  berth_cache=/var/cache/berth
else
  berth_cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/berth
fi
case $berth_cache in
  /*) ;;
  *) berth_cache=$PWD/$berth_cache ;;
esac
berth_dir=$berth_cache/$berth_sum
case $0 in
  /*) berth_file=$0 ;;
  *) berth_file=$PWD/$0 ;;
esac

fail() {
  echo "berth: $*" >&2
  exit 125
}

# stopped SIGNAL: removes what is not whole, and ends by the signal.
stopped() {
  trap - EXIT "$1"
  rm -rf "$berth_draft"
  echo "berth: stopped by SIG$1 while it unpacked itself into $berth_cache" >&2
  kill -s "$1" $$
  # As the first process of a pid namespace it is not ended by that.
  exit 125
}

# A root filesystem may have its tools only as parts of busybox. `hash` writes nothing of one that is
# there: `command -v` fails where it cannot write, and /dev/null may be missing.
tools() {
  for berth_tool; do
    hash $berth_tool 2>&- || eval "$berth_tool() { busybox $berth_tool \"\$@\"; }"
  done
}

# trust DIR [FILE...]: ends the start unless root and this user alone can change what these paths
# lead to. In a directory that another user may write to, that user could put something else in the
# place of what was looked at; so all that is above DIR counts, and where a link leads to as well.
trust() {
  berth_dir_path=$1
  berth_real=$(cd -P "$1" && pwd -P) || fail "cannot enter $1"
  for berth_path in "$berth_dir_path" "$berth_real"; do
    while [ -n "${berth_path%/}" ]; do
      set -- "$@" "$berth_path"
      berth_path=${berth_path%/*}
    done
    [ "$berth_real" != "$berth_dir_path" ] || break
  done
  berth_found=$(stat -c '%u %a %n' / "$@") || fail "cannot look at $berth_dir_path"
  while read -r berth_uid berth_mode berth_name; do
    [ "$berth_uid" = 0 ] || [ "$berth_uid" = "${berth_me:=$(id -u)}" ] ||
      fail "$berth_name belongs to another user: not using $berth_cache"
    case $berth_mode in
      # Sticky, as /tmp is: each can rename only what is theirs (inode(7)).
      [1357]???) ;;
      *[2367]? | *[2367])
        [ -h "$berth_name" ] || fail "$berth_name can be written by other users: not using $berth_cache"
        ;;
    esac
  done <<EOF
$berth_found
EOF
}

packed() { tail -n +@LINE@ "$berth_file"; }

unpack() {
  berth_umask=$(umask)
  umask 077
  tools gzip mkdir mktemp mv rm sha256sum sync tail tar
  berth_there=$berth_cache
  until [ -d "${berth_there:-/}" ]; do berth_there=${berth_there%/*}; done
  trust "${berth_there:-/}"
  mkdir -p "${berth_cache%/*}" && { mkdir "$berth_cache" 2>&- || [ -d "$berth_cache" ]; } ||
    fail "cannot make $berth_cache to unpack into; BERTH_CACHE may name another directory"
  [ -O "$berth_cache" ] || fail "$berth_cache belongs to another user: not unpacking into it"
  case $(stat -c %a "$berth_cache") in
    *[2367]? | *[2367]) fail "$berth_cache can be written by other users: not unpacking into it" ;;
  esac
  trust "$berth_cache"
  berth_actual=$(packed | sha256sum) || fail "cannot check $berth_file"
  [ "${berth_actual%% *}" = "$berth_sum" ] || fail "$berth_file is damaged; copy it again"
  berth_draft=$(mktemp -d "$berth_cache/.draft.XXXXXX") || fail "cannot write in $berth_cache"
  trap 'rm -rf "$berth_draft"' EXIT
  for berth_signal in HUP INT TERM; do trap "stopped $berth_signal" $berth_signal; done
  berth_problem=$({ packed | gzip -dc | tar -xf - -C "$berth_draft"; } 2>&1) ||
    fail "cannot unpack @MEGABYTES@ MB into $berth_cache: $berth_problem"
  # Or a power cut may leave the new name with no content.
  sync "$berth_draft/deno" 2>&- || sync
  # What is there and not whole was damaged, by who cleans up old files say. It is replaced file by
  # file, for a daemon or another start may be using it.
  if [ -d "$berth_dir" ]; then
    whole || mv -f "$berth_draft"/* "$berth_dir"
  else
    # Another start at the same moment may have been faster: this puts the draft into it.
    mv "$berth_draft" "$berth_dir"
  fi || fail "cannot put $berth_dir in place"
  rm -rf "$berth_draft" "$berth_dir/${berth_draft##*/}"
  trap - EXIT HUP INT TERM
  umask "$berth_umask"
}

# By name and size: reading them would take too long.
whole() {
  set -- $(cd "$berth_dir" 2>&- && stat -c %s @FILES@ 2>&-)
  [ "$*" = "@SIZES@" ]
}

[ -e /proc/self ] || fail "/proc is not mounted"
tools id stat
whole || unpack
[ -O "$berth_cache" ] && [ -O "$berth_dir" ] || fail "$berth_dir belongs to another user: not running from it"
trust "$berth_dir" "$berth_dir/deno" "$berth_dir/main.js"
# Deno raises its limit of open files; containers are to start with this one.
case ${0##*/}:${1:-} in
  *:daemon | containerd-shim-*) export BERTH_NOFILE="$(ulimit -Sn)" ;;
esac
# Deno would ask its makers' server for a newer Deno at each start.
export BERTH_ARGV0="$0" BERTH_FILE="$berth_file" DENO_DIR="$berth_dir/cache" DENO_NO_UPDATE_CHECK=1
@SET_LAZY@
exec "$berth_dir/deno" @FLAGS@ $berth_lazy "$berth_dir/main.js" "$@"
