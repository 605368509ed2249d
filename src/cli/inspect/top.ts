// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { withTimeout } from "../../linux/event_loop/with_timeout.ts";
import { verb, withSocket } from "../common/command.ts";
import { type DaemonConnection, withDaemon } from "../common/daemon.ts";
import { CliError } from "../common/exit_status.ts";
import { parseSeconds } from "../options/resources.ts";
import { Sampler } from "../common/sampler.ts";
import type { Usage } from "../common/usage.ts";
import { RawTerminal } from "../process_io/raw_terminal.ts";
import { SignalForwarder } from "../process_io/signal_forwarder.ts";
import { printProcessTable } from "./processes.ts";
import { TopScreen } from "./top_screen.ts";
import { VERBS } from "../text/verb_table.ts";

const ALTERNATE_SCREEN = "\x1b[?1049h\x1b[?25l";
const NORMAL_SCREEN = "\x1b[?25h\x1b[?1049l";

/** `berth top` */
export function topCommand(): Command {
  return withSocket(verb(
    "top",
    VERBS.top.summary,
    "berth top",
    "berth top --interval 5",
    "berth top web",
  ))
    .option("--interval <seconds>", "time between two updates", parseSeconds, 1)
    .argument("[id]", "list the processes in this container")
    .action(async (id: string | undefined, options: { interval: number }, command: Command) => {
      if (id !== undefined) {
        return await withDaemon(command, (daemon) => printProcessTable(daemon, id));
      }
      if (!Deno.stdin.isTerminal() || !Deno.stdout.isTerminal()) {
        throw new CliError('top needs a terminal: use "berth stats --no-stream" without one');
      }
      await withDaemon(command, (daemon) => watch(daemon, options.interval * 1000));
    });
}

/** Shows the usage of containers until the caller leaves. */
async function watch(daemon: DaemonConnection, intervalMs: number): Promise<void> {
  using signals = new SignalForwarder(undefined, ["SIGINT", "SIGTERM", "SIGHUP"]);
  using _terminal = fullScreen();
  const screen = new TopScreen();
  const quit = Promise.withResolvers<void>();
  signals.deliver(() => quit.resolve());
  let usages: readonly Usage[] | undefined;
  const sampler = new Sampler(daemon, []);
  const redraw = () => {
    if (usages !== undefined) {
      write(screen.draw(usages, sampler.states, Deno.consoleSize(), new Date()));
    }
  };
  Deno.addSignalListener("SIGWINCH", redraw);
  readKeys(screen, redraw).then(quit.resolve, quit.reject);
  const quitting = quit.promise.then(() => undefined);
  try {
    while (true) {
      usages = await Promise.race([quitting, sampler.sample()]);
      if (!usages) return;
      redraw();
      if (await withTimeout(quitting, intervalMs)) return;
    }
  } finally {
    Deno.removeSignalListener("SIGWINCH", redraw);
  }
}

function fullScreen(): Disposable {
  const raw = RawTerminal.enter();
  write(ALTERNATE_SCREEN);
  return {
    [Symbol.dispose]: () => {
      write(NORMAL_SCREEN);
      raw[Symbol.dispose]();
    },
  };
}

/** Gives keys to the screen until one of them means to leave. */
async function readKeys(screen: TopScreen, redraw: () => void): Promise<void> {
  const buffer = new Uint8Array(64);
  while (true) {
    const length = await Deno.stdin.read(buffer);
    if (length === null) return;
    const typed = new TextDecoder().decode(buffer.subarray(0, length));
    if (screen.type(typed) === "quit") return;
    redraw();
  }
}

function write(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}
