// SPDX-License-Identifier: MIT

// Made by `deno task docs` from the contract in src/rpc: do not edit.

/** The status of a container. */
export type ContainerStatus = "created" | "running" | "paused" | "stopped";

/** The status of an exec process. */
export type ExecStatus = "created" | "running" | "stopped";

/** How the daemon stands with a container's shim. */
export type ShimStatus = "connected" | "connecting" | "unavailable" | "gone" | "none";

/** An exec process in a container's state. */
export interface ExecState {
  /** Exec id. */
  readonly execId: string;
  /** Its pid, as the host sees it. */
  readonly pid: number;
  /** The status of an exec process. */
  readonly status: ExecStatus;
  /** Exit code, or 128 + signal; once it has exited. */
  readonly exitStatus?: number | undefined;
  /** RFC 3339, UTC, milliseconds. */
  readonly exitedAt?: string | undefined;
}

/** The whole state of a container. */
export interface ContainerState {
  /** Container id. */
  readonly id: string;
  /** Unique per create, so that a reused id is told apart. */
  readonly instance: string;
  /** The status of a container. */
  readonly status: ContainerStatus;
  /** Init's pid; 0 before a restore has started. */
  readonly pid: number;
  /** The bundle directory. */
  readonly bundle: string;
  /** The OCI runtime, as given or configured. */
  readonly runtime: string;
  /** Whether the process has a pty. */
  readonly terminal: boolean;
  /** As given to create. */
  readonly stdin: string;
  /** As given to create. */
  readonly stdout: string;
  /** As given to create. */
  readonly stderr: string;
  /** As given to create. */
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339, UTC, milliseconds. */
  readonly createdAt: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly startedAt?: string | undefined;
  /** Exit code, or 128 + signal; once stopped. */
  readonly exitStatus?: number | undefined;
  /** RFC 3339, UTC, milliseconds. */
  readonly exitedAt?: string | undefined;
  /** The process has ended and nobody saw how; exitStatus is then a guess (137). */
  readonly exitStatusUnknown?: boolean | undefined;
  /** The OOM killer has killed a process of it. */
  readonly oomKilled?: boolean | undefined;
  /** Shim group. */
  readonly group?: string | undefined;
  /** The shim's pid; the daemon's own with no_shim. */
  readonly shimPid: number;
  /** connected; connecting; unavailable: does not answer; gone: died, being cleaned up; none: no_shim. */
  readonly shim: ShimStatus;
  /** Its exec processes that were not deleted. */
  readonly processes: readonly ExecState[];
}

/** How a process ended. */
export interface ExitResult {
  /** Exit code, or 128 + signal. */
  readonly exitStatus: number;
  /** RFC 3339, UTC, milliseconds. */
  readonly exitedAt: string;
}

/** Answer of a delete: how the process had ended. */
export interface DeleteResult {
  /** Exit code, or 128 + signal. */
  readonly exitStatus: number;
  /** RFC 3339, UTC, milliseconds. */
  readonly exitedAt: string;
  /** Pid that the process had. */
  readonly pid: number;
}

/** One mount that makes up the rootfs. */
export interface RootfsMount {
  /** Filesystem type, or bind. */
  readonly type: string;
  /** Device, directory or name, as in mount(8). */
  readonly source: string;
  /** Where, relative to the rootfs; left out: the rootfs itself. */
  readonly target?: string | undefined;
  /** As in mount(8) -o. */
  readonly options?: readonly string[] | undefined;
}

/** An OCI process, whole or in part: what it leaves out comes from the container's spec. */
export interface OciProcess {
  /** The program and its arguments. */
  readonly args: readonly string[];

  /** Whatever else the OCI spec has there. */
  readonly [key: string]: unknown;
}

/** The type of an event. */
export type EventType =
  | "create"
  | "start"
  | "exec-added"
  | "exec-started"
  | "exit"
  | "oom"
  | "paused"
  | "resumed"
  | "checkpointed"
  | "delete";

/** Which figures an `oom` event carries. */
export interface OomDetails {
  /** The cgroup whose limit was hit. */
  readonly cgroup: string;
  /** Bytes. */
  readonly limit?: number | undefined;
  /** Bytes. */
  readonly usage?: number | undefined;
  /** OOM kills in this container so far. */
  readonly kills: number;
}

