// SPDX-License-Identifier: MIT
// Bundles and shims' services, for tests.
import assert from "node:assert/strict";
import { FdReserve } from "../../linux/fd/fd_reserve.ts";
import { Poller } from "../../linux/fd/poller.ts";
import { Reaper } from "../../linux/process/reaper.ts";
import { mkfifo } from "../../linux/fd/fifo.ts";
import { unmountAll } from "../../linux/mount/unmount.ts";
import type { BundlePaths, BundleRecord, StdioPaths } from "../../oci/bundle_layout.ts";
import { BUNDLE_FORMAT, bundlePaths } from "../../oci/bundle_layout.ts";
import { writeJsonAtomic } from "../../oci/json_file.ts";
import type { ShimEvent } from "../../rpc/contract/shim.ts";
import { ShimService } from "../service.ts";

/** The ways in which a test's container differs from the default one. */
export interface TestContainer {
  readonly id?: string;
  readonly args?: readonly string[];
  readonly stdio?: Partial<StdioPaths>;
  readonly hostPid?: boolean;
  readonly user?: { uid: number; gid: number };
  readonly record?: Partial<BundleRecord>;
  /** Rootfs path in config.json; the busybox rootfs where left out. */
  readonly rootPath?: string;
}

/** No stdio at all. */
export const NO_STDIO: StdioPaths = { stdin: "", stdout: "", stderr: "", terminal: false };

/** A directory with a busybox rootfs and bundles for a test; removed with everything in it. */
export class TestArea implements AsyncDisposable {
  /** Where everything is. */
  readonly dir: string = Deno.makeTempDirSync({ prefix: "berth-shim-" });
  readonly poller: Poller = new Poller();
  readonly reserve: FdReserve = new FdReserve();
  readonly #reaper: Reaper | undefined;
  readonly #services: ShimService[] = [];
  #count = 0;

  /**
   * @param options.reaper whether this process itself will serve bundles.
   * @param options.steal false where the test starts processes by Deno.Command.
   */
  constructor({ reaper = true, steal = true }: { reaper?: boolean; steal?: boolean } = {}) {
    this.#reaper = reaper ? Reaper.start({ subreaper: true, reapAll: steal }) : undefined;
    for (const name of ["bin", "proc", "dev", "sys", "tmp", "etc"]) {
      Deno.mkdirSync(`${this.rootfs}/${name}`, { recursive: true });
    }
    Deno.copyFileSync("/bin/busybox", `${this.rootfs}/bin/busybox`);
    Deno.chmodSync(`${this.rootfs}/bin/busybox`, 0o755);
    for (const applet of ["sh", "true", "false", "sleep", "cat", "echo", "id", "seq", "stty"]) {
      Deno.symlinkSync("busybox", `${this.rootfs}/bin/${applet}`);
    }
  }

  /** Reaps for the bundles that this process serves itself. */
  get reaper(): Reaper {
    assert.ok(this.#reaper, "this area was made without a reaper");
    return this.#reaper;
  }

  /** The busybox rootfs that containers use in place. */
  get rootfs(): string {
    return `${this.dir}/busybox`;
  }

  /** The runtime's `--root`. */
  get runtimeRoot(): string {
    return `${this.dir}/oci`;
  }

  /** Makes a FIFO and answers its path. */
  fifo(name: string): string {
    const path = `${this.dir}/${name}`;
    mkfifo(path);
    return path;
  }

  /** Makes a bundle. */
  bundle(container: TestContainer = {}): BundlePaths {
    const id = container.id ?? `t${Deno.pid}-${++this.#count}`;
    const paths = bundlePaths(`${this.dir}/linux/${id}`);
    Deno.mkdirSync(paths.rootfs, { recursive: true });
    const stdio = { ...NO_STDIO, ...container.stdio };
    writeJsonAtomic(paths.config, spec(container, stdio, container.rootPath ?? this.rootfs));
    const record: BundleRecord = {
      format: BUNDLE_FORMAT,
      id,
      instance: crypto.randomUUID(),
      runtime: "runc",
      runtimeRoot: this.runtimeRoot,
      stdio,
      rootfs: [],
      noPivot: false,
      labels: {},
      createdAt: new Date().toISOString(),
      sharedPidNamespace: container.hostPid === true,
      ...container.record,
    };
    writeJsonAtomic(paths.record, record);
    return paths;
  }

  /** Makes a bundle and serves it in this process. */
  service(container: TestContainer = {}): TestService {
    const paths = this.bundle(container);
    const log: string[] = [];
    const service = new ShimService({
      bundleDir: paths.dir,
      adoptable: true,
      reaper: this.reaper,
      poller: this.poller,
      reserve: this.reserve,
      log: (message) => void log.push(message),
    });
    this.#services.push(service);
    return new TestService(service, paths, log);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const service of this.#services) {
      await service.abandon();
      await service.release();
    }
    this.poller[Symbol.dispose]();
    this.reserve[Symbol.dispose]();
    this.#reaper?.[Symbol.dispose]();
    unmountAll(this.dir, { detach: true });
    Deno.removeSync(this.dir, { recursive: true });
  }
}

/** A service with the events that it has published. */
export class TestService {
  readonly events: ShimEvent[] = [];
  readonly service: ShimService;
  readonly paths: BundlePaths;
  readonly log: readonly string[];

  constructor(service: ShimService, paths: BundlePaths, log: readonly string[]) {
    this.service = service;
    this.paths = paths;
    this.log = log;
    service.subscribe(0, { event: (event) => void this.events.push(event) });
  }

  /** `type` or `type:execId` of each event. */
  get story(): string[] {
    return this.events.map(({ type, execId }) => execId === undefined ? type : `${type}:${execId}`);
  }
}

function spec(container: TestContainer, stdio: StdioPaths, rootPath: string): unknown {
  const namespaces = ["pid", "ipc", "uts", "mount"].filter((type) =>
    type !== "pid" || !container.hostPid
  );
  const caps = ["CAP_KILL", "CAP_CHOWN", "CAP_SETUID", "CAP_SETGID", "CAP_DAC_OVERRIDE"];
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: stdio.terminal,
      user: container.user ?? { uid: 0, gid: 0 },
      args: container.args ?? ["/bin/sleep", "1000"],
      env: ["PATH=/bin", "FROM=spec"],
      cwd: "/",
      capabilities: { bounding: caps, effective: caps, permitted: caps },
      noNewPrivileges: true,
    },
    root: { path: rootPath, readonly: false },
    hostname: "test",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["mode=755"] },
      { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance"] },
    ],
    linux: { namespaces: namespaces.map((type) => ({ type })) },
  };
}
