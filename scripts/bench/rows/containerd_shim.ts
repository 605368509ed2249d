// SPDX-License-Identifier: MIT
import { baseName, program, runDir, uniqueName } from "../../../tests/harness/run.ts";
import { findCommand } from "../../system_packages.ts";
import { runTool } from "../../tool.ts";
import { Containerd } from "../containerd.ts";
import type { DaemonEngine } from "../engine.ts";
import { dismiss, launch } from "../fleet.ts";
import { memory } from "./containerd_shim_memory.ts";
import { programs } from "./containerd_shim_program.ts";
import { type Bench, inTurn, type Measure, type Row, type Target, timed } from "../row.ts";

const NOTE = "over the API of containerd; berth's shim, under the same containerd";
const PLAIN_NOTE = "over the API of containerd; berth's shim with --no-waiting, under another";

/**
 * berth as containerd's shim beside containerd-shim-runc-v2, under the same containerd. Left out of
 * smoke runs.
 */
export const containerdShim: Measure = async (bench) => {
  const runc = findCommand("runc");
  if (bench.quick || runc === undefined) return [];
  const dir = `${runDir()}/${uniqueName("shims")}`;
  await Deno.mkdir(`${dir}/bin`, { recursive: true });
  const [file = "", ...args] = program();
  const install = [...args, "install", "containerd-shim", "--dir", `${dir}/bin`];
  const { success, stderr } = await runTool(file, { args: install });
  if (!success) throw new Error(`berth install: ${stderr}`);
  const waiting = `${dir}/waiting`;
  const PATH = `${dir}/bin:${Deno.env.get("PATH")}`;
  await using reference = await Containerd.start(
    `${dir}/${baseName(dir)}`,
    `${dir}/state`,
    runc,
    { PATH, BERTH_SHIM_DIR: waiting },
  );
  await using berth = reference.with({
    engine: "berth",
    runtime: "io.containerd.berth.v2",
    shim: new RegExp(` serve (wait |\\d+ .*-address ${dir}/)`),
  });
  // Where no directory is named, none waits.
  const alone = `${runDir()}/${uniqueName("plain")}`;
  await using daemon = await Containerd.start(alone, `${alone}/state`, runc, {
    PATH,
    BERTH_SHIM_DIR: "",
  });
  const plain = daemon.with({
    engine: "berth",
    runtime: "io.containerd.berth.v2",
    shim: / serve \d+ /,
  });
  const path = `${dir}/bin/containerd-shim-berth-v2`;
  return [
    ...await programs(bench, `${dir}/alone-${baseName(dir)}`, { path, waiting }),
    ...await phases(bench, [berth, reference], { what: "", note: NOTE, target: { containerd: 1 } }),
    ...await phases(bench, [plain, reference], { what: ", none waits", note: PLAIN_NOTE }),
    await execs(bench, [berth, reference]),
    ...await memory(bench, { waiting: berth, plain, reference }),
  ];
};

/** The titles and notes of rows, and the target of the first one. */
interface Kind {
  /** Words that are added to their titles. */
  readonly what: string;
  readonly note: string;
  readonly target?: Target;
}

/** A life, and those parts of it in which containerd starts the shim's program. */
async function phases(
  bench: Bench,
  engines: readonly DaemonEngine[],
  { what, note, target = {} }: Kind,
): Promise<Row[]> {
  const created: Record<string, number[]> = {}, deleted: Record<string, number[]> = {};
  const warmUp = 3;
  const whole = await inTurn(engines, { count: 30, warmUp }, async (engine) => {
    const id = bench.id();
    const creating = await timed(async () => void await engine.create(id, bench.spec(["true"])));
    const running = await timed(async () => {
      const exited = engine.wait(id);
      await engine.start(id);
      await exited;
    });
    const deleting = await timed(() => engine.delete(id));
    (created[engine.name] ??= []).push(creating);
    (deleted[engine.name] ??= []).push(deleting);
    return creating + running + deleting;
  });
  const counted = (all: Record<string, number[]>) =>
    Object.fromEntries(Object.entries(all).map(([name, list]) => [name, list.slice(warmUp)]));
  const row = { unit: "ms", better: "lower", note } as const;
  return [
    { ...row, title: `shim: a life of \`true\`${what}`, target, samples: whole },
    { ...row, title: `shim: start and create${what}`, samples: counted(created) },
    { ...row, title: `shim: delete${what}`, samples: counted(deleted) },
  ];
}

async function execs(bench: Bench, engines: readonly DaemonEngine[]): Promise<Row> {
  const ids = new Map<unknown, string>();
  const fleets = [];
  for (const engine of engines) {
    const fleet = await launch(bench, engine, 1);
    fleets.push(fleet);
    for (const id of fleet.containers.keys()) ids.set(engine, id);
  }
  // Many: now and then the kernel holds up runc for 10 ms, with either shim.
  const samples = await inTurn(engines, { count: 100, warmUp: 3 }, async (engine) => {
    const id = ids.get(engine) ?? "", execId = bench.id();
    const elapsed = await timed(() => engine.exec(id, execId, ["true"]));
    await engine.deleteExec(id, execId);
    return elapsed;
  });
  for (const fleet of fleets) await dismiss(fleet);
  return {
    title: "shim: exec of `true` until its exit is seen",
    unit: "ms",
    better: "lower",
    target: { containerd: 1 },
    samples,
    note: NOTE,
  };
}
