// SPDX-License-Identifier: MIT
import * as z from "zod";
import { firstInTheWay, isSubnet, isUsable } from "./subnet.ts";

// Every key has a description: the reference page of the config is generated from this schema.

const path = z.string().regex(/^\/[^\0]*$/, "an absolute path");

const seconds = z.number().min(0.1, "at least 0.1 seconds").max(86_400, "at most a day");

const socket = z.strictObject({
  path: path.optional().describe("Path of the socket for clients. Default: `<state>/berth.sock`."),
  mode: z.string().regex(/^0?[0-7]{3}$/, 'octal permissions as a string, such as "0660"')
    .default("0600").describe(
      "Permissions of the socket. Write access to the socket is equivalent to root.",
    ),
  gid: z.int().min(0, "a group id").max(0xffff_fffe, "a group id").optional().describe(
    "Numeric group id of the socket. The group must be able to reach `path`; only root can access `state`. Default: the daemon's group.",
  ),
});

const log = z.strictObject({
  level: z.enum(["trace", "debug", "info", "warning", "error", "fatal"]).default("info").describe(
    "Lowest severity to log. `debug` includes each call of the OCI runtime.",
  ),
  format: z.enum(["text", "json"]).default("text").describe(
    "Format of the log on stderr: `text`, or `json` with one object per line.",
  ),
});

const logs = z.strictObject({
  driver: z.enum(["cri", "raw", "none"]).default("cri").describe(
    "Log driver of containers that name none: `cri`: records with time and stream, rotated; `raw`: the bytes unchanged, never rotated; `none`: no log.",
  ),
  max_size: z.int().min(65_536, "at least 65536").max(2 ** 40, "at most 1099511627776")
    .default(10 * 1024 * 1024).describe("Size in bytes at which a log of CRI records is rotated."),
  max_file: z.int().min(1, "at least 1").max(1000, "at most 1000").default(3).describe(
    "How many files of a log of CRI records are kept, the current one included.",
  ),
});

const runtime = z.strictObject({
  runtime: z.string().min(1, "a name in PATH, or a path").default("runc").describe(
    "Default OCI runtime: a name in PATH, or a path.",
  ),
  cgroup_driver: z.enum(["cgroupfs", "systemd"]).optional().describe(
    "What makes the cgroups of containers whose spec names none: `cgroupfs`, the OCI runtime, as `/berth-…/ID`; `systemd`, as scopes `berth-…-ID.scope` in `system.slice`, with a part that tells state directories apart, which needs systemd as the init system. Default: `systemd` where it is the init system and cgroups are v2, else `cgroupfs`.",
  ),
  no_shim: z.boolean().default(false).describe(
    "Serve containers inside the daemon, without shim processes. Exits that happen while no daemon is running are not observed.",
  ),
  direct_start: z.boolean().default(true).describe(
    "Start containers of runc by opening exec.fifo, as `runc start` does, instead of running `runc start`. Other runtimes and wrapper scripts are always run.",
  ),
  seccomp: z.string().regex(
    /^(default|unconfined|\/[^\0]*)$/,
    '"default", "unconfined", or the absolute path of a profile',
  ).default("default").describe(
    "Seccomp profile of containers that name none: `default`, docker's for the machine's own architecture; `unconfined`; or the path of a profile in docker's format or as `linux.seccomp` of the OCI spec, which is read at each `berth run`.",
  ),
  userns_remap: z.string().regex(/^[^:\s]+$/, "a user of /etc/subuid and /etc/subgid").optional()
    .describe(
      "User whose subordinate ids (`/etc/subuid`, `/etc/subgid`) make the user namespace of each container that names none, as docker's `userns-remap`. Default: the host's user namespace.",
    ),
  timeout: seconds.default(120).describe("Timeout for calls of the OCI runtime, in seconds."),
});

