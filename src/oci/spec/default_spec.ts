// SPDX-License-Identifier: MIT
import { exists } from "../../linux/fs/exists.ts";
import { cleanPath } from "../../linux/fs/path_names.ts";
import { MS_SHARED, MS_SLAVE, parseMountOptions } from "../../linux/mount/options.ts";
import { DEFAULT_PATH } from "../../linux/process/environment.ts";
import { fileLimit } from "../../linux/process/file_limit.ts";
import { DEFAULT_MOUNTS, DEVICE_RULES } from "./default_isolation.ts";
import { type OciResources, withDefaultSwap } from "./default_swap.ts";
import { STOP_SIGNAL_ANNOTATION } from "./facts.ts";
import { hostDevices } from "./host_devices.ts";
import { INIT_PATH, initMount } from "./init_program.ts";
import { mergeEnv } from "./process_spec.ts";
import { type OciUser, resolveGroups, resolveUser } from "./passwd.ts";
import type { UserNamespace } from "../user_namespace/id_mapping.ts";
import { resolveSecurity, type Security, type SecurityOptions } from "./security.ts";
import type { CheckedOciSpec } from "./spec.ts";

/** An OCI mount (runtime-spec, config.md, "Mounts"). */
export interface OciMount {
  readonly destination: string;
  readonly type?: string | undefined;
  readonly source?: string | undefined;
  readonly options?: readonly string[] | undefined;
}

/** A resource limit of a process (runtime-spec, config.md, "POSIX process"). */
export interface OciRlimit {
  /** Such as `RLIMIT_NOFILE`. */
  readonly type: string;
  /** Up to 2^64-1, which is no limit; a bigint where a number does not hold it. */
  readonly soft: number | bigint;
  readonly hard: number | bigint;
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
  /** The access that the device cgroup grants the container: some of `rwm`. */
  readonly access: string;
}

/** Namespaces that a container need not have of its own. */
export type SharedNamespace = "network" | "pid" | "ipc" | "uts";

/** A container's command, and the settings that its OCI spec is made from. */
export interface DefaultSpecOptions {
  /** The container's id. */
  readonly id: string;
  /** The directory that is or will be the root; user names are looked up in it. */
  readonly rootfs: string;
  /** The command and its arguments. */
  readonly args: readonly string[];
  /** `NAME=value`, added to PATH, HOSTNAME and, with a terminal, TERM. */
  readonly env?: readonly string[] | undefined;
  /** Default: `/`. */
  readonly cwd?: string | undefined;
  /** `user[:group]`, names or numbers. Default: root. */
  readonly user?: string | undefined;
  /** Mounts beside the usual ones; one on the same place as a usual one replaces it. */
  readonly mounts?: readonly OciMount[] | undefined;
  /**
   * OCI `linux.resources`: limits of memory, CPU, pids, … Default: none. With a limit of memory alone
   * there is one of swap, too.
   */
  readonly resources?: OciResources | undefined;
  /** Mounts the root read-only. */
  readonly readOnly?: boolean | undefined;
  /** Default: the id, cut to what a host name may be long; none where the UTS namespace is shared. */
  readonly hostname?: string | undefined;
  /**
   * Namespaces to share: `host` for the host's, or the path of one, such as `/proc/42/ns/net`. Each
   * of the others is the container's own; its own network has loopback alone.
   */
  readonly namespaces?: { readonly [Type in SharedNamespace]?: string | undefined } | undefined;
  /** Further groups of the process, names or numbers; names are those of the rootfs. */
  readonly groups?: readonly string[] | undefined;
  /** Whether catatonit or tini, from PATH, is the first process: it reaps and forwards signals. */
  readonly init?: boolean | undefined;
  /** The signal that asks the process to end, as an annotation. Default: none, which is SIGTERM. */
  readonly stopSignal?: string | undefined;
  /** A user namespace of its own. Default: the host's. */
  readonly userNamespace?: UserNamespace | undefined;
  /** Whether the runtime makes its network namespace, not berth before. Default: true. */
  readonly ownNetwork?: boolean | undefined;
  /** Resource limits besides the default one of open files, which they may replace. */
  readonly rlimits?: readonly OciRlimit[] | undefined;
  /** The default limit of open files. Default: {@linkcode defaultOpenFiles} of this process. */
  readonly openFiles?: number | undefined;
  /** Kernel parameters of the container's namespaces, such as `net.core.somaxconn`. */
  readonly sysctl?: Readonly<Record<string, string>> | undefined;
  /** Devices besides the usual ones. */
  readonly devices?: readonly OciDevice[] | undefined;
  /** Annotations, which the runtime and hooks see. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Whether the process gets a terminal. */
  readonly terminal?: boolean | undefined;
  /** Changes of docker's default restrictions. */
  readonly security?: SecurityOptions | undefined;
  /** The root filesystem is a mount of the container's own, as an overlay is. */
  readonly ownRoot?: boolean;
  /** Default: none, so that the daemon chooses. */
  readonly cgroupsPath?: string | undefined;
}

