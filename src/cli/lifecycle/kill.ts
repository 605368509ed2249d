// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { parseSignal } from "../../linux/process/signals.ts";
import { verb, withSocket } from "../common/command.ts";
import { actOnEach } from "../common/ids.ts";
import { CliError } from "../common/exit_status.ts";
import { VERBS } from "../text/verb_table.ts";

interface KillFlags {
  readonly signal?: string;
  readonly all?: true;
  readonly exec?: string;
}

/** `berth kill` */
export function killCommand(): Command {
  return withSocket(verb(
    "kill",
    VERBS.kill.summary,
    "berth kill web",
    "berth kill -s HUP web",
    "berth kill -15 web",
  ))
    // -15 and -HUP are among the arguments then.
    .allowUnknownOption()
    .option("-s, --signal <signal>", "signal name or number; default: SIGKILL")
    .option("-a, --all", "signal every process in the container, not only its first")
    .option("--exec <exec-id>", "signal this exec process instead")
    .argument("<id...>", "containers")
    .action(async (args: string[], options: KillFlags, command: Command) => {
      const { ids, signal } = targetsOf(args, options.signal);
      const { all, exec: execId } = options;
      await actOnEach(
        command,
        ids,
        (daemon, id) => daemon.call("container.kill", { id, signal, all, execId }),
      );
    });
}

/** Separates the containers from a signal in the form of kill(1): `-15`, `-HUP`. */
function targetsOf(args: readonly string[], option: string | undefined) {
  const ids = args.filter((arg) => !arg.startsWith("-"));
  const given = args.filter((arg) => arg.startsWith("-"));
  for (const arg of given) {
    if (!isSignal(arg.slice(1))) throw new CliError(`unknown option '${arg}'`);
  }
  const [signal = "SIGKILL", ...more] = [
    ...option === undefined ? [] : [option],
    ...given.map((arg) => arg.slice(1)),
  ];
  if (more.length > 0) throw new CliError("give one signal");
  if (ids.length === 0) throw new CliError("say which containers to send the signal to");
  return { ids, signal: /^\d+$/.test(signal) ? Number(signal) : signal };
}

function isSignal(text: string): boolean {
  try {
    parseSignal(text);
    return true;
  } catch {
    // It is no signal.
    return false;
  }
}
