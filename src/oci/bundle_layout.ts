// SPDX-License-Identifier: MIT
// The files of a bundle: their names, and the records in them.
import type { ProcessExit } from "./process_exit.ts";

/** Version of the layout of a bundle's own files; a bundle of another version is not touched. */
export const BUNDLE_FORMAT = 1;

/** Default time between the stop signal and SIGKILL, in seconds, as in docker. */
export const DEFAULT_STOP_TIMEOUT = 10;

/** The stdio of a process as given: FIFO path, `file:///path`, or `""` for nothing. */
export interface StdioPaths {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether the process gets a pty; stderr is then unused. */
  readonly terminal: boolean;
}

/** How the output of a container is logged: CRI records, the bytes as they are, or not at all. */
export type LogDriver = "cri" | "raw" | "none";

/** Where and how the output of a container is logged. */
export interface LogRecord {
  readonly driver: LogDriver;
  /** The current file; `""` where the driver is none. */
  readonly path: string;
  /** Size in bytes at which a file of CRI records is rotated. */
  readonly maxSize: number;
  /** How many files of CRI records are kept, the current one included. */
  readonly maxFile: number;
  /** Whether berth has chosen the path: its directory is then removed with the container. */
  readonly own: boolean;
}

/** A user and group of the host. */
export interface HostUser {
  readonly uid: number;
  readonly gid: number;
}

/** One mount that makes up a rootfs, as in `container.create`. */
export interface RootfsMountRecord {
  readonly type: string;
  readonly source: string;
  readonly target?: string | undefined;
  readonly options?: readonly string[] | undefined;
}

/** The content of `berth.json` in a bundle: everything a shim or a restarted daemon has to know. */
export interface BundleRecord {
  /** {@linkcode BUNDLE_FORMAT} of the berth that wrote it. */
  readonly format: number;
  readonly id: string;
  /** UUID of this create; tells a reused id apart. */
  readonly instance: string;
  /** Path or name of the OCI runtime. */
  readonly runtime: string;
  /** The runtime's `--root`. */
  readonly runtimeRoot: string;
  readonly stdio: StdioPaths;
  /** Set where the output is logged. */
  readonly log?: LogRecord | undefined;
  readonly rootfs: readonly RootfsMountRecord[];
  /** The host's user that is root in the container's user namespace; unset if it has none of its own. */
  readonly mappedRoot?: HostUser | undefined;
  /** To whom the FIFOs of its stdio are given; unset: to root of its user namespace, if it has one. */
  readonly stdioOwner?: HostUser | undefined;
  readonly noPivot: boolean;
  /** Whether its processes share the session keyring of the one that starts the runtime. */
  readonly noNewKeyring?: boolean | undefined;
  /** Whether the runtime is runc itself and start need not run it; see `exec_fifo.ts`. */
  readonly directStart?: boolean | undefined;
  /** Whether init's end leaves its other processes alive: it has no pid namespace of its own. */
  readonly sharedPidNamespace?: boolean | undefined;
  /** The containers whose namespaces this one is in, where its spec names their paths. */
  readonly sharedNamespaces?: readonly SharedNamespaceRecord[] | undefined;
  /** Whether systemd makes the container's cgroup; see `cgroups_path.ts`. */
  readonly systemdCgroup?: boolean | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** `network` of the create, as given. Set where CNI plugins make the container's network. */
  readonly network?: Readonly<Record<string, unknown>> | undefined;
  /** The absolute cgroup path of the spec: known before the runtime makes the cgroup. */
  readonly cgroupsPath?: string | undefined;
  readonly group?: string | undefined;
  /** The stop signal that the spec names. */
  readonly stopSignal?: string | undefined;
  /** Seconds between the stop signal and SIGKILL, -1: never. Default: {@linkcode DEFAULT_STOP_TIMEOUT}. */
  readonly stopTimeout?: number | undefined;
  /**
   * How long a call of the runtime may take by the config of the daemon that made the container, in
   * milliseconds: the bound of a delete, and of a start whose daemon has gone.
   */
  readonly runtimeTimeoutMs?: number | undefined;
  /** The instance that this one takes the place of. */
  readonly replaces?: string | undefined;
  /** Number of restarts by the daemon since the container was last started by a call. */
  readonly restartCount?: number | undefined;
  /** How the run before this one ended. */
  readonly lastExit?: ProcessExit | undefined;
  /** Whether the daemon removes the container when it has exited. */
  readonly autoRemove?: boolean | undefined;
  /** The directories that are removed with it then. */
  readonly removeDirs?: readonly string[] | undefined;
  /** Checkpoint directory to restore from at start. */
  readonly checkpoint?: string | undefined;
  /** Directory for CRIU's log of a restore; the bundle where left out. */
  readonly criuWorkPath?: string | undefined;
  /** RFC 3339. */
  readonly createdAt: string;
}

/**
 * Whose namespace of a type (OCI runtime spec, "Namespaces") a container is in: another container's, or
 * that of a process, which its start time tells from a later one of its pid.
 */
export type SharedNamespaceRecord =
  | { readonly type: string; readonly container: string }
  | { readonly type: string; readonly pid: number; readonly startTime: number };

/** The content of `shim.json`: the process that serves the bundle, by its pid and start time. */
export interface ShimRecord {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat (proc_pid_stat(5)), clock ticks after boot. */
  readonly startTime: number;
  readonly protocol: number;
  readonly version: string;
}

/** The content of `exit.json`: how init ended. Written before the exit event is published. */
export interface ExitRecord extends ProcessExit {
  readonly instance: string;
  readonly pid: number;
}

/** Name of the file in a bundle that tells CRIU what runc has no options for. */
export const CRIU_CONFIG = "berth-criu.conf";

/** The files of one bundle directory (design: `<state>/linux/<id>/`). */
export interface BundlePaths {
  readonly dir: string;
  readonly config: string;
  readonly rootfs: string;
  readonly record: string;
  readonly shimSocket: string;
  readonly shimRecord: string;
  readonly initPid: string;
  readonly log: string;
  readonly exitRecord: string;
  readonly shimLog: string;
  /** The config file of CRIU's that the spec names. */
  readonly criuConfig: string;
  /** The file with the settings of CRIU for which runtimes have no options. */
  readonly criuExtra: string;
  /** There once a removal that a client has asked for goes on after the call has failed. */
  readonly removal: string;
}

/** Names the files of the bundle in `dir`. */
export function bundlePaths(dir: string): BundlePaths {
  return {
    dir,
    config: `${dir}/config.json`,
    rootfs: `${dir}/rootfs`,
    record: `${dir}/berth.json`,
    shimSocket: `${dir}/shim.sock`,
    shimRecord: `${dir}/shim.json`,
    initPid: `${dir}/init.pid`,
    log: `${dir}/log.json`,
    exitRecord: `${dir}/exit.json`,
    shimLog: `${dir}/shim.log`,
    criuConfig: `${dir}/${CRIU_CONFIG}`,
    criuExtra: `${dir}/berth-criu-extra.conf`,
    removal: `${dir}/removal`,
  };
}

/** Begins an output target that is a file to append to; one without it is a FIFO. */
export const FILE_PREFIX = "file://";

/** Returns the file that an output target names, or undefined where it names none. */
export function filePath(target: string): string | undefined {
  return target.startsWith(FILE_PREFIX) ? target.slice(FILE_PREFIX.length) : undefined;
}
