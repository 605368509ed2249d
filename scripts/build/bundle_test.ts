// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { run } from "../../tests/harness/command.ts";
import ts from "typescript";
import { ROOT } from "../root.ts";
import { bundle } from "./bundle.ts";
import { loadedWith, readBundle } from "./chunks.ts";
import { TempDir } from "../../tests/harness/temp_dir.ts";
import { copySources } from "./sources_testing.ts";

/** Where the module of the shim's role starts, in a bundle that is not minified. */
const SHIM_ROLE = "\n// src/shim/main.ts\n";

/**
 * The most that a shim may load, in bytes of JavaScript that is not minified, without comments: these do
 * not ship, and name paths that depend on where the sources and Deno's cache are. 341,800 are used: for
 * logs, params that tables check, integers beyond 2^53, overlays that mount(2) has no room for, execs in
 * two steps, for which runc is run ahead, adopted processes whose status is read before they are reaped,
 * mounts with mapped ids, loop devices, memory that is given back, records that are damaged, a shutdown
 * without a daemon, options of cgroup v2 that CRIU takes away, unmounts that spare the peers, and the
 * permissions of files that a checkpoint is restored with.
 */
const SHIM_LIMIT = 343_000;

/**
 * The same for a shim of containerd, which has its protocols and messages in addition, what waits to be
 * one, a delete that waits for a terminal's reader, OOM kills of all processes in cgroups that are gone,
 * and the bounds of what connections, execs and calls hold: 407,300 are used.
 */
const CONTAINERD_SHIM_LIMIT = 408_500;

/** A line of a comment, in a bundle that is not minified. */
const COMMENT = /^\s*(?:\/\/|\/\*\*|\*)/;

/** Calls of Deno's timers, the first of which costs a shim 0.8 MB, be it to clear none. */
const TIMERS = /\b(?:set|clear)(?:Timeout|Interval|Immediate)\(/;

/** Returns the number of bytes of a chunk's code. */
function codeSize(text: string): number {
  const lines = text.split("\n").filter((line) => !COMMENT.test(line));
  return new TextEncoder().encode(lines.join("\n")).length;
}

Deno.test("bundle: the shim loads no schema, log or command line library and no node: module", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  await bundle({ outDir: dir });
  const chunks = await readBundle(dir);
  const role = [...chunks.values()].find((chunk) =>
    !chunk.name.endsWith("shim.js") && `\n${chunk.text}`.includes(SHIM_ROLE)
  );
  assert.ok(role, "no chunk holds src/shim/main.ts");
  const main = chunks.get("main.js");
  assert.ok(main?.lazy.includes(role.name), "main.js loads the shim's role when asked for");
  const alone = ["shim.js", "containerd_shim.js"];
  const loaded = ["main.js", role.name, ...alone].flatMap((name) => loadedWith(chunks, name));
  for (const { name, text } of new Set(loaded)) {
    const modules = [...text.matchAll(/^\/\/ (\S+\.[cm]?[jt]s)$/gm)].map((match) => match[1]);
    const unwanted = modules.filter((path) =>
      /\/(zod|@logtape|commander|prom-client)\/|src\/(cli|runtime)\//.test(path ?? "")
    );
    assert.deepEqual(unwanted, [], `${name} brings these into every shim`);
    const builtin = [...text.matchAll(/from "(node:[^"]+)"/g)].map((match) => match[1]);
    assert.deepEqual(builtin, [], `${name} loads these in every shim`);
  }
  for (
    const [name, limit] of [["shim.js", SHIM_LIMIT], [
      "containerd_shim.js",
      CONTAINERD_SHIM_LIMIT,
    ]] as const
  ) {
    const files = loadedWith(chunks, name);
    assert.deepEqual(files.map(({ name, lazy }) => [name, lazy]), [[name, []]]);
    assert.ok(!files[0]?.text.includes("node:module"), `${name} loads the Node layer`);
    // json-rpc-2.0 has timers, which only the shims of berth's own daemon load, and do not set.
    if (name === "containerd_shim.js") assert.doesNotMatch(files[0]?.text ?? "", TIMERS);
    const size = files.reduce((sum, chunk) => sum + codeSize(chunk.text), 0);
    assert.ok(size < limit, `${name} has ${size} bytes, more than ${limit}`);
  }
});

Deno.test("bundle: the command line loads a folder's verbs when one is called, and no role Node's layer", async () => {
  using temp = new TempDir();
  await bundle({ outDir: temp.path });
  const chunks = await readBundle(temp.path);
  const cli = [...chunks.values()].find(({ name }) => name.startsWith("cli-"));
  assert.ok(cli, "no chunk holds src/cli/index.ts");
  const ofVerbs = /^\/\/ src\/cli\/(?:image|inspect|lifecycle|manage|network|run)\/.*$/gm;
  const loaded = loadedWith(chunks, cli.name).flatMap(({ text }) => text.match(ofVerbs) ?? []);
  assert.deepEqual(loaded, []);
  const verbs = cli.lazy.filter((name) => name.startsWith("verbs-"));
  assert.equal(verbs.length, 6, cli.lazy.join(" "));
  for (const { name, text } of chunks.values()) {
    // Loading that takes as long as all else that a command loads (docs/decisions/0021).
    assert.deepEqual(
      text.match(/^import .*"node:[^"]+"/gm) ?? [],
      [],
      `${name} loads Node's layer`,
    );
  }
});

