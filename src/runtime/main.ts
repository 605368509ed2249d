// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { BerthError } from "../rpc/errors.ts";
import { daemonCommand } from "./command.ts";
import type { DaemonFlags } from "./command.ts";
import { ConfigError, loadConfig } from "./config.ts";
import type { Config } from "./config.ts";
import { Daemon } from "./daemon.ts";
import { configureLog } from "./log.ts";
import { NO_OBSERVER } from "./observer.ts";
import { selfCommand } from "./self_command.ts";

/** Exit status of a daemon that could not start. */
const CANNOT_START = 125;

/** Runs `berth daemon` with the arguments after `daemon`; answers its exit status. */
export async function runDaemon(argv: string[]): Promise<number> {
  let status = 0;
  const command = daemonCommand(async (flags) => {
    status = await start(flags);
  });
  await command.parseAsync(argv, { from: "user" });
  return status;
}

async function start(flags: DaemonFlags): Promise<number> {
  try {
    const config = loadConfig(flags);
    await configureLog(config.log);
    await serve(config);
    return 0;
  } catch (error) {
    if (
      !(error instanceof BerthError) && !(error instanceof ConfigError) &&
      !(error instanceof Deno.errors.PermissionDenied)
    ) throw error;
    console.error(`berth: cannot start the daemon: ${error.message}`);
    return CANNOT_START;
  }
}

/** Serves until SIGTERM or SIGINT. */
async function serve(config: Config): Promise<void> {
  const stop = Promise.withResolvers<string>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => stop.resolve(signal));
  }
  // A terminal that is closed does not end a daemon.
  Deno.addSignalListener("SIGHUP", () => {});
  const { address } = config.metrics;
  const metrics = address === undefined ? undefined : new (await import("./metrics.ts")).Metrics();
  await using endpoints = new AsyncDisposableStack();
  await using daemon = await Daemon.start({
    config,
    self: selfCommand(),
    observer: metrics ?? NO_OBSERVER,
    monitors: metrics === undefined ? [] : [metrics.containers],
    beforeListen: async (opened) => {
      if (address !== undefined && metrics !== undefined) {
        endpoints.use(await metrics.serve(address, opened));
      }
    },
  });
  const log = getLogger(["berth"]);
  log.info("listening on {socket} with {containers} containers", {
    socket: config.socket.path,
    containers: daemon.runtime.size,
  });
  log.info("{signal}: stopping, containers go on", { signal: await stop.promise });
}
