// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { deno } from "../harness/command.ts";
import { ROOT } from "../../scripts/root.ts";
import { runDir, uniqueName } from "../harness/run.ts";

const APP = `
import { connect, contract, NotFoundError } from "@berth/berth";
import type { ContainerState, CreateParams, Event, StreamedEvent } from "@berth/berth";

export async function use(params: CreateParams): Promise<readonly ContainerState[]> {
  await using berth = await connect({ signal: AbortSignal.timeout(1000) });
  const container = await berth.create({ ...params, stdout: "piped" });
  await container.start();
  const { exitStatus }: { exitStatus: number } = await container.wait({ timeoutMs: 1000 });
  if (exitStatus !== 0) throw new NotFoundError("x", { data: { id: container.id } });
  for await (const event of berth.events({ after: 0, types: ["exit"] })) show(event);
  return await berth.list({ labels: { app: "shop" }, status: "running" });
}

function show(event: StreamedEvent): void {
  const plain: Event = event;
  console.log(plain.id);
}

contract["container.kill"].params.parse({ id: "a", signal: "TERM" });
console.log("type-checked");
`;

/** A project that uses the published module. */
class Project implements Disposable {
  readonly dir = `${runDir()}/${uniqueName("consumer")}`;

  constructor(files: Readonly<Record<string, string>>) {
    Deno.mkdirSync(this.dir, { recursive: true });
    for (const [name, text] of Object.entries(files)) {
      Deno.writeTextFileSync(`${this.dir}/${name}`, text);
    }
  }

  deno(...args: string[]): Promise<string> {
    return deno(this.dir, ...args);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.dir, { recursive: true });
  }
}

const LINKED = { links: [ROOT], imports: { "@berth/berth": "jsr:@berth/berth@^0.1.0" } };

Deno.test("consumer: mod.ts passes deno check, deno test and deno run in a consumer's project", async () => {
  using project = new Project({
    "deno.json": JSON.stringify(LINKED),
    "app.ts": APP,
    "app_test.ts": `import "./app.ts";\nDeno.test("imports", () => {});\n`,
  });
  await project.deno("check", "app.ts");
  await project.deno("test", "-A");
});

Deno.test("consumer: mod.ts passes deno check under a consumer's stricter compiler options", async () => {
  const strict = [
    ...["noImplicitOverride", "noImplicitReturns", "noUncheckedIndexedAccess"],
    ...["noUnusedLocals", "noUnusedParameters", "exactOptionalPropertyTypes"],
  ];
  const compilerOptions = Object.fromEntries(strict.map((name) => [name, true]));
  using project = new Project({
    "deno.json": JSON.stringify({ ...LINKED, compilerOptions }),
    "app.ts": APP,
  });
  await project.deno("check", "app.ts");
});

Deno.test("consumer: mod.ts leads neither a loader nor the type checker to the program", async () => {
  using project = new Project({ "deno.json": JSON.stringify(LINKED), "app.ts": APP });
  const graph = await project.deno("info", "--json", "app.ts");
  assert.match(graph, /src\/client\/client\.ts/);
  assert.deepEqual(graph.match(/\bsrc\/(main|cli|runtime|shim|oci)\b[\w/.]*/)?.[0], undefined);
});

Deno.test("consumer: mod.ts as a main module is berth itself", async () => {
  using project = new Project({});
  assert.match(await project.deno("run", "-A", `${ROOT}/mod.ts`, "--help"), /berth daemon|daemon/);
});
