// SPDX-License-Identifier: MIT
import { writeScript } from "../../../tests/harness/stand_in.ts";
import { Reaper } from "../../linux/process/reaper.ts";
import { OciRuntime } from "./oci_runtime.ts";
import type { CallReport } from "./runtime_call.ts";

/** For tests: a directory with a bundle `b` over busybox, and the runtime's root `r`. */
export class TestContainers implements AsyncDisposable {
  readonly dir = Deno.makeTempDirSync({ prefix: "berth-oci-" });
  readonly bundle = `${this.dir}/b`;
  readonly reaper = Reaper.start({ subreaper: true, reapAll: false });
  readonly reports: CallReport[] = [];
  readonly #containers = new Map<string, OciRuntime>();

  constructor() {
    const bin = `${this.bundle}/rootfs/bin`;
    Deno.mkdirSync(bin, { recursive: true });
    Deno.copyFileSync("/usr/bin/busybox", `${bin}/busybox`);
    for (const name of ["sh", "true", "sleep", "cat", "echo"]) {
      Deno.symlinkSync("busybox", `${bin}/${name}`);
    }
  }

  /** Returns a driver of the runtime; `command` may be a script that stands in for one. */
  runc(command = "runc"): OciRuntime {
    return new OciRuntime({
      command,
      root: `${this.dir}/r`,
      spawn: (argv, options) => this.reaper.spawn(argv, options),
      debug: (report) => this.reports.push(report),
    });
  }

  /** Writes config.json for a container in a cgroup of its own, which is deleted by `runc` later. */
  configure(runc: OciRuntime, ...args: string[]): string {
    const id = `berth-test-${crypto.randomUUID().slice(0, 8)}`;
    this.#containers.set(id, runc);
    Deno.writeTextFileSync(
      `${this.bundle}/config.json`,
      JSON.stringify({
        ociVersion: "1.0.2",
        root: { path: "rootfs" },
        process: { args, cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } },
        mounts: [
          { destination: "/proc", type: "proc", source: "proc" },
          { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["mode=755"] },
        ],
        linux: {
          cgroupsPath: `/${id}`,
          namespaces: ["pid", "ipc", "uts", "mount"].map((type) => ({ type })),
        },
      }),
    );
    return id;
  }

  /** Writes an executable shell script and returns its path. */
  script(name: string, text: string): string {
    return writeScript(`${this.dir}/${name}`, text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [id, runc] of this.#containers) await runc.delete(id, { force: true });
    this.reaper[Symbol.dispose]();
    Deno.removeSync(this.dir, { recursive: true });
  }
}
