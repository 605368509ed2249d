// SPDX-License-Identifier: MIT
import { PRINT_DELETED } from "./print_deleted.ts";
import { installedCommand, selfContainerdShimCommand } from "./self_command.ts";

const SCRIPT = String.raw`#!/bin/sh
# SPDX-License-Identifier: MIT
# berth as a shim of containerd; "berth install containerd-shim" has made this file. It spares each
# container the start of a process that would only start another, and most a last one that would find
# nothing to do.
berth() { exec @BERTH@ "$@"; }
serve() { exec @SERVE@ "$@"; }

# Whether berth is still the version that the command above is of.
current() {
  @CURRENT@
}

@PRINT_DELETED@
print_deleted "$@" && exit

action=
for action; do :; done
export BERTH_NOFILE="$(ulimit -Sn)" DENO_NO_UPDATE_CHECK=1
case $action in
  start)
    if current; then
      exec 3<&0
      answer=$(serve serve "$PPID" "$@" <&3 3<&- 2>/dev/null &)
      case $answer in
        "ok "*) printf %s "@{answer#ok }" && exit ;;
        "error "*) echo "@{answer#error }" >&2 ;;
        *) echo "the shim has ended before it could be reached" >&2 ;;
      esac
      exit 1
    fi
    ;;
esac
berth containerd-shim "$@"
`;

/**
 * Returns the text of the file that containerd calls as its shim, a shell script: it starts berth as
 * the process that stays, without one in between, and answers a `delete` itself where a shim has done
 * all. It works on with the next version of berth, slower, until it is made anew: what it reads of a
 * shim's has another name where its form has changed.
 */
export function containerdLauncher(): string {
  const values: Readonly<Record<string, string>> = {
    BERTH: words(installedCommand()),
    SERVE: words(selfContainerdShimCommand()),
    CURRENT: currentTest(),
    PRINT_DELETED,
  };
  return SCRIPT.replaceAll("@{", "${").replace(
    /@([A-Z_]+)@/g,
    (_, name: string) => values[name] ?? "",
  );
}

/** Returns the portable file says at its start which content it unpacks. */
function currentTest(): string {
  const [file = ""] = installedCommand();
  const sum = Deno.env.get("BERTH_FILE") === undefined ? undefined : sumOf(file);
  if (sum === undefined) return "true";
  return [
    "while read -r line; do",
    `    case $line in sum=*) [ "$line" = ${words([sum])} ]; return ;; esac`,
    `  done <${words([file])}`,
    "  false",
  ].join("\n");
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
