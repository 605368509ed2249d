// SPDX-License-Identifier: MIT
// `berth logs`, and the parser of its `--tail`, which other commands have too.
import { isRefused } from "../../linux/libc/errno.ts";
import { type Command, Option } from "commander";
import { filePath } from "../../oci/bundle_layout.ts";
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import { verb, withSocket } from "../common/command.ts";
import { type DaemonConnection, withDaemon } from "../common/daemon.ts";
import { waitForGood } from "../common/exit.ts";
import { CliError } from "../common/exit_status.ts";
import { tailOffset } from "../common/tail.ts";
import { parseWhole } from "../options/resources.ts";
import { LogOutput } from "../logs/log_output.ts";
import { parseTime } from "../logs/time_option.ts";
import { FileOutput, type Output, PTY_LINGER_MS } from "../process_io/output.ts";
import { exitUnread, printStderr } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

interface LogsFlags {
  readonly follow?: true;
  readonly tail?: number | "all";
  readonly timestamps?: true;
  readonly since?: number;
  readonly until?: number;
  readonly stream?: "stdout" | "stderr";
}

/** `berth logs` */
export function logsCommand(): Command {
  return withSocket(verb(
    "logs",
    VERBS.logs.summary,
    "berth logs web",
    "berth logs -f --tail 10 web",
    "berth logs -t --since 10m --stream stderr web db",
  ))
    .option("-f, --follow", "follow the output until the containers exit for good")
    .option("-n, --tail <lines>", "only the last lines", parseTail)
    .option("-t, --timestamps", "put the time before each line")
    .option("--since <time>", "only since this time: RFC 3339, or how long ago: 10m", parseTime)
    .option("--until <time>", "only until this time", parseTime)
    .addOption(
      new Option("--stream <name>", "only this stream").choices(["stdout", "stderr"]),
    )
    .argument("<id...>", "containers")
    .action(async (ids: string[], options: LogsFlags, command: Command) => {
      await withDaemon(command, async (daemon) => {
        const states: ContainerState[] = [];
        for (const id of ids) states.push(await daemon.call("container.state", { id }));
        const width = Math.max(...ids.map((id) => id.length));
        const show = async (state: ContainerState) => {
          const prefix = ids.length > 1 ? `${state.id.padEnd(width)} | ` : undefined;
          await showLog(daemon, state, options, prefix);
        };
        if (options.follow) await Promise.all(states.map(show));
        else for (const state of states) await show(state);
      });
    });
}

/**
 * Parses a number of lines, or docker's `all`, for which a negative number stands. Throws commander's
 * `InvalidArgumentError`.
 */
export function parseTail(text: string): number | "all" {
  return /^(?:all|-\d+)$/.test(text) ? "all" : parseWhole(0)(text);
}

async function showLog(
  daemon: DaemonConnection,
  state: ContainerState,
  options: LogsFlags,
  prefix: string | undefined,
): Promise<void> {
  const { id } = state;
  const output = await openLog(state, options, prefix);
  // At once: the other containers that are followed may be silent for long.
  output.ended.then((end) => end === "unwritable" && exitUnread(), () => {
    // The drain throws any other error.
  });
  if (options.follow) {
    await Promise.race([output.ended, waitForGood(daemon, id)]);
  }
  await output.drain(0);
}

async function openLog(
  state: ContainerState,
  options: LogsFlags,
  prefix: string | undefined,
): Promise<Output> {
  const { id, log } = state;
  const path = log?.path || filePath(state.stdout);
  if (path === undefined) {
    throw new CliError(
      `${id} keeps no log: containers made with "berth run -d", "-t" or "--log", or with ` +
        `"berth create" do, unless the log driver is none`,
    );
  }
  try {
    return log?.driver === "cri"
      ? openCriLog(id, path, options, prefix)
      : await openRawLog(state, path, options, prefix);
  } catch (error) {
    if (isRefused(error)) {
      throw new CliError(`only root may read the log of ${id}, ${path}`, { cause: error });
    }
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new CliError(`the log of ${id} is gone: there is no ${path}`, { cause: error });
  }
}

function openCriLog(
  id: string,
  path: string,
  { tail, since, until, stream, timestamps }: LogsFlags,
  prefix: string | undefined,
): Output {
  const onGap = () =>
    printStderr(`berth: ${id}: some output was rotated away before it could be read`);
  const lines = tail === "all" ? undefined : tail;
  return new LogOutput(path, { since, until, stream, timestamps, prefix, tail: lines, onGap });
}

/** Returns the bytes as the container has written them, which have neither times nor streams. */
async function openRawLog(
  state: ContainerState,
  path: string,
  options: LogsFlags,
  prefix: string | undefined,
): Promise<Output> {
  const refused = (["timestamps", "since", "until", "stream"] as const)
    .find((name) => options[name] !== undefined);
  if (refused !== undefined || prefix !== undefined) {
    throw new CliError(
      `${state.id} has a raw log, which keeps neither times nor streams nor lines apart: ` +
        (refused === undefined ? "print it alone" : `--${refused} cannot be used`),
    );
  }
  const file = await Deno.open(path, { read: true });
  if (typeof options.tail === "number") {
    file.seekSync(tailOffset(file, options.tail), Deno.SeekMode.Start);
  }
  const linger = state.terminal && state.status !== "stopped" ? PTY_LINGER_MS : 0;
  return new FileOutput(file, path, Deno.stdout, options.follow ? linger : 0);
}
