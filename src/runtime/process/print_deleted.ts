// SPDX-License-Identifier: MIT

/**
 * A function of the shell, `print_deleted ARGUMENT...`, for what containerd calls as its shim. With
 * the arguments of a `delete` it prints the answer that a shim has left in the bundle when it deleted
 * the container, `berth-delete-answer` of src/containerd/task/deleted.ts; so no berth has to be started
 * for one that would find nothing to do. With any other arguments, and where berth has something to
 * do, as where the shim was of a version whose file has another name and form, it prints nothing and
 * fails. It needs nothing but the shell itself, and executes nothing of what it reads.
 */
export const PRINT_DELETED = String.raw`print_deleted() {
  bundle=. last=
  for word; do
    case $last in -bundle | --bundle) bundle=$word ;; esac
    case $word in -bundle=* | --bundle=*) bundle=@{word#*=} ;; esac
    last=$word
  done
  [ "$last" = delete ] && [ -f "$bundle/berth-delete-answer" ] || return
  read -r shim answer socket <"$bundle/berth-delete-answer" || return
  case $shim in '' | *[!0-9]*) return 1 ;; esac
  case $answer in '' | *[!\\0-7]*) return 1 ;; esac
  # A shim that was killed since has left its socket.
  if [ -e "$socket" ]; then
    { read -r stat <"/proc/$shim/stat"; } 2>/dev/null || return
    case @{stat##*) } in [ZX]*) return 1 ;; esac
  fi
  printf "$answer"
}`.replaceAll("@{", "${");
