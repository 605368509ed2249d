// SPDX-License-Identifier: MIT
import { z } from "zod";

// Every key has a description: the reference page of the config is made from this schema.

const path = z.string().regex(/^\/[^\0]*$/, "an absolute path");

const seconds = z.number().min(0.1, "at least 0.1 seconds").max(86_400, "at most a day");

const socket = z.strictObject({
  path: path.optional().meta({
    description: "Where clients connect. Default: `<state>/berth.sock`.",
  }),
  mode: z.string().regex(/^0?[0-7]{3}$/, 'octal permissions as a string, such as "0660"')
    .default("0600").meta({
      description: "Permissions of the socket. Whoever may write to it is as good as root.",
    }),
  gid: z.int().min(0, "a group id").max(0xffff_fffe, "a group id").optional().meta({
    description:
      "Numeric group that the socket is given to; it has to reach `path`, for `state` is closed to all but root. Default: the daemon's own.",
  }),
});

const log = z.strictObject({
  level: z.enum(["trace", "debug", "info", "warning", "error", "fatal"]).default("info").meta({
    description: "The least severe messages to log; debug shows each call of the OCI runtime.",
  }),
  format: z.enum(["text", "json"]).default("text").meta({
    description: "How messages are written to stderr: text for people, json one object a line.",
  }),
});

const runtime = z.strictObject({
  runtime: z.string().min(1, "a name in PATH, or a path").default("runc").meta({
    description:
      "The OCI runtime, as a name in PATH or a path, of containers that ask for no other.",
  }),
  no_shim: z.boolean().default(false).meta({
    description:
      "Serve containers inside the daemon, without shim processes. Exits while no daemon runs go unseen.",
  }),
  direct_start: z.boolean().default(true).meta({
    description:
      "Start a container of runc by opening the FIFO its process waits at, as runc start does, instead of running runc start. Other runtimes, and scripts around runc, are always run.",
  }),
  timeout: seconds.default(120).meta({
    description: "Seconds after which a call that runs the OCI runtime is given up.",
  }),
});

const shim = z.strictObject({
  warm: z.int().min(0, "at least 0").max(64, "at most 64").default(1).meta({
    description: "How many started shims wait for a container, so that create is faster.",
  }),
  keep: z.int().min(0, "at least 0").max(1024, "at most 1024").default(8).meta({
    description: "How many shims whose container was deleted are kept for another, at most.",
  }),
  timeout: seconds.default(10).meta({
    description: "Seconds after which a shim that does not answer counts as wedged.",
  }),
  on_death: z.enum(["kill", "adopt"]).default("kill").meta({
    description:
      "What happens to the container of a shim that died: kill it, or adopt: a new shim takes it over.",
  }),
  oom_score_adj: z.int().min(-1000, "at least -1000").max(1000, "at most 1000").default(-998).meta({
    description:
      "The shims' oom_score_adj: when memory runs out they should go after their containers.",
  }),
  cgroup: path.optional().meta({
    description:
      "Cgroup that shims are moved to, as a path below each cgroup mount. Default: the daemon's.",
  }),
});

const metrics = z.strictObject({
  address: z.string().regex(
    /^(unix:\/.+|(127\.\d+\.\d+\.\d+|localhost|\[::1\]):\d{1,5})$/,
    "unix:/path, or a loopback address with port such as 127.0.0.1:9469",
  ).optional().meta({
    description: "Where Prometheus metrics are served, at /metrics. Default: nowhere.",
  }),
});

const events = z.strictObject({
  segment_bytes: z.int().min(4096, "at least 4096").max(2 ** 30, "at most 1073741824")
    .default(1024 * 1024).meta({
      description: "Size in bytes at which the event journal begins another file.",
    }),
  segments: z.int().min(2, "at least 2").max(10_000, "at most 10000").default(16).meta({
    description: "How many files of the event journal are kept; the oldest events go first.",
  }),
});

/** The config file (TOML), with the default of each key but `socket.path`, which hangs on `state`. */
export const configSchema = z.strictObject({
  state: path.default("/run/berth").meta({
    description:
      "Directory of sockets, bundles, the event journal and the OCI runtime's state; a tmpfs.",
  }),
  root: path.default("/var/lib/berth").meta({
    description: "Directory of what outlives a reboot: logs of detached containers, checkpoints.",
  }),
  socket: socket.prefault({}).meta({ description: "The socket for clients." }),
  log: log.prefault({}).meta({ description: "The daemon's own log." }),
  runtime: runtime.prefault({}).meta({ description: "The OCI runtime." }),
  shim: shim.prefault({}).meta({ description: "The processes that look after containers." }),
  metrics: metrics.prefault({}).meta({ description: "The Prometheus endpoint." }),
  events: events.prefault({}).meta({ description: "The journal of events." }),
});

/** What the file says, with defaults filled in. */
export type FileConfig = z.output<typeof configSchema>;
