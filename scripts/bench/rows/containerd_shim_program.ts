// SPDX-License-Identifier: MIT
import { existsSync } from "node:fs";
import { writeDeleted } from "../../../src/containerd/task/deleted.ts";
import { readIfThere } from "../../../tests/harness/files.ts";
import { mkfifo } from "../../../src/linux/fd/fifo.ts";
import { until } from "../../../tests/harness/poll.ts";
import {
  hasEnded,
  killIfThere,
  processesOf,
  processName,
} from "../../../tests/harness/processes.ts";
import { baseName } from "../../../tests/harness/run.ts";
import { findCommand } from "../../system_packages.ts";
import type { EngineName } from "../engine.ts";
import { type Bench, inTurn, type Row, timed } from "../row.ts";

const NOTE = "the program by itself, called as containerd calls it";

/** A program that containerd calls as its shim. */
interface Program {
  readonly name: EngineName;
  readonly path: string;
}

/**
 * The shims' programs by themselves: `start`, and `delete` of a container that the shim has deleted.
 *
 * @param dir holds the bundles; its last part occurs nowhere else on the machine.
 * @param waiting where a process of berth's shim waits.
 */
export async function programs(
  bench: Bench,
  dir: string,
  { path, waiting }: { readonly path: string; readonly waiting: string },
): Promise<Row[]> {
  const reference = findCommand("containerd-shim-runc-v2");
  if (reference === undefined) return [];
  const all: Program[] = [
    { name: "berth", path },
    { name: "containerd", path: reference },
  ];
  const options = { count: 30, warmUp: 3 };
  // Where the directory is empty, none waits.
  const starts = (waiting: string) =>
    inTurn(all, options, async ({ name, path }) => {
      const bundle = makeBundle(bench, `${dir}/${name}-${bench.id()}`);
      const elapsed = await timed(() => call(path, bundle, "start", waiting));
      for (const pid of shimsOf(dir)) await end(pid);
      // Nobody else removes the socket of a shim that is killed.
      const socket = readIfThere(`${bundle}/address`).replace("unix://", "");
      if (existsSync(socket)) Deno.removeSync(socket);
      // One that is being started would share the processors with the next sample.
      if (name === "berth" && waiting !== "") {
        await until("a process that waits", () => oneWaits(waiting));
      }
      return elapsed;
    });
  const plain = await starts("");
  const started = await starts(waiting);
  const deleted = await inTurn(all, options, async ({ name, path }) => {
    const bundle = makeBundle(bench, `${dir}/${name}-${bench.id()}`);
    // As berth's shim leaves it; the other one leaves nothing.
    const exitedAt = new Date().toISOString();
    if (name === "berth") {
      writeDeleted(bundle, { pid: Deno.pid, exitStatus: 0, exitedAt, socket: `${dir}/gone` });
    }
    // runc's shim has no default for it.
    Deno.writeTextFileSync(`${bundle}/runtime`, findCommand("runc") ?? "runc");
    return await timed(() => call(path, bundle, "delete", waiting));
  });
  const row = { unit: "ms", better: "lower", note: NOTE } as const;
  return [
    { ...row, title: "shim: `start` alone", target: { absolute: 12 }, samples: started },
    { ...row, title: "shim: `start` alone, none waits", samples: plain },
    { ...row, title: "shim: `delete` alone", target: { absolute: 5 }, samples: deleted },
  ];
}

function makeBundle(bench: Bench, bundle: string): string {
  Deno.mkdirSync(`${bundle}/rootfs`, { recursive: true });
  Deno.writeTextFileSync(`${bundle}/config.json`, JSON.stringify(bench.spec(["true"])));
  mkfifo(`${bundle}/log`);
  return bundle;
}

async function call(path: string, bundle: string, action: string, waiting: string): Promise<void> {
  const id = baseName(bundle);
  const { success, stderr } = await new Deno.Command(path, {
    args: [
      ...["-namespace", "bench", "-address", `${bundle}/../containerd.sock`],
      ...["-publish-binary", "/bin/true", "-id", id],
      ...(action === "delete" ? ["-bundle", bundle] : []),
      action,
    ],
    cwd: bundle,
    env: { TTRPC_ADDRESS: `${bundle}/../containerd.sock.ttrpc`, BERTH_SHIM_DIR: waiting },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`${path} ${action}: ${new TextDecoder().decode(stderr)}`);
}

/** The shims that were started for a bundle in `dir`. */
function shimsOf(dir: string): number[] {
  return processesOf(baseName(dir))
    .map(({ pid }) => pid)
    .filter((pid) => ["berth-shim", "containerd-shim"].includes(processName(pid)));
}

async function end(pid: number): Promise<void> {
  killIfThere(pid);
  await until("the end of a shim", () => hasEnded(pid));
}

function oneWaits(waiting: string): boolean {
  return existsSync(waiting) &&
    [...Deno.readDirSync(waiting)].some(({ name, isDirectory }) =>
      isDirectory && name.endsWith(`.${Deno.pid}`)
    );
}
