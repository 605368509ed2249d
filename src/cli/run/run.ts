// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { type ContainerOptions, IMAGE_ARGUMENT, withContainer } from "../options/options.ts";
import { type DaemonConnection, withDaemon } from "../common/daemon.ts";
import { Interruption, leave } from "../common/interruptible.ts";
import { CliError } from "../common/exit_status.ts";
import { NotFoundError } from "../../rpc/errors.ts";
import { Creation } from "../create/creation.ts";
import { type ContainerRef, removeInstance, removeWithFiles } from "../container/remove.ts";
import { detachKeysOf, withDetachKeys } from "../process_io/detach_keys.ts";
import { exitAfter, runSession, type SessionEnd, statusOf } from "../process_io/session.ts";
import { SignalForwarder, withSigProxy } from "../process_io/signal_forwarder.ts";
import { print, printError } from "../text/print.ts";

interface RunOptions extends ContainerOptions {
  readonly detach?: true;
  readonly detachKeys?: string;
  readonly sigProxy: "true" | "false";
}

/** `berth run` */
export function runCommand(): Command {
  return withSigProxy(withDetachKeys(withContainer(withSocket(verb(
    "run",
    "Create a container and start it",
    "berth run --rm -it alpine sh",
    "berth run -d --name web --memory 64m nginx",
    "berth run --rm -it --rootfs ./rootfs -- sh",
    "berth run --rm --bundle ./bundle",
  )))))
    .passThroughOptions()
    .option("-d, --detach", "run in the background: print the id, write output to the log")
    .option("--log", "keep a log of the output, as with -d and -t")
    .argument("[image-and-command...]", IMAGE_ARGUMENT)
    .action(async (args: string[], options: RunOptions, command: Command) => {
      const keys = detachKeysOf(options.detachKeys);
      await withDaemon(command, async (daemon) => {
        // Signals to the container wait for it; until there is one they end this command.
        using interruption = new Interruption(options.detach && leave);
        const { signal } = interruption;
        await using creation = await Creation.open(daemon, options, args, signal);
        const { root } = creation;
        if (options.detach) {
          const id = await creation.detached();
          await start(daemon, creation, id, signal);
          return print(id);
        }
        // From here on, so that an early signal is not lost on a container that is being made. No
        // sooner: a pull has to be ended by its second signal at the latest.
        const giveUp = new AbortController();
        using signals = new SignalForwarder(undefined, (signal, waiting) => {
          leaveEarly(signal, waiting, giveUp);
        });
        interruption[Symbol.dispose]();
        const { id, ...made } = await creation.foreground(giveUp.signal);
        using streams = made.streams;
        using _lock = made.lock;
        const toRemove = options.rm &&
          await daemon.callAcrossRestarts("container.state", { id });
        let started = false;
        let end;
        try {
          end = await runSession({
            daemon,
            id,
            streams,
            signals,
            detachKeys: keys,
            sigProxy: options.sigProxy === "true",
            start: async () => {
              await start(daemon, creation, id, giveUp.signal);
              started = true;
              // Its errors are printed by itself.
              void creation.finishRemovals();
            },
          });
        } catch (error) {
          if (toRemove !== undefined && started) {
            await removeInstance(daemon, root, toRemove, true).catch(printError);
          }
          throw error;
        }
        if (toRemove !== undefined) await removeAfter(end, daemon, root, toRemove);
        exitAfter(end, { id });
      });
    });
}

/**
 * Makes a caller leave who interrupts twice before there is a process that hears it. The create is taken
 * back, or, with one interrupt more, left to the daemon.
 */
function leaveEarly(
  signal: Deno.Signal,
  waiting: readonly Deno.Signal[],
  giveUp: AbortController,
): void {
  if (signal !== "SIGINT" && signal !== "SIGTERM") return;
  const interrupts = waiting.filter((one) => one === "SIGINT" || one === "SIGTERM").length;
  const status = statusOf(signal);
  if (interrupts === 2) giveUp.abort(new CliError(`ended by ${signal}`, { status }));
  if (interrupts > 2) leave(status);
}

/** Starts a container; one that cannot be started, or is not wanted any more, is removed. */
async function start(
  daemon: DaemonConnection,
  creation: Creation,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    signal.throwIfAborted();
    await daemon.call("container.start", { id });
    signal.throwIfAborted();
  } catch (error) {
    await removeWithFiles(daemon, creation.root, id, true).catch((failure) => {
      // With --rm the daemon may have been faster.
      if (!(failure instanceof NotFoundError)) throw failure;
    });
    creation.takeBackId();
    throw error;
  }
}

async function removeAfter(
  end: SessionEnd,
  daemon: DaemonConnection,
  root: string,
  made: ContainerRef,
): Promise<void> {
  // The daemon removes it when it has exited.
  if (end.how === "detached" || end.how === "signaled") return;
  // Later output of the container has no reader any more: it would wait forever.
  await removeInstance(daemon, root, made, end.how === "broken-pipe");
}
