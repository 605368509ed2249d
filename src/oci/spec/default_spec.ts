// SPDX-License-Identifier: MIT
import { DEFAULT_MOUNTS, DEVICE_RULES, MASKED_PATHS, READONLY_PATHS } from "./default_isolation.ts";
import { mergeEnv } from "./process_spec.ts";
import { type OciUser, resolveUser } from "./passwd.ts";
import type { OciSpec } from "./spec.ts";

/** An OCI mount (runtime-spec, config.md, "Mounts"). */
export interface OciMount {
  readonly destination: string;
  readonly type?: string;
  readonly source?: string;
  readonly options?: readonly string[];
}

/** A resource limit of a process (runtime-spec, config.md, "POSIX process"). */
export interface OciRlimit {
  /** Such as `RLIMIT_NOFILE`. */
  readonly type: string;
  readonly soft: number;
  readonly hard: number;
}

/** A device node in the container (runtime-spec, config-linux.md, "Devices"). */
export interface OciDevice {
  readonly path: string;
  readonly type: "b" | "c";
  readonly major: number;
  readonly minor: number;
  readonly fileMode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** What the device cgroup lets the container do with it: some of `rwm`. */
  readonly access: string;
}

/** Namespaces that a container need not have of its own. */
export type SharedNamespace = "network" | "pid" | "ipc" | "uts";

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
  /** Default: the id, cut to what a host name may be long; none where the UTS namespace is shared. */
  readonly hostname?: string;
  /**
   * Namespaces to share: `host` for the host's, or the path of one, such as `/proc/42/ns/net`. Each
   * of the others is the container's own; its own network has loopback alone.
   */
  readonly namespaces?: Readonly<Partial<Record<SharedNamespace, string>>>;
  /** Further groups of the process. */
  readonly groups?: readonly number[];
  /** Resource limits besides the default one of open files, which they may replace. */
  readonly rlimits?: readonly OciRlimit[];
  /** Kernel parameters of the container's namespaces, such as `net.core.somaxconn`. */
  readonly sysctl?: Readonly<Record<string, string>>;
  /** Devices besides the usual ones. */
  readonly devices?: readonly OciDevice[];
  /** Annotations, which the runtime and hooks see. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Whether the process gets a terminal. */
  readonly terminal?: boolean;
  /** Default: `/berth/<id>`. */
  readonly cgroupsPath?: string;
}

/** The longest host name that the kernel takes, __NEW_UTS_LEN of include/uapi/linux/utsname.h. */
const MAX_HOSTNAME = 64;

/** What LimitNOFILE=infinity of dockerd's unit comes to (fs.nr_open of the kernel). */
const MAX_OPEN_FILES = 1_048_576;

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
  const { id, rootfs, terminal = false, namespaces = {}, devices = [] } = options;
  const ownName = namespaces.uts === undefined;
  const hostname = ownName ? options.hostname ?? id.slice(0, MAX_HOSTNAME) : Deno.hostname();
  const resources = options.resources ?? {};
  const deviceRules: readonly unknown[] = Array.isArray(resources["devices"])
    ? resources["devices"]
    : [];
  return {
    ociVersion: "1.0.2",
    root: { path: rootfs, readonly: options.readOnly ?? false },
    ...(ownName && { hostname }),
    ...(options.annotations && { annotations: { ...options.annotations } }),
    process: {
      terminal,
      user: userOf(rootfs, options.user, options.groups ?? []),
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
      rlimits: rlimits(options.rlimits ?? []).map((limit) => ({ ...limit })),
    },
    mounts: mergeMounts(DEFAULT_MOUNTS, options.mounts ?? []).map(({ options, ...rest }) => ({
      ...rest,
      options: [...options ?? []],
    })),
    linux: {
      cgroupsPath: options.cgroupsPath ?? `/berth/${id}`,
      namespaces: [
        ...(["pid", "ipc", "uts"] as const).flatMap((type) => namespace(type, namespaces[type])),
        { type: "mount" },
        ...namespace("network", namespaces.network),
      ],
      ...(options.sysctl && { sysctl: { ...options.sysctl } }),
      ...(devices.length > 0 && { devices: devices.map(({ access: _, ...node }) => node) }),
      resources: {
        ...resources,
        devices: [
          ...DEVICE_RULES,
          ...devices.map(({ type, major, minor, access }) => ({
            allow: true,
            type,
            major,
            minor,
            access,
          })),
          ...deviceRules,
        ],
      },
      maskedPaths: [...MASKED_PATHS],
      readonlyPaths: [...READONLY_PATHS],
    },
  };
}

function namespace(type: SharedNamespace, shared: string | undefined) {
  if (shared === "host") return [];
  return [{ type, ...(shared !== undefined && { path: shared }) }];
}

function rlimits(given: readonly OciRlimit[]): OciRlimit[] {
  const types = new Set(given.map(({ type }) => type));
  return [...types.has("RLIMIT_NOFILE") ? [] : [openFiles()], ...given];
}

/**
 * The limit of open files that docker's containers have, soft and hard, but none above this
 * process's own hard one: where it is lower, the runtime may lack the right to raise it
 * (CAP_SYS_RESOURCE).
 */
function openFiles(): OciRlimit {
  // "Max open files   1024   524288   files", proc_pid_limits(5); no number: unlimited
  const limits = /^Max open files\s+\S+\s+(\d+)/m.exec(Deno.readTextFileSync("/proc/self/limits"));
  const hard = Math.min(MAX_OPEN_FILES, Number(limits?.[1] ?? Infinity));
  return { type: "RLIMIT_NOFILE", soft: hard, hard };
}

function userOf(rootfs: string, text: string | undefined, groups: readonly number[]) {
  const root: OciUser = { uid: 0, gid: 0 };
  const { uid, gid, additionalGids = [] } = text === undefined ? root : resolveUser(rootfs, text);
  const all = [...new Set([...additionalGids, ...groups])];
  return { uid, gid, ...(all.length > 0 && { additionalGids: all }) };
}

/** The usual mounts less those that `added` replaces, then `added`: order is that of mounting. */
function mergeMounts(usual: readonly OciMount[], added: readonly OciMount[]): OciMount[] {
  const replaced = new Set(added.map(({ destination }) => destination.replace(/(?<=.)\/+$/, "")));
  return [...usual.filter(({ destination }) => !replaced.has(destination)), ...added];
}
