// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { EXIT_BERTH, reportUsageErrors, usageStatus } from "../command_line.ts";
import { failpointAsync } from "../failpoint.ts";
import { surviveErrors } from "../linux/event_loop/survive_errors.ts";
import { messageOf } from "../error_text.ts";
import { BerthError } from "../rpc/errors.ts";
import { type DaemonFlags, daemonRoleCommand } from "../daemon_command.ts";
import { type Config, ConfigError, loadConfig } from "./config/config.ts";
import { DaemonServer } from "./daemon_server.ts";
import { DaemonLog } from "./observability/log.ts";
import { IdleTrim } from "./process/idle_trim.ts";
import { programPath, selfShimCommand } from "./process/self_command.ts";
import { ServiceManager } from "./process/service_manager.ts";
import { systemdUnit } from "./process/systemd_unit.ts";
import { isTelemetryEnabled, spanHooks } from "./observability/telemetry.ts";

/** Runs `berth daemon` with the arguments after `daemon`, and returns its exit status. */
export async function runDaemon(argv: string[]): Promise<number> {
  let status = 0;
  const command = daemonRoleCommand(async (flags) => {
    status = await start(flags);
  });
  try {
    await reportUsageErrors(command).parseAsync(argv, { from: "user" });
    return status;
  } catch (error) {
    const usage = usageStatus(error);
    if (usage === undefined) throw error;
    return usage;
  }
}

async function printUnit(flags: DaemonFlags): Promise<number> {
  const unit = systemdUnit(programPath(), await unitArguments(flags)).trimEnd();
  try {
    console.log(unit);
    return 0;
  } catch (error) {
    console.error(`berth: cannot write standard output: ${messageOf(error)}`);
    return EXIT_BERTH;
  }
}

async function start(flags: DaemonFlags): Promise<number> {
  if (flags.printUnit) {
    return await printUnit(flags);
  }
  // Shims and runtimes inherit it: directories for mounts must be open to the users of a container,
  // whoever started the daemon.
  Deno.umask(0o022);
  try {
    const config = loadConfig(flags);
    await using log = new DaemonLog();
    await log.configure(config.log);
    await serve(config, flags, log);
    return 0;
  } catch (error) {
    if (!(error instanceof Error) || !isForeseen(error)) throw error;
    console.error(`berth: cannot start the daemon: ${error.message}`);
    return EXIT_BERTH;
  }
}

/**
 * Returns the flags as arguments again, less the one that prints the unit; paths from the root on.
 */
async function unitArguments(flags: DaemonFlags): Promise<string[]> {
  // Not at each start: it loads the layer that stands for Node.
  const { resolve } = await import("node:path");
  const { config, state, root, socket, logLevel } = flags;
  const paths = Object.entries({ config, state, root, socket }).flatMap(([name, path]) =>
    path === undefined ? [] : [`--${name}`, resolve(path)]
  );
  return [...paths, ...logLevel === undefined ? [] : ["--log-level", logLevel]];
}

/**
 * Returns whether an error is about this machine or its config, so that its message says it all.
 */
function isForeseen(error: Error): boolean {
  if (error instanceof BerthError || error instanceof ConfigError) return true;
  // An error of the kernel, by Deno or by berth's own calls, has the errno's name as its code.
  return "code" in error && typeof error.code === "string" && /^E[A-Z0-9]+$/.test(error.code);
}

/** Serves until SIGTERM or SIGINT. */
async function serve(config: Config, flags: DaemonFlags, output: DaemonLog): Promise<void> {
  // As in a shim: a container without its daemon loses its terminal, and its exit status.
  if (config.runtime.no_shim) {
    surviveErrors((error) => getLogger(["berth"]).error("unhandled error", { error }));
  }
  const manager = new ServiceManager();
  const stop = Promise.withResolvers<string>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => stop.resolve(signal));
  }
  Deno.addSignalListener("SIGHUP", () => void reload(config, flags, output));
  const { address } = config.metrics;
  const metrics = address === undefined
    ? undefined
    : new (await import("./observability/metrics.ts")).Metrics();
  using idle = new IdleTrim();
  await using endpoints = new AsyncDisposableStack();
  await using daemon = await DaemonServer.start({
    config,
    self: selfShimCommand,
    hooks: [
      idle.hooks,
      ...(metrics === undefined ? [] : [metrics.daemon]),
      ...(isTelemetryEnabled() ? [spanHooks()] : []),
    ],
    monitors: metrics === undefined ? [] : [metrics.containers],
    beforeListen: async (opened) => {
      if (address !== undefined && metrics !== undefined) {
        endpoints.use(await metrics.serve(address, opened, () => opened.hasRoom()));
      }
    },
  });
  const log = getLogger(["berth"]);
  log.info("listening on {socket} with {containers} containers", {
    socket: config.socket.path,
    containers: daemon.manager.containers.size,
  });
  warnOfClosedSocket(config);
  manager.notifyReady(`listening on ${config.socket.path}`);
  const signal = await stop.promise;
  const running =
    [...daemon.manager.containers].filter(({ processes }) => processes.isAlive).length;
  log.info(
    running === 0
      ? "received {signal}, shutting down"
      : "received {signal}, shutting down; {running} containers keep running",
    { signal, running },
  );
  manager.notifyStopping();
}

/** The state directory is closed to all but root, and so is a socket in it, whatever its mode. */
function warnOfClosedSocket({ state, socket: { path, mode, gid } }: Config): void {
  const forOthers = gid !== undefined || (Number.parseInt(mode, 8) & 0o077) !== 0;
  if (!forOthers || !path.startsWith(`${state}/`)) return;
  getLogger(["berth"]).warn(
    "[socket] mode and gid let nobody in: {path} is in the state directory, which is root's alone; " +
      "set [socket] path to a place outside of it",
    { path },
  );
}

/** Reads the config again: the log follows it at once, any other change needs a restart. */
async function reload(running: Config, flags: DaemonFlags, output: DaemonLog): Promise<void> {
  const log = getLogger(["berth"]);
  await failpointAsync("daemon.reload");
  try {
    const { log: logging, ...rest } = loadConfig(flags);
    await output.configure(logging);
    const { log: _, ...before } = running;
    const same = JSON.stringify(rest) === JSON.stringify(before);
    log.info(
      same
        ? "SIGHUP: config read again"
        : "SIGHUP: config read again; what is not about the log waits for a restart",
    );
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    log.error("SIGHUP: the config is kept as it was: {reason}", { reason: error.message, error });
  }
}
