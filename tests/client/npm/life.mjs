// SPDX-License-Identifier: MIT
// Run in Node by npm_test.ts: node life.mjs PACKAGE SOCKET SPEC. Says in JSON what it has seen.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import process from "node:process";
import { setTimeout } from "node:timers/promises";

const [packageDir, socket, specText] = process.argv.slice(2);
const { connect, NotFoundError, UnavailableError } = await import(`${packageDir}/client.js`);

// Where the FIFOs are made; empty again at the end.
mkdirSync(process.env.TMPDIR);

const client = await connect({ socket });
const events = client.events({ ids: ["node"] });
await events.ready;
const spec = JSON.parse(specText);
spec.process.args = ["sh", "-c", "cat; echo bad >&2; exec sleep 600"];
const container = await client.create({
  id: "node",
  spec,
  stdin: "piped",
  stdout: "piped",
  stderr: "piped",
});
await container.start();

// More than a pipe holds, both ways, while other containers' streams wait to be read.
const text = "0123456789abcdef".repeat(64 * 1024);
const writer = container.stdin.getWriter();
const written = writer.write(new TextEncoder().encode(text)).then(() => writer.close());
const errors = container.stderr.pipeThrough(new TextDecoderStream()).getReader();
const execs = [];
for (let number = 0; number < 6; number++) {
  execs.push(
    await container.exec({
      process: { args: ["sh", "-c", `read a; echo ${number} $a; exit ${number}`] },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }),
  );
}
const outputs = [];
for (const exec of execs) {
  const stdin = exec.stdin.getWriter();
  await stdin.write(new TextEncoder().encode("line\n"));
  await stdin.close();
  outputs.push(await new Response(exec.stdout).text());
  assert.equal((await exec.wait()).exitStatus, Number(outputs.at(-1)[0]));
  await exec.delete();
  await exec[Symbol.asyncDispose]();
}

const reader = container.stdout.getReader();
let length = 0;
while (length < text.length) length += (await reader.read()).value.length;
await written;
// It has come that far before it is killed.
let said = "";
while (!said.includes("\n")) {
  const { value, done } = await errors.read();
  assert.equal(done, false);
  said += value;
}

const timeout = container.wait({ signal: AbortSignal.timeout(50) });
await assert.rejects(timeout, { name: "TimeoutError" });
const wait = container.wait();
await container.kill("KILL", { all: true });
const { exitStatus } = await wait;
assert.equal((await reader.read()).done, true);
await container.delete();
await assert.rejects(container.state(), NotFoundError);
await assert.rejects(connect({ socket: `${socket}.not` }), UnavailableError);

const types = [];
for await (const { type, execId } of events) {
  if (execId === undefined) types.push(type);
  if (type === "delete") break;
}
await client.close();
assert.equal((await errors.read()).done, true);
// The FIFOs go once the ends of all streams were seen.
const left = () => readdirSync(process.env.TMPDIR);
for (const deadline = Date.now() + 60_000; left().length > 0 && Date.now() < deadline;) {
  await setTimeout(20);
}
console.log(JSON.stringify({
  length,
  exitStatus,
  types,
  outputs,
  errors: said,
  left: left(),
}));
