// SPDX-License-Identifier: MIT
import type { RuntimeWrapper } from "./runtime_wrapper.ts";

/** Shell: the options of the call in variables; `$last` is the container's id. */
export const OPTIONS = `root= bundle= pid_file= image= work= option=
leave=no
for last in "$@"; do
  case $option in
    --root) root=$last ;;
    --bundle) bundle=$last ;;
    --pid-file) pid_file=$last ;;
    --image-path) image=$last ;;
    --work-path) work=$last ;;
  esac
  case $last in --leave-running) leave=yes ;; esac
  option=$last
done
`;

/**
 * A checkpoint that freezes the container for a while, leaves one file as its image and, where asked
 * to, ends the container. runc gives the freezer only a moment, which on a busy machine may be too
 * short.
 */
export const CHECKPOINT = `${OPTIONS}
paused=
for try in 1 2 3 4 5 6 7 8 9 10; do
  "$real" --root "$root" pause "$last" && paused=yes && break
done
[ "$paused" ] && sleep 0.3 && "$real" --root "$root" resume "$last" || exit 1
mkdir -p "$image" && echo image >"$image/inventory.img" || exit 1
[ $leave = yes ] || "$real" --root "$root" kill "$last" KILL || exit 1
exit 0`;

/** A restore that is a create and start: the process begins anew instead of going on. */
export const RESTORE = `${OPTIONS}
if [ ! -e "$image/inventory.img" ]; then
  mkdir -p "$work"
  echo '(00.01) Error (criu/image.c:1): no images here' >"$work/restore.log"
  echo '{"level":"error","msg":"criu failed","time":"2000-01-01T00:00:00Z"}' >>"$log"
  exit 1
fi
"$real" --root "$root" create --bundle "$bundle" --pid-file "$pid_file" "$last" || exit 1
exec "$real" --root "$root" start "$last"`;

/** Makes a runtime do what a container shows of a checkpoint and a restore, without CRIU. */
export function standInCheckpoints(runtime: RuntimeWrapper): void {
  runtime.rule("checkpoint", CHECKPOINT);
  runtime.rule("restore", RESTORE);
}
