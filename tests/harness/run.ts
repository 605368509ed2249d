// SPDX-License-Identifier: MIT
import { existsSync } from "node:fs";
import { baseName } from "../../src/linux/fs/path_names.ts";
import { keepsFiles } from "./keep_files.ts";
import { cgroupsOf } from "./leaks/traces.ts";

export { baseName };

/**
 * The environment variable that names the directory of one run of the tests. Everything that a test
 * starts or makes is below it or mentions it, so that the run can find and remove all of it.
 */
export const RUN_VARIABLE = "BERTH_TEST_DIR";

/** Makes up a name that occurs nowhere else, such as `d-3f9a01c2`. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${crypto.randomUUID().slice(0, 8)}`;
}

/**
 * The directory of this run: what `deno task test` made, or, for a test file that was started by
 * itself, one named after this process, removed when that ends.
 */
export function runDir(): string {
  const given = Deno.env.get(RUN_VARIABLE);
  if (given !== undefined) return given;
  const dir = `/tmp/berth-test-p${Deno.pid}`;
  try {
    Deno.mkdirSync(dir, { mode: 0o700 });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return dir;
    throw error;
  }
  globalThis.addEventListener("unload", () => {
    if (!keepsFiles()) Deno.removeSync(dir, { recursive: true });
    for (const cgroup of cgroupsOf(baseName(dir))) Deno.removeSync(cgroup);
  });
  return dir;
}

/** Name of the cgroup, in every hierarchy, that holds the containers of this run. */
export function runCgroup(): string {
  return baseName(runDir());
}

/** Whether berth runs from its sources, as it does where a test file was started by itself. */
export const FROM_SOURCE = !Deno.env.has("BERTH_PROGRAM");

/** Command that starts berth: what `deno task test` bundled or built, else the sources. */
export function program(): string[] {
  const given = Deno.env.get("BERTH_PROGRAM");
  if (given !== undefined) return [given];
  const main = new URL("../../src/main.ts", import.meta.url).pathname;
  // Without --quiet Deno draws its progress on a terminal where a start is slow.
  return [Deno.execPath(), "run", "--quiet", "-A", main];
}

/** {@linkcode program} as words of a shell. */
export function shellProgram(): string {
  return program().map((word) => `'${word}'`).join(" ");
}

/**
 * A PATH with every command but these: a directory of links, which is made in `dir`. The file that
 * ships is a shell script at its start, and needs some.
 */
export function pathWithout(dir: string, ...commands: string[]): string {
  const path = `${dir}/path-without-${commands[0]}`;
  Deno.mkdirSync(path);
  const made = new Set(commands);
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    for (const { name } of existsSync(folder) ? Deno.readDirSync(folder) : []) {
      if (made.has(name)) continue;
      made.add(name);
      Deno.symlinkSync(`${folder}/${name}`, `${path}/${name}`);
    }
  }
  return path;
}
