// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import ts from "typescript";
import { buildNpm } from "../../scripts/npm/package.ts";
import { testNeeding } from "../../scripts/test_needing.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { within } from "../harness/poll.ts";
import { runDir, uniqueName } from "../harness/run.ts";

const LIFE = new URL("./npm/life.mjs", import.meta.url).pathname;

/** A program that uses the package, with what its types must refuse. */
const CONSUMER = `
import { connect, FailedPreconditionError } from "@berth/client";
import type { ContainerState, Event, StreamedEvent } from "@berth/client";

export async function use(spec: Record<string, unknown>): Promise<number> {
  await using client = await connect({ signal: AbortSignal.timeout(1000) });
  const container = await client.create({ id: "a", spec, stdout: "piped", labels: { a: "b" } });
  const pid: number = await container.start({ timeoutMs: 1000 });
  const out: ReadableStream<Uint8Array> | undefined = container.stdout;
  const state: ContainerState = await container.state();
  const status: "created" | "running" | "paused" | "stopped" = state.status;
  for await (const event of client.events({ after: 1, types: ["exit"] })) {
    const streamed: StreamedEvent = event;
    const plain: Event = streamed;
    if (plain.exitStatus !== undefined && !event.gap) break;
  }
  try {
    const { bundle } = await client.call("container.create", { id: "b", spec });
    console.log(bundle.length, pid, out, status);
  } catch (error) {
    if (error instanceof FailedPreconditionError) console.log(error.kind, error.data.id);
  }
  // @ts-expect-error: there is no such method
  await client.call("container.fly", {});
  // @ts-expect-error: an id is a string
  await client.call("container.start", { id: 1 });
  // @ts-expect-error: there is no such type of event
  client.events({ types: ["boom"] });
  return (await container.wait()).exitStatus;
}
`;

testNeeding(["node"], "npm: the package drives a container from Node", async () => {
  await using daemon = await TestDaemon.start();
  const packageDir = `${daemon.dir}/package`;
  await buildNpm(packageDir);
  const { code, stdout, stderr } = await within(
    "node",
    new Deno.Command("node", {
      args: [LIFE, packageDir, daemon.socket, JSON.stringify(daemon.spec(["true"]))],
      env: { TMPDIR: `${daemon.dir}/node-tmp` },
      stdin: "null",
    }).output(),
    120_000,
  );
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)), {
    length: 1024 * 1024,
    exitStatus: 137,
    types: ["create", "start", "exit", "delete"],
    outputs: ["0 line\n", "1 line\n", "2 line\n", "3 line\n", "4 line\n", "5 line\n"],
    errors: "bad\n",
    left: [],
  });
});

Deno.test("npm: the npm package's types fit a program that uses it, and refuse what is wrong", async () => {
  const dir = `${runDir()}/${uniqueName("npm")}`;
  try {
    await buildNpm(`${dir}/node_modules/@berth/client`);
    await Deno.writeTextFile(`${dir}/consumer.ts`, CONSUMER);
    const program = ts.createProgram([`${dir}/consumer.ts`], {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      lib: [
        "lib.es2022.d.ts",
        "lib.dom.d.ts",
        "lib.dom.asynciterable.d.ts",
        "lib.esnext.disposable.d.ts",
      ],
      types: [],
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
    });
    const messages = ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
      const line = file?.getLineAndCharacterOfPosition(start ?? 0).line ?? 0;
      return `${file?.fileName}:${line + 1}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
    });
    assert.deepEqual(messages, []);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("npm: the npm package says nothing about the machine that it was built on", async () => {
  const dir = `${runDir()}/${uniqueName("npm")}`;
  try {
    await buildNpm(dir);
    const code = await Deno.readTextFile(`${dir}/client.js`);
    const root = new URL("../..", import.meta.url).pathname;
    assert(!code.includes(root) && !/^\/\/ .*(npm|node_modules)\//m.test(code));
    const manifest = JSON.parse(await Deno.readTextFile(`${dir}/package.json`));
    for (const file of [manifest.exports["."].default, manifest.types, "LICENSE", "README.md"]) {
      assert((await Deno.stat(`${dir}/${file}`)).isFile, file);
    }
    const config = new URL("../../deno.json", import.meta.url);
    const { version } = JSON.parse(await Deno.readTextFile(config));
    assert.equal(manifest.version, version);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
