// SPDX-License-Identifier: MIT
// The options of those calls of an OCI runtime that start a process, or write or read a checkpoint.
import type { RuntimeCallOptions } from "./runtime_call.ts";

/** The stdio that create, exec and restore give to the new process; /dev/null where left out. */
export interface ProcessStdio {
  /** fd of its stdin. */
  readonly stdin?: number | undefined;
  /** fd of its stdout. */
  readonly stdout?: number | undefined;
  /** fd of its stderr. */
  readonly stderr?: number | undefined;
  /** Unix socket that is sent the master of its terminal, if it has one. */
  readonly consoleSocket?: string | undefined;
}

/** Options of `OciRuntime.create`. */
export interface OciCreateOptions extends RuntimeCallOptions, ProcessStdio {
  readonly id: string;
  /** Directory with `config.json`; the log is its `log.json` unless another is given. */
  readonly bundle: string;
  /** File that init's pid is written to. */
  readonly pidFile: string;
  /** No pivot_root(2), for a rootfs on a ramdisk. */
  readonly noPivot?: boolean;
  /** Whether the spec's cgroupsPath is one for systemd, which then makes the cgroup. */
  readonly systemdCgroup?: boolean;
  /** Whether its processes share this process's session keyring. */
  readonly noNewKeyring?: boolean;
}

/** Options of `OciRuntime.exec`. */
export interface OciExecOptions extends RuntimeCallOptions, ProcessStdio {
  readonly id: string;
  /** File with the OCI process as JSON. */
  readonly processFile: string;
  /** File that the process's pid is written to. */
  readonly pidFile: string;
  /** OOM score of the process, which not every runtime takes from `processFile`. Default: 0. */
  readonly oomScoreAdj?: number | undefined;
  /** The fds that the runtime has as fds 3, 4, …; the process does not have them. */
  readonly fds?: readonly number[] | undefined;
}

/** Options of `OciRuntime.checkpoint`. */
export interface OciCheckpointOptions extends RuntimeCallOptions {
  readonly id: string;
  /** Directory for CRIU's images; its log goes there too unless `workPath` is given. */
  readonly imagePath: string;
  readonly workPath?: string | undefined;
  /** Whether the container goes on running. Default: false. */
  readonly leaveRunning?: boolean;
  /** Further flags of `checkpoint`, as runc has them: `--tcp-established`, … */
  readonly flags?: readonly string[] | undefined;
  /** A config file of CRIU's beside that which the spec names. */
  readonly criuConfig?: string | undefined;
}

/** Options of `OciRuntime.restore`. */
export interface OciRestoreOptions extends OciCreateOptions {
  /** Directory with CRIU's images. */
  readonly imagePath: string;
  /** Directory for CRIU's log. Default: the bundle. */
  readonly workPath?: string | undefined;
  /** A config file of CRIU's beside that which the spec names. */
  readonly criuConfig?: string;
}
