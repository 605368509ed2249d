// SPDX-License-Identifier: MIT
import { surviveErrors } from "../linux/event_loop/survive_errors.ts";
import { absolutePathEntries } from "../linux/process/environment.ts";
import { FILE_LIMIT_VARIABLE, raiseFileLimit } from "../linux/process/file_limit.ts";
import { prctlNotDumpable, setProcessName } from "../linux/process/process.ts";
import { Reaper } from "../linux/process/reaper.ts";
import { ShimProcess } from "./shim_process.ts";
import { ShimLog } from "./shim_log.ts";
import { isMachineGoingDown } from "./shutdown.ts";
import { messageOf } from "../error_text.ts";

const USAGE = "usage: berth shim serve --control PATH";

/**
 * Runs a shim: dials the daemon's control socket and serves bundles on request, until the daemon has it
 * exit. Ends the process.
 *
 * @param args what follows `shim` on the command line: `serve --control PATH`.
 */
export async function runShim(args: readonly string[]): Promise<void> {
  const [verb, option, path] = args;
  if (verb !== "serve" || option !== "--control" || path === undefined || args.length !== 3) {
    console.error(USAGE);
    Deno.exit(2);
  }
  setProcessName("berth-shim");
  prctlNotDumpable();
  Deno.env.set("PATH", absolutePathEntries(Deno.env.get("PATH")));
  const childFileLimit = raiseFileLimit(Deno.env.get(FILE_LIMIT_VARIABLE));
  // A bug in the shim must not kill its containers, so it keeps running.
  surviveErrors((error) => console.error("berth shim: unhandled error:", error));
  const host = new ShimProcess({
    reaper: Reaper.start({ subreaper: true, childFileLimit }),
    log: new ShimLog(),
    onDone: () => Deno.exit(0),
  });
  // A shim that serves a container outlives the daemon, its session and its service.
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, async () => {
      if (isMachineGoingDown()) await host.stopContainers();
      else if (host.serving) return;
      Deno.exit(0);
    });
  }
  try {
    await host.connect(path);
  } catch (error) {
    console.error(`berth shim: ${messageOf(error)}`);
    Deno.exit(1);
  }
}

// As the daemon runs it where it is a file of its own, with the arguments that berth itself takes.
if (import.meta.main) await runShim(Deno.args[0] === "shim" ? Deno.args.slice(1) : Deno.args);
