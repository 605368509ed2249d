// SPDX-License-Identifier: MIT
import { DEFAULT_MOUNTS, DEVICE_RULES, MASKED_PATHS, READONLY_PATHS } from "./default_isolation.ts";
import { mergeEnv } from "./process_spec.ts";
import { resolveUser } from "./passwd.ts";
import type { OciSpec } from "./spec.ts";

/** An OCI mount (runtime-spec, config.md, "Mounts"). */
export interface OciMount {
  readonly destination: string;
  readonly type?: string;
  readonly source?: string;
  readonly options?: readonly string[];
}

/** What {@linkcode defaultSpec} takes. */
export interface DefaultSpecOptions {
  /** The container's id. */
  readonly id: string;
  /** The directory that is or will be the root; user names are looked up in it. */
  readonly rootfs: string;
  /** The command and its arguments. */
  readonly args: readonly string[];
  /** `NAME=value`, added to PATH, HOSTNAME and, with a terminal, TERM. */
  readonly env?: readonly string[];
  /** Default: `/`. */
  readonly cwd?: string;
  /** `user[:group]`, names or numbers. Default: root. */
  readonly user?: string;
  /** Mounts beside the usual ones; one on the same place as a usual one replaces it. */
  readonly mounts?: readonly OciMount[];
  /** OCI `linux.resources`: limits of memory, CPU, pids, … Default: none. */
  readonly resources?: Readonly<Record<string, unknown>>;
  /** Mounts the root read-only. */
  readonly readOnly?: boolean;
  /** Default: the id, cut to what a host name may be long. */
  readonly hostname?: string;
  /** `none`: a network namespace with loopback alone; `host`: the host's network. Default: none. */
  readonly net?: "host" | "none";
  /** Whether the process gets a terminal. */
  readonly terminal?: boolean;
  /** Default: `/berth/<id>`. */
  readonly cgroupsPath?: string;
}

/** The longest host name that the kernel takes, __NEW_UTS_LEN of include/uapi/linux/utsname.h. */
const MAX_HOSTNAME = 64;

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The capabilities that docker and containerd leave to a container's root. */
const CAPABILITIES = [
  "CAP_AUDIT_WRITE",
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_MKNOD",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

/**
 * The OCI spec of a container that asks for nothing special: isolated as docker's default is, less
 * its seccomp filter, and with noNewPrivileges.
 *
 * @throws {InvalidParamsError} if the user is not known in the rootfs.
 */
export function defaultSpec(options: DefaultSpecOptions): OciSpec {
  const { id, rootfs, terminal = false, net = "none" } = options;
  const hostname = options.hostname ?? id.slice(0, MAX_HOSTNAME);
  const resources = options.resources ?? {};
  const deviceRules: readonly unknown[] = Array.isArray(resources["devices"])
    ? resources["devices"]
    : [];
  return {
    ociVersion: "1.0.2",
    root: { path: rootfs, readonly: options.readOnly ?? false },
    hostname,
    process: {
      terminal,
      user: options.user === undefined ? { uid: 0, gid: 0 } : userOf(rootfs, options.user),
      args: [...options.args],
      env: mergeEnv(
        [PATH, `HOSTNAME=${hostname}`, ...(terminal ? ["TERM=xterm"] : [])],
        options.env ?? [],
      ),
      cwd: options.cwd ?? "/",
      capabilities: {
        bounding: CAPABILITIES,
        effective: CAPABILITIES,
        permitted: CAPABILITIES,
        // Inheritable ones would come alive in any program with file capabilities (CVE-2022-24769).
        inheritable: [],
        ambient: [],
      },
      noNewPrivileges: true,
      rlimits: [openFiles()],
    },
    mounts: mergeMounts(DEFAULT_MOUNTS, options.mounts ?? []).map(({ options, ...rest }) => ({
      ...rest,
      options: [...options ?? []],
    })),
    linux: {
      cgroupsPath: options.cgroupsPath ?? `/berth/${id}`,
      namespaces: [
        { type: "pid" },
        { type: "ipc" },
        { type: "uts" },
        { type: "mount" },
        ...(net === "host" ? [] : [{ type: "network" }]),
      ],
      resources: { ...resources, devices: [...DEVICE_RULES, ...deviceRules] },
      maskedPaths: [...MASKED_PATHS],
      readonlyPaths: [...READONLY_PATHS],
    },
  };
}

/**
 * The limits that systemd gives to a service, but none above this process's own hard one: where it
 * is lower, the runtime may lack the right to raise it (CAP_SYS_RESOURCE).
 */
function openFiles() {
  // "Max open files   1024   524288   files", proc_pid_limits(5); no number: unlimited
  const limits = /^Max open files\s+\S+\s+(\d+)/m.exec(Deno.readTextFileSync("/proc/self/limits"));
  const hard = Math.min(524_288, Number(limits?.[1] ?? Infinity));
  return { type: "RLIMIT_NOFILE", soft: Math.min(1024, hard), hard };
}

function userOf(rootfs: string, text: string) {
  const { uid, gid, additionalGids } = resolveUser(rootfs, text);
  return { uid, gid, ...(additionalGids ? { additionalGids: [...additionalGids] } : {}) };
}

/** The usual mounts less those that `added` replaces, then `added`: order is that of mounting. */
function mergeMounts(usual: readonly OciMount[], added: readonly OciMount[]): OciMount[] {
  const replaced = new Set(added.map(({ destination }) => destination.replace(/(?<=.)\/+$/, "")));
  return [...usual.filter(({ destination }) => !replaced.has(destination)), ...added];
}
