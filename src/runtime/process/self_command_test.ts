// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { selfContainerdShimCommand, selfShimCommand } from "./self_command.ts";

const MODULE = new URL("self_command.ts", import.meta.url).href;

/** What selfCommand and programPath answer where `file` was started and its unpacked files are gone. */
async function answersFor(dir: string, file: string): Promise<unknown> {
  const main = `${dir}/main.ts`;
  await Deno.writeTextFile(
    main,
    `import { programPath, selfCommand } from "${MODULE}";
Deno.removeSync("${main}");
console.log(JSON.stringify([selfCommand(), programPath()]));
`,
  );
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", main],
    env: { BERTH_FILE: file },
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.notEqual(text, "", new TextDecoder().decode(stderr));
  return JSON.parse(text);
}

Deno.test("self command: a portable file started by a link calls itself by its own name", async () => {
  using temp = new TempDir();
  const dir = Deno.realPathSync(temp.path);
  const file = `${dir}/berth`;
  await Deno.writeTextFile(file, "");
  await Deno.symlink("berth", `${dir}/berthd`);
  assert.deepEqual(await answersFor(dir, `${dir}/berthd`), [[file], file]);
  assert.deepEqual(await answersFor(dir, file), [[file], file]);
  const gone = `${dir}/gone`;
  assert.deepEqual(await answersFor(dir, gone), [[gone], gone], "it may come back");
});

/** Has a bundle below `dir` do `first`, then start itself twice; answers what these have said. */
async function startItself(dir: string, deno: string, first: string): Promise<string> {
  await Deno.mkdir(`${dir}/bundle`);
  await Deno.writeTextFile(
    `${dir}/bundle/main.js`,
    `import { selfCommand, selfShimCommand } from "${MODULE}";
if (Deno.args.length > 0) {
  console.log(Deno.args[0]);
} else {
  ${first}
  for (const [command, ...args] of [selfCommand(), selfShimCommand()]) {
    const options = { args: [...args, "started"], stdin: "null", stdout: "inherit" };
    await new Deno.Command(command, options).output();
  }
}
`,
  );
  const { stdout, stderr } = await new Deno.Command(deno, {
    args: ["run", "-A", `${dir}/bundle/main.js`],
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return text(stdout) || text(stderr);
}

Deno.test("self command: with its executable replaced, a process starts what it was started from", async () => {
  using temp = new TempDir();
  const dir = Deno.realPathSync(temp.path);
  const deno = `${dir}/deno`;
  await Deno.copyFile(Deno.execPath(), deno);
  const replace = `Deno.writeTextFileSync("${deno}.new", "not what was started");
Deno.renameSync("${deno}.new", "${deno}");`;
  assert.equal(await startItself(dir, deno, replace), "started\nstarted\n");
});

Deno.test("self command: a deno.json above a bundle is not obeyed", async () => {
  using temp = new TempDir();
  const dir = Deno.realPathSync(temp.path);
  const plant = `Deno.writeTextFileSync("${dir}/deno.json", "not JSON");`;
  assert.equal(await startItself(dir, Deno.execPath(), plant), "started\nstarted\n");
});

/** Returns what `program` prints when V8 has the flags of `command`. */
async function evaluate(command: readonly string[], program: string): Promise<string> {
  const flags = command.filter((word) => word.startsWith("--v8-flags="));
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", ...flags, program],
    stdin: "null",
  }).output();
  return new TextDecoder().decode(stdout);
}

Deno.test("selfShimCommand: V8 lets a shim have its garbage collected", async () => {
  assert.equal(await evaluate(selfShimCommand(), "console.log(typeof gc)"), "function\n");
});

Deno.test("selfContainerdShimCommand: V8 keeps nothing of what is called often", async () => {
  const program = `
    import { getHeapSpaceStatistics } from "node:v8";
    const sizes = () => ["code_space", "large_object_space"].map((name) =>
      getHeapSpaceStatistics().find((space) => space.space_name === name).space_used_size);
    const body = "const text = String(x); " + "x = (x * 3 + text.length) % 10007; ".repeat(50);
    const functions = Array.from({ length: 50 }, () => new Function("x", body + "return x"));
    const before = sizes();
    for (let n = 0; n < 5_000; n++) for (const each of functions) each(n);
    console.log(sizes().map((size, index) => size - before[index] < 4096).join(" "));`;
  assert.equal(await evaluate(selfContainerdShimCommand(), program), "true true\n");
  assert.equal(await evaluate(selfShimCommand(), program), "false false\n", "else it is no test");
});
