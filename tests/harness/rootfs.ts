// SPDX-License-Identifier: MIT
import { existsSync } from "node:fs";
import { findCommand } from "../../scripts/system_packages.ts";
import { runDir, uniqueName } from "./run.ts";

/**
 * A root filesystem with a static busybox, made at the first call of a run and shared by all of its
 * tests: mount it read-only or over an overlay. Returns its path.
 */
export function rootfsDir(): string {
  const dir = `${runDir()}/rootfs`;
  if (existsSync(dir)) return dir;
  const busybox = findCommand("busybox");
  if (busybox === undefined) throw new Error("busybox is missing; deno task test installs it");
  const draft = `${runDir()}/${uniqueName("rootfs")}`;
  for (const name of ["bin", "dev", "proc", "sys", "tmp", "etc", "root", "data", "mnt"]) {
    Deno.mkdirSync(`${draft}/${name}`, { recursive: true });
  }
  Deno.copyFileSync(busybox, `${draft}/bin/busybox`);
  Deno.chmodSync(`${draft}/bin/busybox`, 0o755);
  const { stdout } = new Deno.Command(busybox, { args: ["--list"] }).outputSync();
  for (const applet of new TextDecoder().decode(stdout).split("\n")) {
    if (applet !== "" && applet !== "busybox") {
      Deno.symlinkSync("busybox", `${draft}/bin/${applet}`);
    }
  }
  Deno.writeTextFileSync(`${draft}/etc/passwd`, "root:x:0:0::/root:/bin/sh\n");
  Deno.writeTextFileSync(`${draft}/etc/group`, "root:x:0:\n");
  try {
    Deno.renameSync(draft, dir);
  } catch (error) {
    // Another test process was faster; its copy is as good.
    Deno.removeSync(draft, { recursive: true });
    if (!existsSync(dir)) throw error;
  }
  return dir;
}

/** A JSON object. */
export type JsonObject = Record<string, unknown>;

/** The options of {@linkcode spec} besides the command. */
export interface SpecOptions {
  /** The parent of the container's cgroup, relative to the root; see `TestDaemon.cgroup`. */
  readonly cgroup: string;
  /** Merged over the spec, member by member; an array replaces the whole array. */
  readonly override?: JsonObject;
}

/**
 * A small OCI spec that runs `args` in {@linkcode rootfsDir}, read-only, in its own namespaces but
 * the network's, in a cgroup of its own.
 */
export function spec(args: readonly string[], options: SpecOptions): JsonObject {
  const base: JsonObject = {
    ociVersion: "1.0.2",
    process: {
      user: { uid: 0, gid: 0 },
      args: [...args],
      env: ["PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/root", "TERM=xterm"],
      cwd: "/",
      noNewPrivileges: true,
      capabilities: Object.fromEntries(
        ["bounding", "effective", "permitted"].map((set) => [set, CAPABILITIES]),
      ),
    },
    root: { path: rootfsDir(), readonly: true },
    hostname: "test",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
      {
        destination: "/dev/pts",
        type: "devpts",
        source: "devpts",
        options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
      },
      { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev"] },
    ],
    linux: {
      cgroupsPath: `/${options.cgroup}/${uniqueName("c")}`,
      namespaces: ["pid", "ipc", "uts", "mount"].map((type) => ({ type })),
      resources: { devices: [{ allow: false, access: "rwm" }] },
    },
  };
  return merge(base, options.override ?? {});
}

/** The capabilities that tests need: to kill, to chown, to switch user. */
const CAPABILITIES = ["CAP_KILL", "CAP_CHOWN", "CAP_SETUID", "CAP_SETGID", "CAP_DAC_OVERRIDE"];

function merge(base: JsonObject, over: JsonObject): JsonObject {
  const merged: JsonObject = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const old = merged[key];
    if (value === undefined) delete merged[key];
    else merged[key] = isObject(old) && isObject(value) ? merge(old, value) : value;
  }
  return merged;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
