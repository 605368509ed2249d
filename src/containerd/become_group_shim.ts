// SPDX-License-Identifier: MIT
import { failpoint } from "../failpoint.ts";
import { surviveErrors } from "../linux/event_loop/survive_errors.ts";
import { createCoreScheduling } from "../linux/process/session.ts";
import { absolutePathEntries } from "../linux/process/environment.ts";
import { FILE_LIMIT_VARIABLE, raiseFileLimit } from "../linux/process/file_limit.ts";
import { setOomScoreAdj } from "../linux/process/oom_score.ts";
import { prctlNotDumpable } from "../linux/process/process.ts";
import { Reaper } from "../linux/process/reaper.ts";
import { readJson } from "../oci/json_file.ts";
import { stackOf } from "../error_text.ts";
import { type Bootstrap, groupOf, readBootstrap } from "./bootstrap/params.ts";
import { joinShimCgroup } from "./bootstrap/shim_cgroup.ts";
import { ShimSocket, socketPath, writeAddress } from "./bootstrap/socket.ts";
import { byProgram, overTtrpc } from "./events/deliver.ts";
import { parseFlags, requireNamespace, type ShimFlags } from "./flags.ts";
import { ContainerdLog } from "./log.ts";
import { ContainerdShim } from "./shim.ts";
import { readOptions } from "./task/options.ts";

/** OOM scores end here (proc_pid_oom_score_adj(5)). */
const MAX_SCORE = 1000;

/** A call of `start`. */
export interface StartCall {
  /** The pid of containerd, whose OOM score the shim's is one above. */
  readonly parent: number;
  readonly args: readonly string[];
  /** The working directory. */
  readonly bundle: string;
  /** The content of stdin. */
  readonly input: Uint8Array;
  /** The environment; this process's own where left out. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Called when this process is no shim any more, and holds nothing of its time as one; `clean` is false
   * where it may not be as it was before. The process ends where this is left out.
   */
  readonly onDone?: (clean: boolean) => void;
}

/** The answer to a `start`. */
export interface Started {
  /** The text that `start` prints. */
  readonly text: string;
  /** Whether this process is the shim of the container's group now; else the group has one. */
  readonly stays: boolean;
}

/**
 * Becomes the shim of a container's group, unless there is one: this process is then as it was
 * before.
 */
export async function becomeGroupShim(call: StartCall): Promise<Started> {
  const { args, bundle, input } = call;
  const flags = parseFlags(args);
  requireNamespace(flags);
  const { namespace, address, id } = flags;
  const bootstrap = readBootstrap(input, flags);
  const group = groupOf(readJson(`${bundle}/config.json`), id);
  const path = await socketPath({ dir: bootstrap.socketDir, address, namespace, group });
  // Before there is a socket, which is found by it where this process is killed.
  writeAddress(bundle, path);
  const text = bootstrap.structured
    ? JSON.stringify({ version: 3, address: `unix://${path}`, protocol: "ttrpc" })
    : `unix://${path}`;
  const socket = await ShimSocket.bind(path);
  try {
    failpoint(socket === undefined ? "shim.joins" : "shim.bound");
    if (bootstrap.structured) linkSockets(bootstrap.socketDir, bundle);
    if (socket === undefined) return { text, stays: false };
    await becomeShim(call, { flags, bootstrap, socket });
  } catch (error) {
    socket?.close();
    throw error;
  }
  return { text, stays: true };
}

interface GroupShim {
  readonly flags: ShimFlags;
  readonly bootstrap: Bootstrap;
  readonly socket: ShimSocket;
}

/** Makes this process the shim that is reached by `socket`. */
async function becomeShim(call: StartCall, { flags, bootstrap, socket }: GroupShim): Promise<void> {
  const { parent, bundle, env, onDone } = call;
  if (env !== undefined) takeEnvironment(env);
  prctlNotDumpable();
  setOomScoreAdj("self", Math.min(scoreOf(parent) + 1, MAX_SCORE));
  const ownCores = Boolean(Deno.env.get("SCHED_CORE"));
  if (ownCores) createCoreScheduling();
  const { shimCgroup } = await readOptions(bootstrap.options);
  if (shimCgroup !== "") joinShimCgroup(shimCgroup);
  const ttrpc = bootstrap.ttrpcAddress ?? Deno.env.get("TTRPC_ADDRESS") ?? "";
  serveGroup({ socket, bundle, flags, ttrpc }, (clean) => {
    if (onDone === undefined) Deno.exit(0);
    onDone(clean && !ownCores && shimCgroup === "");
  });
}

/** Puts `env` in the place of this process's whole environment. */
function takeEnvironment(env: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(Deno.env.toObject())) Deno.env.delete(name);
  for (const [name, value] of Object.entries(env)) Deno.env.set(name, value);
}

/** The signals that end a shim or a process that waits to be one, unless there is a container. */
export const END_SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

interface ServeGroupOptions {
  readonly socket: ShimSocket;
  readonly bundle: string;
  readonly flags: ShimFlags;
  /** containerd's ttrpc socket; empty where there is none. */
  readonly ttrpc: string;
}

function serveGroup(
  { socket, bundle, flags, ttrpc }: ServeGroupOptions,
  onDone: (clean: boolean) => void,
): void {
  const { namespace, address, publishBinary: binary, debug } = flags;
  const over = new AbortController();
  let clean = true;
  Deno.env.set("PATH", absolutePathEntries(Deno.env.get("PATH")));
  const log = new ContainerdLog(debug);
  log.open(`${bundle}/log`);
  // A bug in the shim must not kill its containers, so it keeps running.
  surviveErrors((error) => {
    clean = false;
    log.write("error", `unhandled: ${stackOf(error)}`);
  }, over.signal);
  const childFileLimit = raiseFileLimit(Deno.env.get(FILE_LIMIT_VARIABLE));
  const reaper = Reaper.start({ subreaper: true, childFileLimit });
  const connected = ttrpc === "" ? undefined : overTtrpc(ttrpc, namespace);
  const deliver = connected ??
    byProgram({ binary, address, namespace, spawn: (argv, how) => reaper.spawn(argv, how) });
  const endBySignal = () => {
    clean = false;
    shim.endBySignal();
  };
  const end = () => {
    for (const signal of END_SIGNALS) Deno.removeSignalListener(signal, endBySignal);
    over.abort();
    const childless = !reaper.hasChildren;
    reaper[Symbol.dispose]();
    connected?.[Symbol.dispose]();
    log[Symbol.dispose]();
    onDone(clean && childless);
  };
  const shim = new ContainerdShim({ namespace, socket, reaper, deliver, log, onDone: end });
  for (const signal of END_SIGNALS) Deno.addSignalListener(signal, endBySignal);
}

/** Links the directory of the sockets into the bundle, where containerd 2.3 looks for it. */
function linkSockets(dir: string, bundle: string): void {
  try {
    Deno.symlinkSync(dir, `${bundle}/s`);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}

function scoreOf(pid: number): number {
  return Number(Deno.readTextFileSync(`/proc/${pid}/oom_score_adj`));
}
