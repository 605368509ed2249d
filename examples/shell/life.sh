#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A container's whole life with a shell and socat: each call is a line to the socket and a line back.
#
#   life.sh ROOTFS COMMAND [ARGUMENT...]
#
# BERTH_SOCKET names the daemon's socket. The command's output goes to a file that is shown at the
# end; the script ends with the command's exit status.
set -eu

[ $# -ge 2 ] || { echo "usage: life.sh ROOTFS COMMAND [ARGUMENT...]" >&2; exit 2; }
socket=${BERTH_SOCKET:-/run/berth/berth.sock}
rootfs=$(cd "$1" && pwd)
shift
id=shell-$$

# call METHOD PARAMS: prints the answer; fails if that is an error.
call() {
  # -t: how long to wait for the answer after the request has been sent, in seconds.
  answer=$(printf '{"jsonrpc":"2.0","id":1,"method":"%s","params":%s}' "$1" "$2" | tr '\n' ' ' |
    socat -t 86400 - UNIX-CONNECT:"$socket")
  case $answer in
    '') echo "$1: no answer" >&2; return 1 ;;
    *'"error":'*) echo "$1: $answer" >&2; return 1 ;;
    *) printf '%s\n' "$answer" ;;
  esac
}

# number NAME: the value of a number in the answer that is read.
number() {
  sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"
}

# The command as a JSON array; what is inside must hold no newline.
args=
for arg in "$@"; do
  quoted=$(printf '%s' "$arg" | sed 's/\\/\\\\/g; s/"/\\"/g')
  args="$args${args:+,}\"$quoted\""
done

output=$(mktemp)
trap 'rm -f "$output"' EXIT

call container.create "{
  \"id\": \"$id\",
  \"stdout\": \"file://$output\", \"stderr\": \"file://$output\",
  \"spec\": {
    \"ociVersion\": \"1.0.2\",
    \"process\": {
      \"args\": [$args], \"cwd\": \"/\", \"user\": {\"uid\": 0, \"gid\": 0},
      \"env\": [\"PATH=/usr/sbin:/usr/bin:/sbin:/bin\"]
    },
    \"root\": {\"path\": \"$rootfs\", \"readonly\": true},
    \"mounts\": [
      {\"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\"},
      {\"destination\": \"/dev\", \"type\": \"tmpfs\", \"source\": \"tmpfs\",
        \"options\": [\"nosuid\", \"strictatime\", \"mode=755\", \"size=64k\"]}
    ],
    \"linux\": {
      \"namespaces\": [{\"type\": \"pid\"}, {\"type\": \"mount\"}, {\"type\": \"ipc\"}],
      \"cgroupsPath\": \"${BERTH_CGROUP_PARENT:-/berth-examples}/$id\"
    }
  }
}" >/dev/null
trap 'call container.delete "{\"id\":\"$id\",\"force\":true}" >/dev/null; rm -f "$output"' EXIT

pid=$(call container.start "{\"id\":\"$id\"}" | number pid)
echo "$id runs with pid $pid" >&2
status=$(call container.wait "{\"id\":\"$id\"}" | number exitStatus)
echo "$id exited with $status" >&2
cat "$output"
exit "$status"