/** One event as subscribers get it. */
export interface Event {
  /** Grows by one per event, across daemon restarts. */
  readonly seq: number;
  /** RFC 3339, UTC, milliseconds. */
  readonly timestamp: string;
  /** Always linux. */
  readonly runtime: "linux";
  /** The type of an event. */
  readonly type: EventType;
  /** Container id. */
  readonly id: string;
  /** The container's instance, as in its state. */
  readonly instance: string;
  /** Pid of the process that it is about. */
  readonly pid: number;
  /** Absent: it is about the init process. */
  readonly execId?: string | undefined;
  /** Exit code, or 128 + signal. */
  readonly exitStatus?: number | undefined;
  /** RFC 3339, UTC, milliseconds. */
  readonly exitedAt?: string | undefined;
  /** The shim was gone: the daemon says this exit for it. */
  readonly synthetic?: boolean | undefined;
  /** Of an oom event. */
  readonly oom?: OomDetails | undefined;
  /** Where a checkpoint was written. */
  readonly path?: string | undefined;
}

/** The cgroup figures of a container. What the kernel does not offer is absent, never zero. */
export interface Stats {
  /** When it was read: RFC 3339, UTC, milliseconds. */
  readonly timestamp: string;
  /** CPU time. */
  readonly cpu?: {
    /** CPU time used, microseconds. */
    readonly usageUsec: number;
    /** Of it in user mode, microseconds. */
    readonly userUsec?: number | undefined;
    /** Of it in the kernel, microseconds. */
    readonly systemUsec?: number | undefined;
    /** Enforcement periods elapsed. */
    readonly periods?: number | undefined;
    /** Periods in which the limit was hit. */
    readonly throttledPeriods?: number | undefined;
    /** Time throttled, microseconds. */
    readonly throttledUsec?: number | undefined;
  } | undefined;
  /** Memory. */
  readonly memory?: {
    /** Memory charged, page cache included. */
    readonly usageBytes: number;
    /** Absent: no limit. */
    readonly limitBytes?: number | undefined;
    /** Usage less inactive file pages. */
    readonly workingSetBytes: number;
    /** Anonymous memory. */
    readonly anonBytes?: number | undefined;
    /** Page cache, shared memory included. */
    readonly fileBytes?: number | undefined;
    /** Swap in use. */
    readonly swapBytes?: number | undefined;
    /** Processes that the OOM killer has killed. */
    readonly oomKills?: number | undefined;
  } | undefined;
  /** Number of tasks. */
  readonly pids?: {
    /** Tasks: processes and their threads. */
    readonly current: number;
    /** Absent: no limit. */
    readonly limit?: number | undefined;
  } | undefined;
  /** Block devices. */
  readonly io?: {
    /** Bytes read from block devices. */
    readonly readBytes: number;
    /** Bytes written to block devices. */
    readonly writeBytes: number;
    /** Reads from block devices. */
    readonly reads: number;
    /** Writes to block devices. */
    readonly writes: number;
    /** The same, device by device. */
    readonly devices: readonly {
      /** Major number of the device. */
      readonly major: number;
      /** Minor number of the device. */
      readonly minor: number;
      /** Bytes read from it. */
      readonly readBytes: number;
      /** Bytes written to it. */
      readonly writeBytes: number;
      /** Reads from it. */
      readonly reads: number;
      /** Writes to it. */
      readonly writes: number;
    }[];
  } | undefined;
}

/** The params of the notification `events.event`. */
export interface EventNotification {
  /** From events.subscribe. */
  readonly subscription: string;
  /** What happened. */
  readonly event: Event;
  /** Events before this one are no longer kept: the subscriber was too slow. */
  readonly gap?: boolean | undefined;
}

