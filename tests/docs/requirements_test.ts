// SPDX-License-Identifier: MIT
//
// What the README and operations.md say that both forms of berth need of glibc and the kernel.
import assert from "node:assert/strict";
import { ROOT } from "../../scripts/root.ts";
import { testNeeding } from "../../scripts/test_needing.ts";

/** Version of glibc that both pages must name. */
function documentedGlibc(): string {
  const said = ["README.md", "docs/operations.md"].map((page) => {
    const text = Deno.readTextFileSync(`${ROOT}/${page}`).replaceAll(/\s+/g, " ");
    const [, glibc, linux] =
      /\bneed\b[^.]*\bglibc (\d+\.\d+)\b.*?\bLinux (\d+\.\d+)\b/.exec(text) ?? [];
    return { glibc, linux };
  });
  assert.deepEqual(said[0], said[1], "both pages say the same");
  // pidfd_open(2), without which no exit is noticed.
  assert.equal(said[0]?.linux, "5.3");
  return said[0]?.glibc ?? "";
}

function readelf(...args: string[]): string {
  const { success, stdout, stderr } = new Deno.Command("readelf", { args: ["-W", ...args] })
    .outputSync();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Versions of glibc, without the third number that the oldest have, from the oldest on. */
function sorted(versions: Iterable<string>): string[] {
  const minor = (version: string) => Number(version.split(".")[1]);
  return [...new Set(versions)].sort((a, b) => minor(a) - minor(b));
}

/** Names of the functions of libc that berth calls, apart from those that it calls by number. */
function calledFunctions(dir = `${ROOT}/src`): Set<string> {
  const names = new Set<string>();
  for (const { name, isDirectory } of Deno.readDirSync(dir)) {
    const path = `${dir}/${name}`;
    if (isDirectory) { for (const each of calledFunctions(path)) names.add(each); }
    if (isDirectory || !name.endsWith(".ts") || /_test(ing)?\.ts$/.test(name)) continue;
    const text = Deno.readTextFileSync(path);
    if (!/\b(lazyLibc|dlopen)\(/.test(text)) continue;
    for (const [, each = ""] of text.matchAll(/\b(\w+): \{\s*parameters:/g)) names.add(each);
  }
  return names;
}

/** The oldest version of each function of the machine's own glibc that has one. */
function versionsOfFunctions(): Map<string, string> {
  const maps = Deno.readTextFileSync("/proc/self/maps");
  const [libc = ""] = /\/\S*\/libc\.so\.6$/m.exec(maps) ?? [];
  const versions = new Map<string, string>();
  for (
    const [, name = "", version = ""] of readelf("--dyn-syms", libc).matchAll(
      / (\w+)@@?GLIBC_(\d+\.\d+)/g,
    )
  ) {
    const [oldest = version] = sorted([versions.get(name) ?? version, version]);
    versions.set(name, oldest);
  }
  return versions;
}

testNeeding(["readelf"], "docs: glibc is as old as Deno and what berth calls allow", () => {
  const functions = calledFunctions();
  assert(functions.size > 50, `${functions.size}`);
  const versions = versionsOfFunctions();
  const called = [...functions].map((name) => {
    const version = versions.get(name);
    assert(version !== undefined, `${name} is no function of libc`);
    return version;
  });
  const needs = readelf("--version-info", Deno.execPath()).split("Version needs section")[1] ?? "";
  const linked = Array.from(needs.matchAll(/\bGLIBC_(\d+\.\d+)/g), ([, version = ""]) => version);
  assert(linked.length > 0);
  assert.equal(documentedGlibc(), sorted([...called, ...linked]).at(-1));
});

testNeeding(
  ["readelf"],
  "docs: the libraries that Deno is linked with are named, and no others",
  () => {
    const page = Deno.readTextFileSync(`${ROOT}/docs/operations.md`).replaceAll(/\s+/g, " ");
    const [, list = ""] = /\(no musl\) with its ([^.]*?), Linux/.exec(page) ?? [];
    const named = list.split(/, | and /);
    const linked = Array.from(
      readelf("--dynamic", Deno.execPath()).matchAll(/\(NEEDED\).*\[(\w+)[-.]/g),
      ([, name = ""]) => name,
    );
    const implied = ["ld", "libc"];
    assert.deepEqual(named.sort(), linked.filter((name) => !implied.includes(name)).sort());
  },
);
