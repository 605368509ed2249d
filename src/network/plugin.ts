// SPDX-License-Identifier: MIT
// Runs CNI plugins.
import { getLogger } from "@logtape/logtape";
import { EACCES, ENOENT, ENOEXEC, isErrno } from "../linux/libc/errno.ts";
import { sleep } from "../linux/event_loop/timer.ts";
import type { Exit, Spawn } from "../oci/driver/spawn.ts";
import { messageOf, shorten } from "../error_text.ts";
import { asRecord, isRecord } from "../rpc/is_record.ts";
import { NetworkError } from "../rpc/errors.ts";
import type { PluginTarget } from "./plugin_errors.ts";
import { hangingPlugin, isIptablesClash, missingPlugin, pluginFailed } from "./plugin_errors.ts";
import type { PluginRuns } from "./plugin_runs.ts";
import type { CniResult } from "./result.ts";
import { resultFault } from "./result.ts";
import { pluginPath, type ProgramEnd, runProgram } from "./run_program.ts";

/** How plugins are run. */
export interface PluginHost {
  readonly spawn: Spawn;
  /** Directories of the programs, in the order of search. */
  readonly dirs: readonly string[];
  /** After so many milliseconds a plugin is killed. */
  readonly timeoutMs: number;
}

/** One run of a plugin: CNI specification, "Section 2: Execution protocol". */
export interface PluginCall extends PluginTarget {
  readonly command: "ADD" | "DEL";
  /** The runs for the container; its id among plugins is no other container's. */
  readonly runs: PluginRuns;
  /** Path of the network namespace; empty for a DEL after it has gone. */
  readonly netns: string;
  readonly ifname: string;
  /** The configuration that the plugin reads. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** The most that a plugin may write, in bytes: results have some hundred. */
const MAX_OUTPUT = 1 << 20;

/** How much of what a failed plugin has written goes into the message, in UTF-16 units. */
const MAX_MESSAGE = 2048;

/** How long a plugin waits before it is run anew after a clash of iptables, in milliseconds. */
const CLASH_DELAYS = [20, 40, 80, 160, 320];

/** Why a program may not be started at all: gone since it was found, or of another machine. */
const NOT_STARTED = [ENOENT, EACCES, ENOEXEC];

/** Returns whether a plugin failed that could not be started, and so has done nothing. */
export function neverStarted(error: unknown): boolean {
  return error instanceof NetworkError && isErrno(error.cause, ...NOT_STARTED);
}

/** Returns the path of a plugin's program; undefined if there is none that may be executed. */
export function findPlugin(type: string, dirs: readonly string[]): string | undefined {
  return dirs.map((dir) => `${dir}/${type}`).find((path) => {
    try {
      const { isFile, mode } = Deno.statSync(path);
      return isFile && ((mode ?? 0) & 0o111) !== 0;
    } catch {
      // Not there, or not to be seen.
      return false;
    }
  });
}

/**
 * Runs a plugin and returns its result; undefined where it gave none. One that does not end in time, or
 * does not stop writing, is killed, with what it has started. The result of an ADD is one that other
 * plugins can read.
 *
 * A plugin whose iptables clashed with that of another container is run again, as after a reboot, when
 * many containers make the chains that they share at once. An ADD that failed is followed by a DEL first:
 * CNI specification, "Section 3: Execution of Network Configurations".
 *
 * @throws {FailedPreconditionError} if it is not installed.
 * @throws {DeadlineExceededError} if it was killed for taking too long.
 * @throws {ResourceExhaustedError} if it says that no address is free.
 * @throws {NetworkError} if it fails in another way.
 */
export async function runPlugin(
  host: PluginHost,
  call: PluginCall,
): Promise<CniResult | undefined> {
  /** The clash of an ADD after which the DEL failed, too; a further ADD may fail for that reason. */
  let clash: Error | undefined;
  for (let tries = 0;; tries++) {
    try {
      return await runOnce(host, call);
    } catch (error) {
      const delay = CLASH_DELAYS[tries];
      if (delay === undefined || !isIptablesClash(error)) throw clash ?? error;
      const reason = error.message;
      getLogger(["berth", "network"]).info("{reason}; it is run again", { id: call.id, reason });
      // Those that clashed do not meet again.
      await sleep(delay * (0.5 + Math.random()));
      if (call.command === "ADD" && !await hasRemoved(host, call)) clash ??= error;
    }
  }
}

/**
 * Runs the DEL after an ADD that failed. Returns false where that fails, too: `bridge` removes its
 * interface and its lease, and fails by the rule that it has not made.
 */
async function hasRemoved(host: PluginHost, call: PluginCall): Promise<boolean> {
  try {
    await runOnce(host, { ...call, command: "DEL" });
    return true;
  } catch (error) {
    getLogger(["berth", "network"]).info("{reason}; going on", {
      id: call.id,
      reason: messageOf(error),
    });
    return false;
  }
}

async function runOnce(host: PluginHost, call: PluginCall): Promise<CniResult | undefined> {
  const { command, id, network, plugin } = call;
  const target = { id, network, plugin };
  const program = findPlugin(plugin, host.dirs);
  if (program === undefined) throw missingPlugin(target, host.dirs);
  const { exit, killed, stdout, stderr } = await start(host, program, call);
  if (killed === "output") {
    const message = `it wrote more than ${MAX_OUTPUT} bytes and was killed`;
    throw pluginFailed(target, { command, message });
  }
  if (exit === undefined) throw hangingPlugin(target, command, host.timeoutMs);
  if (exit.status === 0) {
    const result = parseOutput(stdout);
    if (command === "DEL" || stdout.trim() === "") return result;
    const fault = result === undefined ? shorten(stdout.trim(), MAX_MESSAGE) : resultFault(result);
    if (fault === undefined) return result;
    throw pluginFailed(target, { command, message: `it printed no result of CNI: ${fault}` });
  }
  throw pluginFailed(target, { command, ...failureOf(exit, stdout, stderr) });
}

async function start(
  { spawn, dirs, timeoutMs }: PluginHost,
  program: string,
  call: PluginCall,
): Promise<ProgramEnd> {
  const { command, id, network, plugin } = call;
  try {
    return await runProgram([program], {
      spawn,
      runs: call.runs,
      env: environment(dirs, call),
      input: JSON.stringify(call.config),
      timeoutMs,
      maxOutput: MAX_OUTPUT,
    });
  } catch (error) {
    if (!isErrno(error, ...NOT_STARTED)) throw error;
    throw pluginFailed({ id, network, plugin }, { command, message: error.message, cause: error });
  }
}

/** Returns the environment of a plugin: CNI specification, "Parameters". */
function environment(dirs: readonly string[], call: PluginCall): Record<string, string> {
  return {
    PATH: pluginPath(),
    CNI_COMMAND: call.command,
    CNI_NETNS: call.netns,
    CNI_IFNAME: call.ifname,
    CNI_PATH: dirs.join(":"),
    CNI_ARGS: "IgnoreUnknown=1",
  };
}

function parseOutput(output: string): CniResult | undefined {
  if (output.trim() === "") return undefined;
  return asRecord(tryParse(output));
}

function failureOf(
  exit: Exit,
  output: string,
  errors: string,
): { message: string; code?: number } {
  const said: unknown = tryParse(output);
  if (isRecord(said) && typeof said["msg"] === "string") {
    const { code, msg, details } = said;
    const more = typeof details === "string" && details !== "" ? `: ${details}` : "";
    return {
      message: shorten(`${msg}${more}`, MAX_MESSAGE),
      ...(typeof code === "number" ? { code } : {}),
    };
  }
  const written = shorten(`${errors}${output}`.trim(), MAX_MESSAGE);
  if (written !== "") return { message: written };
  return {
    message: exit.signal === undefined
      ? `it exited with ${exit.status} and no message`
      : `it was killed by signal ${exit.signal}`,
  };
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: whatever it is, it is shown as it is.
    return undefined;
  }
}
