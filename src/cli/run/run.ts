// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { type ContainerOptions, IMAGE_ARGUMENT, withContainer } from "../options/options.ts";
import { type DaemonConnection, withDaemon } from "../common/daemon.ts";
import { Interruption, leave } from "../common/interruptible.ts";
import { NotFoundError } from "../../rpc/errors.ts";
import { Creation } from "../create/creation.ts";
import { type ContainerRef, removeInstance, removeWithFiles } from "../container/remove.ts";
import { detachKeysOf, withDetachKeys } from "../process_io/detach_keys.ts";
import { exitAfter, runSession, type SessionEnd } from "../process_io/session.ts";
import { SignalForwarder, withSigProxy } from "../process_io/signal_forwarder.ts";
import { errorLine } from "../text/format.ts";
import { print, printError, printStderr } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

interface RunFlags extends ContainerOptions {
  readonly detach?: true;
  readonly detachKeys?: string;
  readonly sigProxy: "true" | "false";
}

/** `berth run` */
export function runCommand(): Command {
  return withSigProxy(withDetachKeys(withContainer(withSocket(verb(
    "run",
    VERBS.run.summary,
    "berth run --rm -it alpine sh",
    "berth run -d --name web --memory 64m nginx",
    "berth run --rm -it --rootfs ./rootfs -- sh",
    "berth run --rm --bundle ./bundle",
  )))))
    .passThroughOptions()
    .option("-d, --detach", "run in the background: print the id, write output to the log")
    .option("--log", "keep a log of the output, as with -d and -t")
    .argument("[image-and-command...]", IMAGE_ARGUMENT)
    .action(async (args: string[], options: RunFlags, command: Command) => {
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
        using signals = new SignalForwarder();
        interruption[Symbol.dispose]();
        const { id, ...made } = await creation.foreground(signals.giveUp);
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
            start: async (giveUp) => {
              await start(daemon, creation, id, giveUp);
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

/** Starts a container; one that cannot be started, or is not wanted any more, is removed. */
async function start(
  daemon: DaemonConnection,
  creation: Creation,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await daemon.call("container.start", { id }, { signal });
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
  try {
    // Later output of the container has no reader any more: it would wait forever.
    await removeInstance(daemon, root, made, end.how === "broken-pipe");
  } catch (error) {
    // The status stays the container's own, which is how the command has ended.
    printStderr(
      `berth: removing ${made.id}: ${errorLine(error)}; what is left goes with ` +
        `"berth rm --force ${made.id}"`,
    );
  }
}