const shim = z.strictObject({
  warm: z.int().min(0, "at least 0").max(64, "at most 64").default(1).describe(
    "Number of idle shims kept ready, so that create is faster.",
  ),
  keep: z.int().min(0, "at least 0").max(1024, "at most 1024").default(8).describe(
    "Maximum number of shims kept for reuse after their container was deleted.",
  ),
  timeout: seconds.default(10).describe(
    "Timeout for the answers of a shim, in seconds. A shim that exceeds it is considered unresponsive. A shim that starts has at least 30 seconds.",
  ),
  on_death: z.enum(["kill", "adopt"]).default("kill").describe(
    "What to do with the container of a shim that died: `kill` it, or `adopt` it with a new shim.",
  ),
  oom_score_adj: z.int().min(-1000, "at least -1000").max(1000, "at most 1000").default(-998)
    .describe(
      "oom_score_adj of the shims. The default makes the OOM killer pick containers before shims.",
    ),
  cgroup: path.optional().describe(
    "Cgroup of the shims, as a path relative to each cgroup mount. Default: systemd's `berth-shims.scope` where the daemon is a service of systemd and cgroups are v2, else the daemon's cgroup.",
  ),
});

const network = z.strictObject({
  plugin_dirs: z.array(path).min(1, "at least one").max(32, "at most 32").default([
    "/opt/cni/bin",
    "/usr/lib/cni",
    "/usr/libexec/cni",
  ]).describe("Directories of the CNI plugins, in the order of search."),
  config_dir: path.default("/etc/cni/net.d").describe(
    "Directory of further networks: CNI network configuration files.",
  ),
  timeout: seconds.default(30).describe(
    "Timeout for one run of a CNI plugin, in seconds. A plugin that exceeds it is killed.",
  ),
  bridge: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/, "the name of an interface")
    .default("berth0").describe(
      "Interface of the network `bridge`. Two daemons on a host need two, and different `subnets`.",
    ),
  subnets: z.array(
    z.string()
      .refine(isSubnet, { error: "a subnet such as 10.87.0.0/16, without host bits", abort: true })
      .refine(isUsable, "a subnet of addresses that an interface can have"),
  ).min(1, "at least one").max(8, "at most 8").superRefine((subnets, context) => {
    const index = firstInTheWay(subnets);
    if (index === undefined) return;
    context.addIssue({
      code: "custom",
      path: [index],
      message: "one subnet of IPv4, and of IPv6 such that do not overlap",
      input: subnets[index],
    });
  }).default(["10.87.0.0/16"]).describe(
    "Subnets of the network `bridge`: at most one of IPv4; those of IPv6 must not overlap. With one of IPv6 the host forwards IPv6, and then takes no route from router advertisements unless `accept_ra` is 2.",
  ),
});

const metrics = z.strictObject({
  address: z.string().regex(
    /^(unix:\/.+|(127\.\d+\.\d+\.\d+|localhost|\[::1\]):\d{1,5})$/,
    "unix:/path, or a loopback address with port such as 127.0.0.1:9469",
  ).optional().describe("Address that serves Prometheus metrics at `/metrics`. Default: none."),
});

const events = z.strictObject({
  segment_bytes: z.int().min(4096, "at least 4096").max(2 ** 30, "at most 1073741824")
    .default(1024 * 1024).describe("Maximum size of a file of the event journal, in bytes."),
  segments: z.int().min(2, "at least 2").max(10_000, "at most 10000").default(16).describe(
    "Maximum number of files of the event journal. The oldest file is deleted first.",
  ),
});

/**
 * Schema of the config file, with the default of each key but `socket.path`, which depends on
 * `state`.
 */
export const configSchema = z.strictObject({
  state: path.default("/run/berth").describe(
    "Directory of sockets, bundles, the event journal and the OCI runtime's state. Should be a tmpfs.",
  ),
  root: path.default("/var/lib/berth").describe(
    "Directory of data that is kept across reboots: logs of detached containers, checkpoints.",
  ),
  socket: socket.prefault({}).describe("The socket for clients."),
  log: log.prefault({}).describe("The log of the daemon."),
  logs: logs.prefault({}).describe("The logs of containers."),
  runtime: runtime.prefault({}).describe("The OCI runtime."),
  shim: shim.prefault({}).describe("The shims, which supervise containers."),
  network: network.prefault({}).describe("Networks of containers, by CNI plugins."),
  metrics: metrics.prefault({}).describe("The Prometheus endpoint."),
  events: events.prefault({}).describe("The journal of events."),
});

/** Content of the config file, with defaults filled in. */
export type FileConfig = z.output<typeof configSchema>;