/** Every method of the daemon, by name: its params and its result. */
export interface DaemonMethods {
  /** Says which daemon this is and how it is set up. */
  readonly "daemon.info": {
    /** What is passed, by name. */
    readonly params: Readonly<Record<string, never>>;
    /** What is answered. */
    readonly result: {
      /** Always berth. */
      readonly name: "berth";
      /** berth's version. */
      readonly version: string;
      /** Version of the protocol to its shims. */
      readonly protocol: number;
      /** The daemon's pid. */
      readonly pid: number;
      /** Unique per daemon start. */
      readonly instance: string;
      /** The state directory. */
      readonly state: string;
      /** The directory of what outlives a reboot. */
      readonly root: string;
      /** The default OCI runtime. */
      readonly runtime: {
        /** As configured: a name in PATH, or a path. */
        readonly path: string;
        /** What it says of itself. */
        readonly version: string;
      };
      /** RFC 3339, UTC, milliseconds. */
      readonly startedAt: string;
      /** How many there are. */
      readonly containers: number;
    };
  };
  /** Makes a bundle and its shim, and creates the container; its process does not run yet. */
  readonly "container.create": {
    /** What is passed, by name. */
    readonly params: {
      /** Container id. */
      readonly id: string;
      /** OCI runtime spec. */
      readonly spec: Readonly<Record<string, unknown>>;
      /** Mounted in this order on the bundle's rootfs. */
      readonly rootfs?: readonly RootfsMount[] | undefined;
      /** FIFO path, or "" for EOF at once. */
      readonly stdin?: string | undefined;
      /** FIFO path, file:///path (output only), or "" for nothing. */
      readonly stdout?: string | undefined;
      /** FIFO path, file:///path (output only), or "" for nothing. */
      readonly stderr?: string | undefined;
      /** Give the process a pty. */
      readonly terminal?: boolean | undefined;
      /** Name in PATH, or a path. */
      readonly runtime?: string | undefined;
      /** No pivot_root, for a ramdisk root. */
      readonly noPivot?: boolean | undefined;
      /** Free-form labels. */
      readonly labels?: Readonly<Record<string, string>> | undefined;
      /** Containers of one group share a shim process. */
      readonly group?: string | undefined;
      /** Restore from this checkpoint at start. */
      readonly checkpoint?: string | undefined;
    };
    /** What is answered. */
    readonly result: {
      /** Container id. */
      readonly id: string;
      /** Init's pid; 0 for a restore. */
      readonly pid: number;
      /** The bundle directory. */
      readonly bundle: string;
    };
  };
  /** Starts the process of a created container. */
  readonly "container.start": {
    /** What is passed, by name. */
    readonly params: {
      /** Container id. */
      readonly id: string;
    };
    /** What is answered. */
    readonly result: {
      /** Init's pid. */
      readonly pid: number;
    };
  };
  /** Tells everything about one container. */
  readonly "container.state": {
    /** What is passed, by name. */
    readonly params: {
      /** Container id. */
      readonly id: string;
    };
    /** What is answered. */
    readonly result: ContainerState;
  };
  /** Tells the state of every container. */
  readonly "container.list": {
    /** What is passed, by name. */
    readonly params: Readonly<Record<string, never>>;
    /** What is answered. */
    readonly result: {
      /** In no given order. */
      readonly containers: readonly ContainerState[];
    };
  };
  /** Answers when the process has exited; at once if it already has. */
  readonly "container.wait": {
    /** What is passed, by name. */
    readonly params: {
      /** Container id. */
      readonly id: string;
      /** Exec id; left out: the init process. */
      readonly execId?: string | undefined;
    };
    /** What is answered. */
    readonly result: ExitResult;
  };
  /** Sends a signal to a process, or with all to every process in the container. */
  readonly "container.kill": {
    /** What is passed, by name. */
    readonly params: {
      /** Container id. */
      readonly id: string;
      /** Exec id; left out: the init process. */
      readonly execId?: string | undefined;
      /** Signal number, or name with or without SIG. */
      readonly signal: number | string;
      /** Signal every process in the container. */
      readonly all?: boolean | undefined;
    };
    /** What is answered. */
    readonly result: Readonly<Record<string, never>>;
  };
  /** Freezes every process of the container. */
  readonly "container.pause": {
    /** What is passed, by name. */
    readonly params: {
      /** Container id. */
      readonly id: string;
    };
    /** What is answered. */
    readonly result: Readonly<Record<string, never>>;
  };
  /** Thaws a paused container. */
  readonly "container.resume": {
    /** What is passed, by name. */
    readonly params: {
      /** Container id. */
      readonly id: string;
    };
    /** What is answered. */
    readonly result: Readonly<Record<string, never>>;
  };
  /** Runs another process in a running container. */
  readonly "container.exec": {
    /** What is passed, by name. */
    readonly params: {
      /** Container id. */
      readonly id: string;
      /** Left out: one is made up. */
      readonly execId?: string | undefined;
      /** OCI process; what it leaves out comes from the container's spec. */
      readonly process: OciProcess;
      /** FIFO path, or "" for EOF at once. */
      readonly stdin?: string | undefined;
      /** FIFO path, file:///path (output only), or "" for nothing. */
      readonly stdout?: string | undefined;
      /** FIFO path, file:///path (output only), or "" for nothing. */
      readonly stderr?: string | undefined;
      /** Give the process a pty. */
      readonly terminal?: boolean | undefined;
    };
    /** What is answered. */
    readonly result: {
      /** Exec id, given or made up. */
      readonly execId: string;
      /** Its pid, as the host sees it. */
      readonly pid: number;
    };
  };
  /** Forgets an exec process that has exited. */
  readonly "container.deleteProcess": {
    /** What is passed, by name. */
    readonly params: {
      /** Container id. */
      readonly id: string;
      /** Exec id. */
      readonly execId: string;
    };
    /** What is answered. */
    readonly result: DeleteResult;
  };
  /** Sets the size of a process's terminal, in characters. */
  readonly "container.resizePty": {
    /** What is passed, by name. */
    readonly params: {
      /** Container id. */
      readonly id: string;
      /** Exec id; left out: the init process. */
      readonly execId?: string | undefined;
      /** Columns. */
      readonly width: number;
      /** Rows. */
      readonly height: number;
    };
    /** What is answered. */
    readonly result: Readonly<Record<string, never>>;
  };
  /** Closes berth's end of a process's stdin: it gets EOF once other writers are gone. */
  readonly "container.closeStdin": {
    /** What is passed, by name. */
    readonly params: {
      /** Container id. */
      readonly id: string;
      /** Exec id; left out: the init process. */
      readonly execId?: string | undefined;
    };
    /** What is answered. */
    readonly result: Readonly<Record<string, never>>;
  };
  /** Lists every process in the container's cgroup. */
  readonly "container.pids": {
    /** What is passed, by name. */
    readonly params: {
      /** Container id. */
      readonly id: string;
    };
    /** What is answered. */
    readonly result: {
      /** Every process in the cgroup. */
      readonly processes: readonly {
        /** As the host sees it. */
        readonly pid: number;
        /** Set for an exec's first process. */
        readonly execId?: string | undefined;
      }[];
    };
  };
  /** Reads the container's cgroup figures. */
  readonly "container.stats": {
    /** What is passed, by name. */
    readonly params: {
      /** Container id. */
      readonly id: string;
    };
    /** What is answered. */
    readonly result: Stats;
  };
  /** Changes the container's resource limits (OCI linux.resources). */
  readonly "container.update": {
    /** What is passed, by name. */
    readonly params: {
      /** Container id. */
      readonly id: string;
      /** OCI linux.resources; what is left out stays. */
      readonly resources: Readonly<Record<string, unknown>>;
    };
    /** What is answered. */
    readonly result: Readonly<Record<string, never>>;
  };
  /** Writes the container's state to a directory through CRIU. */
  readonly "container.checkpoint": {
    /** What is passed, by name. */
    readonly params: {
      /** Container id. */
      readonly id: string;
      /** Directory to write to. */
      readonly path: string;
      /** Stop the container afterwards. */
      readonly exit?: boolean | undefined;
    };
    /** What is answered. */
    readonly result: Readonly<Record<string, never>>;
  };
  /** Removes a stopped or created container; with force also a running one. */
  readonly "container.delete": {
    /** What is passed, by name. */
    readonly params: {
      /** Container id. */
      readonly id: string;
      /** Also a running one: kill it first. */
      readonly force?: boolean | undefined;
      /** Only the container of this instance, not another one that has its id by now. */
      readonly instance?: string | undefined;
    };
    /** What is answered. */
    readonly result: DeleteResult;
  };
  /** Sends events.event notifications on this connection, from after the given seq on. */
  readonly "events.subscribe": {
    /** What is passed, by name. */
    readonly params: {
      /** Left out: only what is to come. */
      readonly after?: number | undefined;
      /** Only of these containers. */
      readonly ids?: readonly string[] | undefined;
      /** Only of these types. */
      readonly types?: readonly EventType[] | undefined;
    };
    /** What is answered. */
    readonly result: {
      /** Names it in notifications and to end it. */
      readonly subscription: string;
      /** Lowest seq still kept; 0 if none. */
      readonly oldest: number;
      /** Highest seq so far; 0 if none. */
      readonly latest: number;
      /** Events after `after` are no longer kept; or `after` is beyond `latest`, and all that are kept are sent. */
      readonly gap: boolean;
    };
  };
  /** Ends a subscription of this connection. */
  readonly "events.unsubscribe": {
    /** What is passed, by name. */
    readonly params: {
      /** From events.subscribe. */
      readonly subscription: string;
    };
    /** What is answered. */
    readonly result: Readonly<Record<string, never>>;
  };
}