Deno.test("bundle: of the languages of zod's messages only English is in it", async () => {
  using temp = new TempDir();
  await bundle({ outDir: temp.path });
  const languages = [...(await readBundle(temp.path)).values()].flatMap(({ text }) =>
    [...text.matchAll(/^\/\/ \S+\/zod\/\S+\/locales\/(\w+)\.js$/gm)].map((match) => match[1])
  );
  // An `import { z }` in place of `import * as z` brings all, 0.35 MB that each start compiles.
  assert.deepEqual(languages, ["en"]);
});

Deno.test("bundle: the same sources in another place make the same minified bundle, byte for byte", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  await bundle({ outDir: `${dir}/a`, minify: true });
  await copySources(`${dir}/another/place`);
  const options = JSON.stringify({ outDir: `${dir}/b`, minify: true });
  const code = `import { bundle } from "file://${dir}/another/place/scripts/build/bundle.ts";
await bundle(${options});`;
  await run([Deno.execPath(), "eval", code]);
  const [a, b] = [await readBundle(`${dir}/a`), await readBundle(`${dir}/b`)];
  assert.deepEqual([...a.keys()].sort(), [...b.keys()].sort());
  for (const [name, { text, imports, lazy }] of a) {
    assert.equal(b.get(name)?.text, text, name);
    for (const other of [...imports, ...lazy]) assert.ok(a.has(other), `${name}: ${other}`);
  }
});

Deno.test("bundle: only a bundle for tests has failpoints, and what ships has nothing of them", async () => {
  using temp = new TempDir();
  const textOf = async (name: string, options: { minify?: boolean; failpoints?: boolean }) => {
    await bundle({ outDir: `${temp.path}/${name}`, ...options });
    const chunks = [...(await readBundle(`${temp.path}/${name}`)).values()];
    return chunks.map(({ text }) => text.replace(/^\/\/ src\/failpoint_off\.ts$/gm, "")).join("");
  };
  const grep = ["grep", "-rhoE", "--exclude=*_test.ts", 'failpoint(Async)?\\("[^"]+"'];
  const calls = await run([...grep, `${ROOT}/src`]);
  const points = calls.trim().split("\n").map((call) => call.slice(call.indexOf('"')));
  const pointsIn = (text: string) => points.filter((point) => text.includes(`(${point})`));
  const armable = await textOf("test", { failpoints: true });
  assert.match(armable, /function failpoint\(/);
  assert.deepEqual(pointsIn(armable), points);
  const plain = await textOf("plain", {});
  // The variable is only passed on, for a shim of another version.
  assert.deepEqual(plain.match(/.*failpoint.*/gi), ['  "BERTH_FAILPOINTS"']);
  const minified = await textOf("minified", { minify: true });
  assert.deepEqual(pointsIn(minified), []);
});

Deno.test("bundle: a bundler's failure is reported with what it said", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  await Deno.writeTextFile(`${dir}/bad.ts`, 'import "../not_there.ts";\n');
  await assert.rejects(
    bundle({ outDir: `${dir}/out`, entry: `${dir}/bad.ts` }),
    /not_there\.ts/,
  );
});

Deno.test("bundle: a directory with something in it is left as it is", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  await Deno.writeTextFile(`${dir}/notes`, "mine");
  await assert.rejects(bundle({ outDir: dir }), /is not empty: it has notes/);
  assert.deepEqual([...Deno.readDirSync(dir)].map(({ name }) => name), ["notes"]);
});

/** How many variables declared by `using` the bundle in `dir` has. */
async function usings(dir: string): Promise<number> {
  let count = 0;
  const visit = (node: ts.Node): void => {
    // AwaitUsing includes this flag.
    if (ts.isVariableDeclarationList(node) && (node.flags & ts.NodeFlags.Using) !== 0) {
      count += node.declarations.length;
    }
    ts.forEachChild(node, visit);
  };
  for (const { name, text } of (await readBundle(dir)).values()) {
    visit(ts.createSourceFile(name, text, ts.ScriptTarget.Latest));
  }
  return count;
}

Deno.test("bundle: the minifier drops no using: what it declares would never be closed", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  await bundle({ outDir: `${dir}/plain` });
  await bundle({ outDir: `${dir}/minified`, minify: true });
  const count = await usings(`${dir}/plain`);
  assert.ok(count > 0);
  // Each has one more beside it: see keep_using.ts.
  assert.equal(await usings(`${dir}/minified`), 2 * count);
});
