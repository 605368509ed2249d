// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { CliError } from "../common/exit_status.ts";
import { parseSeconds } from "../container/resources.ts";
import { Sampler } from "../common/sampler.ts";
import { type Usage, usageTable } from "../common/usage.ts";
import { RawTerminal } from "../process_io/raw_terminal.ts";
import { SignalForwarder } from "../process_io/signal_forwarder.ts";

const ALTERNATE_SCREEN = "\x1b[?1049h\x1b[?25l";
const NORMAL_SCREEN = "\x1b[?25h\x1b[?1049l";
const CTRL_C = 3;

/** `berth top` */
export function topCommand(): Command {
  return withSocket(verb(
    "top",
    "Watch what all running containers use, the busiest first; q leaves",
    "berth top",
    "berth top --interval 5",
  ))
    .option("--interval <seconds>", "time between two looks", parseSeconds, 1)
    .action(async (options: { interval: number }, command: Command) => {
      if (!Deno.stdin.isTerminal() || !Deno.stdout.isTerminal()) {
        throw new CliError('top needs a terminal: use "berth stats --no-stream" without one');
      }
      await withDaemon(command, async (daemon) => {
        using signals = new SignalForwarder(["SIGINT", "SIGTERM", "SIGHUP"]);
        using _screen = fullScreen();
        const quit = Promise.withResolvers<void>();
        signals.deliver(() => quit.resolve());
        readQuit().then(quit.resolve, quit.reject);
        const quitting = quit.promise.then(() => undefined);
        const sampler = new Sampler(daemon, []);
        while (true) {
          const usages = await Promise.race([quitting, sampler.sample()]);
          if (!usages) return;
          draw(usages, sampler.running);
          let timer;
          const next = new Promise((resolve) =>
            timer = setTimeout(resolve, options.interval * 1000)
          );
          await Promise.race([quitting, next]);
          clearTimeout(timer);
        }
      });
    });
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

function draw(usages: readonly Usage[], running: number): void {
  const { columns, rows } = Deno.consoleSize();
  const busiest = usages.toSorted((a, b) => (b.cpuPercent ?? 0) - (a.cpuPercent ?? 0));
  const title = `berth: ${running} running   ${new Date().toTimeString().slice(0, 8)}`;
  const lines = [title, "", ...usageTable(busiest, columns)].slice(0, rows);
  // In raw mode a line feed does not return the carriage.
  write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join("\r\n")}\x1b[J`);
}

async function readQuit(): Promise<void> {
  const key = new Uint8Array(16);
  while (true) {
    const length = await Deno.stdin.read(key);
    if (length === null) return;
    const typed = key.subarray(0, length);
    if (typed.includes("q".charCodeAt(0)) || typed.includes(CTRL_C)) return;
  }
}

function write(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}
