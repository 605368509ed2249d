// SPDX-License-Identifier: MIT
//
// Holds the imports of `src` and `mod.ts` against the table in CONTRIBUTING.md, which is the only
// place where the rules stand.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const ROOT = new URL("..", import.meta.url).pathname;

/** The largest number of source files in one folder; more than a reader keeps in mind. */
const MAX_FILES = 14;

/** Files that are not published: tests, and what these share. */
const UNPUBLISHED = /_test(ing)?\.ts$|\/testing\//;

type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** Reads the table: what each folder or file may import. Rows that may import anything are left out. */
function readRules(markdown: string): Map<string, string[]> {
  const rules = new Map<string, string[]>();
  for (const line of markdown.split("\n")) {
    const [, name, , allowed] = line.split("|").map((cell) => cell.trim());
    const folder = name?.match(/^`(.+)`$/)?.[1];
    if (folder === undefined || allowed === undefined || allowed === "anything") continue;
    rules.set(folder, [...allowed.matchAll(/`([^`]+)`/g)].map((match) => match[1]!));
  }
  return rules;
}

/** What the words of a row mean for the packages that its files import themselves. */
const NO_PACKAGES: readonly (readonly [words: string, packages: RegExp])[] = [
  ["no schema library", /^(npm:|jsr:@zod\/)?zod\b/],
  ["no `node:`", /^node:/],
];

/** Reads the table: the packages that each folder must not import. */
function readNoPackages(markdown: string): [folder: string, packages: RegExp][] {
  return [...markdown.matchAll(/^\| `(\S+)` *\|([^|]*)\|/gm)].flatMap(([, folder, what]) =>
    NO_PACKAGES.filter(([words]) => what!.includes(words))
      .map(([, packages]): [string, RegExp] => [folder!, packages])
  );
}

/** Returns a source text without its comments; those at the end of a line of code stay. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
}

/**
 * Returns the imports of a source text, static, dynamic, for types alone and by URL: those of files,
 * or those of packages. Of a path that is put together, the folder stands in it.
 */
function importsOf(text: string, what: "files" | "packages" = "files"): string[] {
  const found = codeOf(text).matchAll(/(?:\bfrom|\bimport|\bnew URL)\s*\(?\s*(["'`])([^"'`]+)\1/g);
  return [...found].map((match) => match[2]!)
    .filter((path) => path.startsWith(".") === (what === "files"));
}

function* sourceFiles(dir: string): Generator<string> {
  for (const entry of Deno.readDirSync(`${ROOT}/${dir}`)) {
    const path = `${dir}/${entry.name}`;
    if (entry.isDirectory) yield* sourceFiles(path);
    else if (path.endsWith(".ts") && !UNPUBLISHED.test(path)) yield path;
  }
}

function* foldersIn(dir: string): Generator<string> {
  for (const entry of Deno.readDirSync(`${ROOT}/${dir}`)) {
    if (!entry.isDirectory) continue;
    yield `${dir}/${entry.name}`;
    yield* foldersIn(`${dir}/${entry.name}`);
  }
}

function readGraph(): Graph {
  const graph = new Map<string, Set<string>>();
  for (const file of ["mod.ts", ...sourceFiles("src")]) {
    const imports = importsOf(Deno.readTextFileSync(`${ROOT}/${file}`));
    graph.set(file, new Set(imports.map((path) => relative(".", join(dirname(file), path)))));
  }
  return graph;
}

/** Whether `path` is `place` or lies below it. */
function isWithin(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}/`);
}

/** Returns each import that the rules do not allow, as `file → file`. */
function forbidden(graph: Graph, rules: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  for (const [file, targets] of graph) {
    const room = [...rules.keys()].find((place) => isWithin(file, place));
    // A file at the top of `src` imports nothing of the rooms.
    const allowed = room === undefined ? [] : [room, ...rules.get(room)!];
    for (const target of targets) {
      const isTop = /^src\/[^/]+$/.test(target) && !rules.has(target);
      const isAllowed = isTop || allowed.some((place) => isWithin(target, place));
      if (!isAllowed || UNPUBLISHED.test(target)) {
        found.push(`${file} → ${target}`);
      }
    }
  }
  return found;
}

/** Returns one circle of the graph as the nodes on it, or undefined where there is none. */
function findCircle(graph: Graph): string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (node: string): string[] | undefined => {
    const at = path.indexOf(node);
    if (at >= 0) return [...path.slice(at), node];
    if (done.has(node)) return undefined;
    path.push(node);
    for (const next of graph.get(node) ?? []) {
      const circle = visit(next);
      if (circle !== undefined) return circle;
    }
    path.pop();
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const circle = visit(node);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

/** Folds the files of each folder at a depth, 3 for `src/<room>/<folder>`, into one node. */
function foldFolders(graph: Graph, depth: number): Graph {
  const nodeOf = (file: string) => file.split("/").slice(0, depth).join("/");
  const folded = new Map<string, Set<string>>();
  for (const [file, targets] of graph) {
    const node = nodeOf(file);
    const all = folded.get(node) ?? new Set();
    for (const target of targets) if (nodeOf(target) !== node) all.add(nodeOf(target));
    folded.set(node, all);
  }
  return folded;
}

const graph = readGraph();

Deno.test("imports follow the table in CONTRIBUTING.md", () => {
  const rules = readRules(Deno.readTextFileSync(`${ROOT}/CONTRIBUTING.md`));
  assert.ok(rules.get("src/oci")?.includes("src/linux"), "the table was not found");
  assert.deepEqual(forbidden(graph, rules), []);
  const rooms = [...Deno.readDirSync(`${ROOT}/src`)].filter((entry) => entry.isDirectory);
  const unruled = rooms.map(({ name }) => `src/${name}`).filter((room) => !rules.has(room));
  assert.deepEqual(unruled, [], "each room has its row");
});

Deno.test("imports: a room imports no package that its row excludes", () => {
  const excluded = readNoPackages(Deno.readTextFileSync(`${ROOT}/CONTRIBUTING.md`));
  const rows = excluded.filter(([room]) => room === "src/shim");
  assert.equal(rows.length, NO_PACKAGES.length, "the words were not found");
  const found = excluded.flatMap(([room, packages]) =>
    [...graph.keys()].filter((file) => isWithin(file, room)).flatMap((file) =>
      importsOf(Deno.readTextFileSync(`${ROOT}/${file}`), "packages")
        .filter((name) => packages.test(name)).map((name) => `${file} → ${name}`)
    )
  );
  assert.deepEqual(found, []);
});

Deno.test("imports: libraries are loaded in src/linux alone", () => {
  const loading = [...graph.keys()].filter((file) =>
    /\bdlopen\b/.test(codeOf(Deno.readTextFileSync(`${ROOT}/${file}`)))
  );
  assert.ok(loading.length > 0);
  assert.deepEqual(loading.filter((file) => !isWithin(file, "src/linux")), []);
});

Deno.test("imports of files make no circle", () => {
  assert.equal(findCircle(graph)?.join(" → "), undefined);
});

Deno.test("imports of a room's folders make no circle", () => {
  // And those of the folders in them.
  for (const depth of [3, 4]) {
    assert.equal(findCircle(foldFolders(graph, depth))?.join(" → "), undefined);
  }
});

Deno.test("imports that break a rule or close a circle are found", () => {
  const rules = readRules("| `src/a` | what | `src/b` |\n| `src/b` | what | nothing |");
  const bad: Graph = new Map([
    ["src/a/x/1.ts", new Set(["src/a/y/1.ts", "src/b/1.ts"])],
    ["src/a/y/1.ts", new Set(["src/a/x/2.ts"])],
    ["src/b/1.ts", new Set(["src/a/x/2.ts", "src/top.ts", "src/b/2_testing.ts"])],
    ["src/top.ts", new Set(["src/b/1.ts"])],
  ]);
  assert.deepEqual(forbidden(bad, rules), [
    "src/b/1.ts → src/a/x/2.ts",
    "src/b/1.ts → src/b/2_testing.ts",
    "src/top.ts → src/b/1.ts",
  ]);
  assert.deepEqual(findCircle(bad), ["src/b/1.ts", "src/top.ts", "src/b/1.ts"]);
  assert.deepEqual(findCircle(foldFolders(bad, 3)), ["src/a/x", "src/a/y", "src/a/x"]);
  const imports = '/* from "./no.ts" */ export * from "./a.ts"; import("./b.ts"); ' +
    "import(`../c/d.ts`); import(`../c/${name}.ts`); import './e.ts'; new URL('./f.ts', here);";
  assert.deepEqual(importsOf(imports), [
    "./a.ts",
    "./b.ts",
    "../c/d.ts",
    "../c/${name}.ts",
    "./e.ts",
    "./f.ts",
  ]);
});

Deno.test("imports: CONTRIBUTING.md lists the folders of each room, and no other", () => {
  const text = Deno.readTextFileSync(`${ROOT}/CONTRIBUTING.md`);
  const listed = [...text.matchAll(/^- `(src\/\w+)`:((?:.|\n {2})*)/gm)].flatMap(([, room, rest]) =>
    [...rest!.matchAll(/`([^`]+)`/g)].map((match) => `${room}/${match[1]}`)
  );
  // Folders within the folders of a room are listed beside these.
  const named = [...foldersIn("src")].map((path) => path.split("/"))
    .filter((parts) => parts.length > 2)
    .map((parts) => [...parts.slice(0, 2), parts.at(-1)].join("/"));
  assert.deepEqual(listed.sort(), named.sort());
});

Deno.test("imports: folders of src hold a dozen or so source files each", () => {
  const counts = Map.groupBy(graph.keys(), (file) => dirname(file));
  const full = [...counts].filter(([, files]) => files.length > MAX_FILES);
  assert.deepEqual(full.map(([folder, files]) => `${folder}: ${files.length}`), []);
});

Deno.test("imports: the files of src that documents name are there", () => {
  const docs = ["", "docs", "docs/decisions"].flatMap((dir) =>
    [...Deno.readDirSync(`${ROOT}/${dir}`)].map(({ name }) => `${dir}/${name}`)
  ).filter((path) => path.endsWith(".md") && !path.endsWith("/CHANGELOG.md"));
  const missing = docs.flatMap((doc) =>
    [...Deno.readTextFileSync(`${ROOT}/${doc}`).matchAll(/`(src\/[\w./]+)`/g)]
      .filter(([, path]) => !existsSync(`${ROOT}/${path}`))
      .map(([, path]) => `${doc}: ${path}`)
  );
  assert.deepEqual(missing, []);
});
