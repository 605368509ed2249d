// SPDX-License-Identifier: MIT
import { daemonContract } from "../../src/rpc/contract/daemon.ts";
import { paramSchemas } from "../../src/rpc/contract/json_schema.ts";
import { daemonErrorData, shimErrorData } from "../../src/rpc/contract/schemas/error_data.ts";
import { NotFoundError } from "../../src/rpc/errors.ts";
import { messageOf, stackOf } from "../../src/error_text.ts";
import { shimContract } from "../../src/rpc/contract/shim.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { anonymousMemory } from "../harness/memory.ts";
import { SLOWNESS, within } from "../harness/poll.ts";
import { openFiles } from "../harness/processes.ts";
import { Random } from "../soak/random.ts";
import { Bystander } from "./bystander.ts";
import { Messages } from "./messages.ts";
import { fuzzSession } from "./session.ts";

/** How a fuzz is run. */
export interface FuzzOptions {
  /** How many messages are sent in all. */
  readonly messages: number;
  /** Determines the messages, though not how they interleave. */
  readonly seed: number;
  /** Ends it early, cleanly: the fuzz then rejects with the reason. */
  readonly signal?: AbortSignal;
  /** Receives a line about how far it is, and each complaint as it comes. */
  readonly onProgress?: (line: string) => void;
}

/** The findings of a fuzz. */
export interface FuzzReport {
  readonly sent: number;
  /** Each thing that must not be, once. */
  readonly complaints: readonly string[];
  /** Bytes that the daemon holds more at the end than after the first tenth. */
  readonly memoryGrowth: number;
  /** Milliseconds of another client's slowest two calls. */
  readonly slowestMs: number;
}

/** Messages of one connection. */
const PER_SESSION = 40;
/** Connections at a time. */
const AT_ONCE = 4;
/** One session of so many goes to a shim. */
const SHIM_EVERY = 5;
/** The heap breathes, bytes. */
const MEMORY_SLACK = 100 * 1024 * 1024;
/** The longest that another client may have to wait, milliseconds. */
const MOST_MS = 60_000;
/** Complaints that are kept. */
const MOST_COMPLAINTS = 50;

const DAEMON_RARE = {
  "container.create": 10,
  "container.exec": 5,
  "container.checkpoint": 20,
  "container.stop": 10,
  "container.restart": 10,
};
const SHIM_RARE = { "shim.exec": 5, "shim.checkpoint": 20, "shim.delete": 20, "shim.exit": 20 };

/** Ids of the containers that messages are about; the last is never there. */
const IDS = ["a", "b", "c", "ghost"];

/**
 * Sends messages from a seed to a daemon and its shims. Complains of each answer of the kind Internal,
 * of stack traces, of data that no contract has, of connections that end, of memory and descriptors that stay, of what another
 * client has to wait, and of what is left over at the end.
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { messages, seed, signal, onProgress = () => {} } = options;
  const random = new Random(seed);
  await using daemon = await TestDaemon.start();
  const audit = await LeakAudit.warm(daemon);
  const descriptors = openFiles(daemon.pid).length;
  const { pid } = daemon;
  const complaints = new Set<string>();
  const complain = (what: string) => {
    // A signal to all processes of a terminal ends the daemon, too.
    if (signal?.aborted || complaints.size >= MOST_COMPLAINTS || complaints.has(what)) return;
    complaints.add(what);
    onProgress(`BAD: ${what}`);
  };
  const known = knownValues(random, daemon);
  const toDaemon = new Messages({
    random,
    schemas: paramSchemas(daemonContract),
    known,
    rare: DAEMON_RARE,
  });
  const toShim = new Messages({
    random,
    schemas: paramSchemas(shimContract),
    known,
    rare: SHIM_RARE,
  });
  await using bystander = new Bystander(daemon.socket);
  let sent = 0;
  let memory = 0;
  const session = async (number: number) => {
    const isShim = number % SHIM_EVERY === 0;
    const socket = isShim ? await shimSocket(daemon) : daemon.socket;
    const from = isShim ? toShim : toDaemon;
    const lines = Array.from({ length: PER_SESSION }, () => from.next());
    sent += lines.length;
    // A shim may be told to go.
    const tell = isShim
      ? (what: string) => /^(the connection ended|writing failed)/.test(what) || complain(what)
      : complain;
    const [ping, errorData] = isShim
      ? ["shim.connect", shimErrorData] as const
      : ["daemon.info", daemonErrorData] as const;
    try {
      await fuzzSession({ socket, random, lines, ping, errorData, complain: tell });
    } catch (error) {
      if (!isShim) complain(`a connection failed: ${stackOf(error)}`);
    }
  };
  for (let number = 1; sent < messages; number += AT_ONCE) {
    signal?.throwIfAborted();
    await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => session(number + index)));
    if (memory === 0 && sent >= messages / 10) memory = anonymousMemory(pid);
    if (number % 500 < AT_ONCE) {
      const held = Math.round(anonymousMemory(pid) / 1e6);
      onProgress(`${sent} messages, ${held} MB, ${complaints.size} complaints`);
    }
  }
  signal?.throwIfAborted();
  await bystander.stop().catch((error) => complain(`another client's call failed: ${error}`));
  const { slowest, calls } = bystander;
  if (slowest > MOST_MS * SLOWNESS) complain(`another client waited ${slowest} ms`);
  if (calls === 0) complain("another client got no answer");
  await within("the end of every container", removeAll(daemon, complain), 300_000);
  const memoryGrowth = anonymousMemory(pid) - memory;
  if (memoryGrowth > MEMORY_SLACK) complain(`the daemon grew by ${memoryGrowth} bytes`);
  try {
    await audit.assertClean({ ignoreFiles: /^(daemon\.log|fuzz-output|none|root)\b/ });
  } catch (error) {
    complain(String(error));
  }
  const left = openFiles(pid).length - descriptors;
  if (left > 4) complain(`${left} descriptors are left open`);
  for (const [error] of daemon.log.matchAll(/^.*(berth\.rpc:|uncaught|unhandled).*\n( .*\n)*/gim)) {
    complain(`in the daemon's log: ${error}`);
  }
  return { sent, complaints: [...complaints], memoryGrowth, slowestMs: slowest };
}

