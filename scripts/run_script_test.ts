// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";

/** Runs a script whose work is `body`, in a process group of its own; sends that the signal, once it says "ready". */
async function run(body: string, signal?: Deno.Signal) {
  const module = new URL("run_script.ts", import.meta.url);
  const text = `import { runScript, ScriptError } from "${module}";
await runScript(async (signal) => { ${body} });`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", text],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    detached: true,
  }).spawn();
  const reader = child.stdout.getReader();
  if (signal !== undefined) {
    await reader.read();
    // The whole group, as a terminal does it for Ctrl-C.
    new Deno.Command("kill", { args: [`-${signal.slice(3)}`, "--", `-${child.pid}`] }).outputSync();
  }
  for (; !(await reader.read()).done;);
  const stderr = await new Response(child.stderr).text();
  return { code: (await child.status).code, stderr };
}

const READY = 'console.log("ready");';

Deno.test("runScript: the status is that of the work", async () => {
  assert.deepEqual(await run("return 3;"), { code: 3, stderr: "" });
});

Deno.test("runScript: an error is shown with its stack, one for its user without", async () => {
  const { code, stderr } = await run('throw new RangeError("wrong");');
  assert.equal(code, 1);
  assert.match(stderr, /^RangeError: wrong\n +at /);
  assert.deepEqual(await run('throw new ScriptError("do that");'), {
    code: 1,
    stderr: "do that\n",
  });
});

Deno.test("runScript: a signal that is heard of some time after what it broke is what is told", async () => {
  const late = 'setTimeout(() => Deno.kill(Deno.pid, "SIGTERM"), 200);';
  const stopped = { code: 143, stderr: "stopped by SIGTERM\n" };
  assert.deepEqual(await run(`${late} throw new Error("broken");`), stopped);
});

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
  const stopped = { code, stderr: `stopped by ${signal}\n` };

  Deno.test(`runScript: ${signal} aborts the work, and is told in one line`, async () => {
    const wait = "await new Promise((r) => signal.addEventListener('abort', r));";
    // Or there would be nothing to wait for.
    const timer = "const timer = setInterval(() => {}, 1000);";
    assert.deepEqual(await run(`${timer}${READY}${wait} return 0;`, signal), stopped);
    assert.deepEqual(await run(`${timer}${READY}${wait} throw signal.reason;`, signal), stopped);
  });

  Deno.test(`runScript: what ${signal} broke on its way is not shown`, async () => {
    const child = 'const child = new Deno.Command("sleep", { args: ["600"] }).spawn();';
    const broken = 'throw new Error("sleep failed with " + (await child.status).code);';
    assert.deepEqual(await run(`${child}${READY}${broken}`, signal), stopped);
  });
}
