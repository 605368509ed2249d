// SPDX-License-Identifier: MIT
// Real cgroups, and trees of files that look like some, for tests.
import { until } from "../../../tests/harness/poll.ts";
import { type Cgroup, cgroupHierarchies, findCgroup, isController } from "./find.ts";
import { freeze, freezerState } from "./freezer.ts";
import { killUntilEmpty, remove } from "./processes.ts";

/** Options of a test for which this machine must have controllers of v1 (proc_pid_cgroup(5)). */
export const ON_V1: Pick<Deno.TestDefinition, "ignore"> = {
  ignore: ![...Deno.readTextFileSync("/proc/self/cgroup").matchAll(/^\d+:([^:\n]*):/gm)]
    .some(([, names = ""]) => isController(names)),
};

/** For tests: a real cgroup in every hierarchy of this machine, with one shell in it. */
export class TestCgroup implements AsyncDisposable {
  readonly cgroup: Cgroup;
  readonly pid: number;
  readonly #shell: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;

  private constructor(shell: Deno.ChildProcess, cgroup: Cgroup) {
    this.#shell = shell;
    this.#stdin = shell.stdin.getWriter();
    this.pid = shell.pid;
    this.cgroup = cgroup;
  }

  /**
   * Makes it below this process's own cgroup in each hierarchy, as runc does, or below the root where
   * v2 is alone, and has a shell wait there for {@linkcode run}.
   */
  static start(): TestCgroup {
    const name = `berth-test-${crypto.randomUUID()}`;
    const shell = new Deno.Command("busybox", {
      args: ["sh", "-c", 'read line; eval "$line"; exit $?'],
      stdin: "piped",
    }).spawn();
    for (const [mountPoint, path] of ownCgroups()) {
      const dir = `${mountPoint}${path === "/" ? "" : path}/${name}`;
      Deno.mkdirSync(dir);
      Deno.writeTextFileSync(`${dir}/cgroup.procs`, String(shell.pid), { create: false });
    }
    return new TestCgroup(shell, findCgroup(shell.pid));
  }

  /** Lets the shell do a line of script, its last; its exit code or 128+signal. */
  async run(script: string): Promise<number> {
    await this.begin(script);
    const { code } = await this.#shell.status;
    return code;
  }

  /** {@linkcode run} without waiting for the end. */
  async begin(script: string): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(`${script}\n`));
    await this.#stdin.close();
  }

  /** Returns the directory of a controller, which with v2 alone is that of all. */
  dir(controller: string): string {
    const dir = this.cgroup.paths[controller] ?? this.cgroup.paths.unified;
    if (dir === undefined) throw new Error(`no cgroup of ${controller}`);
    return dir;
  }

  /** Sets a file of one of the controllers. */
  set(controller: string, file: string, value: string): void {
    Deno.writeTextFileSync(`${this.dir(controller)}/${file}`, value, { create: false });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await killUntilEmpty(this.cgroup, { timeoutMs: 60_000 });
    // Of a shell that was never told to run anything.
    await this.#stdin.abort().catch(() => {});
    await this.#shell.status;
    await remove(this.cgroup, { timeoutMs: 60_000 });
  }
}

/** Mount point and this process's cgroup of each hierarchy; cpuset needs more than a directory. */
function ownCgroups(): [mountPoint: string, path: string][] {
  const unified = cgroupHierarchies().find(({ names }) => names.includes("unified"))?.mountPoint;
  // A cgroup that has processes hands no controller down (cgroup-v2.rst, "No Internal Processes").
  if (ON_V1.ignore && unified !== undefined) return [[unified, "/"]];
  return Deno.readTextFileSync("/proc/self/cgroup").trim().split("\n").flatMap((line) => {
    const [, controllers = "", path = ""] = line.split(":");
    if (controllers === "cpuset") return [];
    const name = controllers === "" ? "unified" : controllers.replace("name=", "");
    return [[`/sys/fs/cgroup/${name}`, path]];
  });
}

/**
 * Freezes a cgroup, and returns once all of it is frozen. It asks again and again, as runc does: in v1
 * a process that is about to execute its program, or that forks, can miss being asked once.
 */
export async function untilFrozen(cgroup: Cgroup): Promise<void> {
  await until("frozen", () => {
    freeze(cgroup);
    return freezerState(cgroup) === "frozen";
  });
}

/** For tests: writes files, `{"a/b": "text"}`, in a new directory that goes at the end of scope. */
export class FileTree implements Disposable {
  readonly dir = Deno.makeTempDirSync({ prefix: "berth-cgroup-" });

  constructor(files: Readonly<Record<string, string>> = {}) {
    for (const [path, text] of Object.entries(files)) this.write(path, text);
  }

  write(path: string, text: string): void {
    const full = `${this.dir}/${path}`;
    Deno.mkdirSync(full.slice(0, full.lastIndexOf("/")), { recursive: true });
    Deno.writeTextFileSync(full, text);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.dir, { recursive: true });
  }
}