/** The longest host name that the kernel takes, __NEW_UTS_LEN of include/uapi/linux/utsname.h. */
const MAX_HOSTNAME = 64;

/** The effect of LimitNOFILE=infinity in dockerd's unit (fs.nr_open of the kernel). */
const MAX_OPEN_FILES = 1_048_576;

/**
 * Returns the OCI spec of a container that asks for nothing special: isolated as docker's default
 * is, and with noNewPrivileges. It is the spec of `berth run` and of `spec.default`.
 *
 * @throws {InvalidParamsError} if the user is not known in the rootfs, or a security option is none.
 * @throws {FailedPreconditionError} if there is no init program.
 */
export function defaultSpec(options: DefaultSpecOptions): CheckedOciSpec {
  const { id, rootfs, terminal = false, namespaces = {}, devices = [], init = false } = options;
  const security = resolveSecurity(options.security);
  const { capabilities } = security;
  const ownName = namespaces.uts === undefined;
  const hostname = ownName ? options.hostname ?? id.slice(0, MAX_HOSTNAME) : Deno.hostname();
  const resources = withDefaultSwap(options.resources ?? {});
  const groups = resolveGroups(rootfs, options.groups ?? []);
  const mounts = [...options.mounts ?? [], ...init ? [initMount()] : []];
  const annotations = {
    ...options.annotations,
    ...(options.stopSignal !== undefined && { [STOP_SIGNAL_ANNOTATION]: options.stopSignal }),
  };
  const nodes = [
    ...(security.privileged ? hostDevices() : []),
    ...devices.map(({ access: _, ...node }) => node),
  ];
  const deviceRules: readonly unknown[] = Array.isArray(resources["devices"])
    ? resources["devices"]
    : [];
  return {
    ociVersion: "1.0.2",
    root: { path: rootfs, readonly: options.readOnly ?? false },
    ...(ownName && { hostname }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
    process: {
      terminal,
      user: userOf(rootfs, options.user, groups),
      args: init ? [INIT_PATH, "--", ...options.args] : [...options.args],
      env: mergeEnv(
        [`PATH=${DEFAULT_PATH}`, `HOSTNAME=${hostname}`, ...(terminal ? ["TERM=xterm"] : [])],
        options.env ?? [],
      ),
      cwd: options.cwd ?? "/",
      capabilities: {
        bounding: [...capabilities],
        effective: [...capabilities],
        permitted: [...capabilities],
        // Inheritable ones would come alive in any program with file capabilities (CVE-2022-24769).
        inheritable: [],
        ambient: [],
      },
      noNewPrivileges: security.noNewPrivileges,
      ...(security.apparmorProfile !== undefined && { apparmorProfile: security.apparmorProfile }),
      ...(security.selinuxLabel !== undefined && { selinuxLabel: security.selinuxLabel }),
      rlimits: rlimits(options).map((limit) => ({ ...limit })),
    },
    mounts: mergeMounts(usualMounts(security, boundSys(options)), mounts).map((mount) => ({
      ...mount,
      options: [...mount.options ?? []],
    })),
    linux: {
      ...(options.cgroupsPath !== undefined && { cgroupsPath: options.cgroupsPath }),
      ...rootPropagation(mounts, options.ownRoot ?? false),
      namespaces: [
        ...(["pid", "ipc", "uts"] as const).flatMap((type) => namespace(type, namespaces[type])),
        { type: "mount" },
        ...(hasCgroupNamespaces() ? [{ type: "cgroup" }] : []),
        ...namespace("network", namespaces.network),
        ...(options.userNamespace ? [{ type: "user" }] : []),
      ],
      ...(options.userNamespace && {
        uidMappings: [...options.userNamespace.uidMappings],
        gidMappings: [...options.userNamespace.gidMappings],
      }),
      ...(options.sysctl && { sysctl: { ...options.sysctl } }),
      ...(nodes.length > 0 && { devices: nodes }),
      ...(security.seccomp !== undefined && { seccomp: security.seccomp }),
      resources: {
        ...resources,
        devices: [
          ...(security.privileged ? [{ allow: true, access: "rwm" }] : DEVICE_RULES),
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
      maskedPaths: [...security.maskedPaths],
      readonlyPaths: [...security.readonlyPaths],
    },
  };
}

/**
 * Returns whether the kernel has cgroup namespaces (cgroup_namespaces(7)). In one of its own a
 * container sees its own part of the tree only, and mounting that leaves the options of the host's
 * mount alone.
 */
function hasCgroupNamespaces(): boolean {
  return exists("/proc/self/ns/cgroup");
}

/**
 * Returns whether /sys has to be the host's: root of a user namespace mounts one for a network of
 * its own only.
 */
function boundSys({ userNamespace, ownNetwork = true }: DefaultSpecOptions): boolean {
  return userNamespace !== undefined && !ownNetwork;
}

/** The host's /sys, read-only. */
const BOUND_SYS: OciMount = {
  destination: "/sys",
  type: "none",
  source: "/sys",
  options: ["rbind", "rprivate", "nosuid", "noexec", "nodev", "ro"],
};

/** Returns the mounts of every container; a privileged one may write to /sys. */
function usualMounts({ privileged }: Security, bindSys: boolean): readonly OciMount[] {
  if (bindSys) {
    return DEFAULT_MOUNTS.map((mount) => mount.destination === "/sys" ? BOUND_SYS : mount);
  }
  if (!privileged) return DEFAULT_MOUNTS;
  return DEFAULT_MOUNTS.map((mount) => ({
    ...mount,
    options: mount.options.filter((option) => option !== "ro"),
  }));
}

/**
 * Returns how the root has to propagate for the mounts that propagate, as docker has it: before a
 * runtime binds a mount, it makes all of the host's slaves (runc) or private (crun) in the container.
 * One that leaves them shared makes the mount private that the root is on, which may be the source's.
 */
function rootPropagation(
  mounts: readonly OciMount[],
  ownRoot: boolean,
): { rootfsPropagation?: "shared" | "rslave" } {
  const asking = (flag: number) =>
    mounts.filter(({ options = [] }) =>
      parseMountOptions(options).propagation.some((one) => (one & flag) !== 0)
    ).map(({ destination }) => `${cleanPath(destination)}/`);
  const shared = asking(MS_SHARED);
  if (shared.length === 0) {
    return asking(MS_SLAVE).length > 0 ? { rootfsPropagation: "rslave" } : {};
  }
  if (!ownRoot) return {};
  // What is mounted below a shared mount would be mounted on the host, too, and stay there.
  const isNested = mounts.some(({ destination }) =>
    shared.some((path) => cleanPath(destination).startsWith(path))
  );
  return { rootfsPropagation: isNested ? "rslave" : "shared" };
}

function namespace(type: SharedNamespace, shared: string | undefined) {
  if (shared === "host") return [];
  return [{ type, ...(shared !== undefined && { path: shared }) }];
}

function rlimits({ rlimits = [], openFiles }: DefaultSpecOptions): OciRlimit[] {
  if (rlimits.some(({ type }) => type === "RLIMIT_NOFILE")) return [...rlimits];
  const hard = openFiles ?? defaultOpenFiles();
  return [{ type: "RLIMIT_NOFILE", soft: hard, hard }, ...rlimits];
}

/**
 * Returns the limit of open files that docker's containers have, soft and hard, but none above this
 * process's own hard one: where it is lower, the runtime may lack the right to raise it
 * (CAP_SYS_RESOURCE).
 */
export function defaultOpenFiles(): number {
  return Math.min(MAX_OPEN_FILES, Number(fileLimit().hard));
}

function userOf(rootfs: string, text: string | undefined, groups: readonly number[]) {
  const root: OciUser = { uid: 0, gid: 0 };
  const { uid, gid, additionalGids = [] } = text === undefined ? root : resolveUser(rootfs, text);
  const all = [...new Set([...additionalGids, ...groups])];
  return { uid, gid, ...(all.length > 0 && { additionalGids: all }) };
}

/**
 * Returns the usual mounts less those that `added` replaces, then `added`: order is that of
 * mounting.
 */
function mergeMounts(usual: readonly OciMount[], added: readonly OciMount[]): OciMount[] {
  const replaced = new Set(added.map(({ destination }) => destination.replace(/(?<=.)\/+$/, "")));
  return [...usual.filter(({ destination }) => !replaced.has(destination)), ...added];
}
