// SPDX-License-Identifier: MIT
import { VERSION } from "../../version.ts";
import { PRINT_DELETED } from "./print_deleted.ts";
import { installedCommand, selfContainerdShimCommand } from "./self_command.ts";

const SCRIPT = String.raw`#!/bin/sh
# SPDX-License-Identifier: MIT
# berth as a shim of containerd; "berth install containerd-shim" has made this file. It spares each
# container the start of a process that would only start another, and most a last one that would find
# nothing to do.
berth() { prepare && exec @BERTH@ "$@"; }
serve() { prepare && exec @SERVE@ "$@"; }
prepare() { export BERTH_NOFILE="$(ulimit -Sn)" DENO_NO_UPDATE_CHECK=1@CACHE@; }

# Whether berth is still the version that the command above is of.
current() {
  @CURRENT@
}

@PRINT_DELETED@
print_deleted "$@" && exit

# Processes that wait to be a shim of this very containerd are in this directory, in a first and a
# second place; none where this is empty. See src/containerd/waiting.
waiting=@{BERTH_SHIM_DIR-@WAITING@}
first=$waiting/@KEY@.$PPID
second=$first-2

# Whether the process lives that a file names by its pid and start time (field 22 of proc_pid_stat(5)).
lives() {
  read -r pid since <"$1" && read -r stat <"/proc/$pid/stat" && set -- @{stat##*) } &&
    [ "@{20}" = "$since" ] && [ "$1" != Z ]
} 2>/dev/null

# Whether a process waits in a place that no other start has.
waits() { [ ! -e "$1/claim" ] && lives "$1/owner"; }

# Starts the next process that waits, unless one waits or is being started.
next() {
  [ "$waiting" ] || return 0
  if lives "$first.next" || waits "$first" || waits "$second"; then return; fi
  become_next </dev/null >/dev/null 2>&1 &
}

# Becomes that process, unless another start is faster. No link is followed and nothing overwritten,
# should others have a hand in the directory.
become_next() {
  if [ -O "$waiting" ] && read -r stat </proc/self/stat && set -- @{stat##*) }; then
    set -C
    echo "@{stat%% *} @{20}" >"$first.next" || ! lives "$first.next" || exit
  fi
  serve serve wait "$first" "$PPID"
}

# claim SLOT: has the place for this start alone, if a process waits there.
claim() {
  slot=$1
  [ -O "$slot" ] && [ -O "$slot/answer" ] || return
  set -C
  { echo $$ >"$slot/claim"; } 2>/dev/null || { set +C; return 1; }
  set +C
}

# ask ARGUMENT...: has the process that waits be the shim of this start, which sees in /proc how it was
# called, and reads its answer. Fails where berth has to be started: stdin was not read then.
ask() {
  [ "$waiting" ] && [ -O "$waiting" ] || return
  # The process that waits in the second has been a shim, and does not wait there for long.
  claim "$second" || claim "$first" || return
  said= kind= answer=
  {
    # Without a writer of its own the shell sees the end of one that is killed.
    exec 4<&-
    if read -r owner _ <"$slot/owner" && echo "$$ $#" 1<>"$slot/ask"; then
      kill_late "$owner" </dev/null >/dev/null 3<&- 5<&- &
      read -r said <&5
      # The wait leaves neither the process nor a word of the shell about its end.
      kill $!
      wait $!
      [ "$said" = "taken $$" ] && read -r kind pid answer <&5
    fi
  } 3<&0 4<>"$slot/answer" 5<"$slot/answer" 2>/dev/null
  [ "$said" = "taken $$" ]
}

# Kills the process that waits if it has not said for long whether it takes the start: it hangs, or is
# stopped. One that has taken it does not wait there any more.
kill_late() {
  trap 'kill $!; exit' TERM
  sleep 10 &
  wait $! && lives "$slot/owner" && [ "$pid" = "$1" ] && kill -9 "$1"
}

# Prints the answer, or ends.
tell() {
  case $kind in
    ok | had) printf %s "$answer" && return ;;
    error) echo "$answer" >&2 ;;
    # The shim has ended, and may have left its socket.
    *) berth containerd-shim start-failed ;;
  esac
  exit 1
}

action=
for action; do :; done
case $action in
  start)
    if current; then
      if ask "$@"; then
        tell
        [ "$kind" = had ] || next
        exit 0
      fi
      exec 3<&0
      answer=$(serve serve "$PPID" "$@" <&3 3<&- 2>/dev/null &)
      exec 3<&-
      kind=@{answer%% *} answer=@{answer#* }
      tell
      next
      exit 0
    fi
    ;;
esac
berth containerd-shim "$@"
`;

/** Where processes wait to be shims. */
const WAITING_DIR = "/run/berth-shim";

/** How the script of {@linkcode containerdLauncher} starts shims. */
export interface LauncherOptions {
  /** Whether a process is kept waiting to be the next shim. */
  readonly waiting: boolean;
}

/**
 * Returns the text of the file that containerd calls as its shim, a shell script: it starts berth as
 * the process that stays, without one in between, and answers a `delete` itself where a shim has done
 * all. It works on with the next version of berth, slower, until it is made anew: what it reads of a
 * shim's has another name where its form has changed.
 */
export async function containerdLauncher(
  { waiting }: LauncherOptions,
): Promise<string> {
  const values: Readonly<Record<string, string>> = {
    BERTH: words(installedCommand()),
    SERVE: words(selfContainerdShimCommand()),
    CURRENT: currentTest(),
    CACHE: cache(),
    PRINT_DELETED,
    KEY: await key(),
    WAITING: waiting ? WAITING_DIR : "",
  };
  return SCRIPT.replaceAll("@{", "${").replace(
    /@([A-Z_]+)@/g,
    (_, name: string) => values[name] ?? "",
  );
}

/** Returns a name for the processes of this very program. */
async function key(): Promise<string> {
  const text = new TextEncoder().encode(`${VERSION} ${words(selfContainerdShimCommand())}`);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", text)).toHex().slice(0, 16);
}

/**
 * Returns the shell's test of whether the command that serves is of the berth that is installed. The
 * portable file says at its start which content it unpacks; what was unpacked may have been removed,
 * and the file then unpacks it again.
 */
function currentTest(): string {
  const [file = ""] = installedCommand();
  const sum = Deno.env.get("BERTH_FILE") === undefined ? undefined : sumOf(file);
  if (sum === undefined) return "true";
  const unpacked = selfContainerdShimCommand().filter((word) => word.startsWith("/"));
  return [
    `${unpacked.map((path) => `[ -e ${words([path])} ]`).join(" && ")} || return`,
    "  while read -r line; do",
    // The line is before the first empty one, and behind the script come megabytes.
    `    case $line in sum=*) [ "$line" = ${words([sum])} ]; return ;; '') return 1 ;; esac`,
    `  done <${words([file])}`,
    "  false",
  ].join("\n");
}

/**
 * Returns the rest of an `export` by which Deno keeps what it caches where the portable file has it kept,
 * and not in the home of whoever runs containerd, whose other Denos could lock it.
 */
function cache(): string {
  const dir = Deno.env.get("DENO_DIR");
  if (Deno.env.get("BERTH_FILE") === undefined || dir === undefined) return "";
  return ` DENO_DIR=${words([dir])}`;
}

function sumOf(file: string): string | undefined {
  const buffer = new Uint8Array(4096);
  using opened = Deno.openSync(file);
  const count = opened.readSync(buffer) ?? 0;
  return /^sum=.*$/m.exec(new TextDecoder().decode(buffer.subarray(0, count)))?.[0];
}

function words(command: readonly string[]): string {
  return command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
}