/** Values for members that only who knows the daemon can give; what they name is this fuzz's own. */
function knownValues(random: Random, daemon: TestDaemon): (name: string) => unknown {
  const { dir } = daemon;
  const one = (...values: unknown[]) => values[random.below(values.length)];
  const processes = () =>
    one(
      { args: ["true"] },
      { args: ["sleep", "0.05"], cwd: "/", env: ["A=b"] },
      { args: ["false"], rlimits: [{ type: "RLIMIT_CORE", hard: 2n ** 64n - 1n, soft: 0 }] },
    );
  const values: Readonly<Record<string, () => unknown>> = {
    id: () => one(...IDS),
    execId: () => one("e1", "e2", "e3"),
    signal: () => one("TERM", "SIGKILL", 9, 15, "NOPE", 0),
    spec: () => daemon.spec([String(one("true", "false", "none"))]),
    process: processes,
    resources: () => one({}, { pids: { limit: 100 } }, { memory: { limit: 2n ** 63n - 1n } }),
    rootfs: () => one([], [{ type: "tmpfs", source: "tmpfs" }], [{ type: "bind", source: "none" }]),
    runtime: () => one("runc", "none", `${dir}/none`),
    stdin: () => one("", `${dir}/none`),
    stdout: () => one("", `${dir}/none`, `file://${dir}/fuzz-output`),
    stderr: () => one("", `file://${dir}/fuzz-output`, "file://"),
    path: () => `${dir}/none/below`,
    checkpoint: () => `${dir}/none`,
    bundle: () => `${dir}/none`,
    network: () => undefined,
  };
  return (name) => Object.hasOwn(values, name) ? values[name]?.() : undefined;
}

/** The socket of a shim that serves a container; another is made where there is none any more. */
async function shimSocket(daemon: TestDaemon): Promise<string> {
  const id = "fuzz-shim";
  const call = daemon.client;
  const state = await call.call("container.state", { id }).catch(() => undefined);
  if (state?.shim === "connected" && state.status === "running") {
    return `${state.bundle}/shim.sock`;
  }
  await call.call("container.delete", { id, force: true }).catch(() => {});
  try {
    await daemon.run(id, ["sleep", "1000"]);
  } catch {
    // Another session is faster.
  }
  return `${daemon.state}/linux/${id}/shim.sock`;
}

/** Deletes every container, also those whose create is still under way; complains of a refusal. */
async function removeAll(daemon: TestDaemon, complain: (what: string) => void): Promise<void> {
  for (let empty = 0; empty < 3;) {
    const { containers } = await daemon.client.call("container.list", {});
    empty = containers.length === 0 ? empty + 1 : 0;
    await Promise.all(containers.map(async (state) => {
      const { id } = state;
      try {
        await daemon.remove(id);
      } catch (error) {
        if (error instanceof NotFoundError) return;
        const lines = daemon.log.split("\n").filter((line) => line.includes(` ${id}: `));
        complain(
          `deleting ${id}: ${messageOf(error)}\n  ${JSON.stringify(state)}\n  ` +
            lines.slice(-20).join("\n  "),
        );
      }
    }));
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
