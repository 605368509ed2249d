// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { run } from "../harness/command.ts";
import { generateTypings } from "../harness/docs/openrpc_typings.ts";
import { ROOT } from "../../scripts/root.ts";
import { isRecord } from "../../src/rpc/is_record.ts";
import { runDir, uniqueName } from "../harness/run.ts";

/** A program that uses the generated types, with no cast. */
const PROGRAM = `
import type {
  Container, ContainerCreate, ContainerDelete, ContainerExec, ContainerKill, ContainerResizePty,
  ContainerWait, Event, EventsRead, ExitStatus, OciProcess, RootfsMount, Stats,
} from "./types.ts";

export async function life(
  create: ContainerCreate, kill: ContainerKill, wait: ContainerWait, remove: ContainerDelete,
): Promise<number> {
  const mount: RootfsMount = { type: "overlay", source: "overlay", options: ["lowerdir=/a:/b"] };
  const { id }: { id: string } = await create("web", { ociVersion: "1.0.2" }, [mount]);
  await kill(id, "TERM", undefined, true);
  await kill(id, 9);
  const status: ExitStatus = await wait(id);
  await remove(id, true);
  return status.exitStatus;
}

export async function more(exec: ContainerExec, resize: ContainerResizePty, read: EventsRead) {
  const process: OciProcess = { args: ["sh"] };
  const { execId } = await exec("web", process, "shell");
  await resize("web", 80, 24, execId);
  const { events, next } = await read(0, 100, ["web"], ["exit"]);
  return events.map((event: Event): number => event.seq).concat(next);
}

export function show(container: Container, stats: Stats): string {
  const since: string | undefined = container.startedAt;
  return [container.id, container.status satisfies string, since, stats.memory?.usageBytes].join();
}
`;

Deno.test("generated client: openrpc.json: a public generator makes types from it that compile, with their names", async () => {
  const text = await Deno.readTextFile(`${ROOT}/docs/openrpc.json`);
  const dir = `${runDir()}/${uniqueName("generated")}`;
  await Deno.mkdir(dir);
  try {
    await Deno.writeTextFile(`${dir}/types.ts`, generateTypings(JSON.parse(text)));
    await Deno.writeTextFile(`${dir}/program.ts`, PROGRAM);
    const argv = [Deno.execPath(), "check", "--no-config", "--no-lock", "types.ts", "program.ts"];
    await run(argv, { cwd: dir, env: { NO_COLOR: "1" } });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("generated client: openrpc.json: no name stands for a schema and for a method in PascalCase", async () => {
  const document = JSON.parse(await Deno.readTextFile(`${ROOT}/docs/openrpc.json`));
  const methods = document.methods.map(({ name }: { name: string }) =>
    name.replaceAll(/(^|\.)(.)/g, (_, _dot, letter: string) => letter.toUpperCase())
  );
  const schemas = Object.keys(document.components.schemas);
  assert.deepEqual(schemas.filter((name) => methods.includes(name)), []);
  for (const name of ["Container", "Stats", "Event", "ExitStatus"]) assert(schemas.includes(name));
});

Deno.test("generated client: openrpc.json: required params come first, results are open, no keyword is zod's own", async () => {
  const document = JSON.parse(await Deno.readTextFile(`${ROOT}/docs/openrpc.json`));
  for (const { name, params } of document.methods) {
    const required = params.map((param: { required: boolean }) => param.required);
    assert.deepEqual(required, required.toSorted().reverse(), name);
  }
  const closed: string[] = [];
  const foreign: string[] = [];
  const visit = (path: string, value: unknown): void => {
    if (!isRecord(value)) return;
    if ("format" in value || "errorMessage" in value) foreign.push(path);
    if (value.additionalProperties === false) closed.push(path);
    for (const [key, member] of Object.entries(value)) {
      for (const one of [member].flat()) visit(`${path}/${key}`, one);
    }
  };
  for (const { name, result } of document.methods) visit(name, result);
  const params = ["RootfsMount", "LogOptions", "NetworkOptions", "PortOptions"];
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    if (!params.includes(name)) visit(`schemas/${name}`, schema);
  }
  assert.deepEqual(closed, []);
  visit("document", document);
  assert.deepEqual(foreign, []);
});
