// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import * as z from "zod";
import { exists } from "../../linux/fs/exists.ts";
import { ConfigError, formatConfig, loadConfig } from "./config.ts";
import type { ConfigFlags } from "../../daemon_command.ts";
import { configSchema } from "./schema.ts";

function load(toml: string, flags: ConfigFlags = {}) {
  const file = Deno.makeTempFileSync({ suffix: ".toml" });
  try {
    Deno.writeTextFileSync(file, toml);
    return loadConfig({ ...flags, config: file });
  } catch (error) {
    if (error instanceof Error) error.message = error.message.replaceAll(file, "FILE");
    throw error;
  } finally {
    Deno.removeSync(file);
  }
}

function complaint(toml: string, flags: ConfigFlags = {}): string {
  try {
    load(toml, flags);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  throw new assert.AssertionError({ message: "the config was taken" });
}

Deno.test("loadConfig: an empty file gives the defaults", () => {
  assert.deepEqual(load(""), {
    state: "/run/berth",
    root: "/var/lib/berth",
    socket: { path: "/run/berth/berth.sock", mode: "0600" },
    log: { level: "info", format: "text" },
    logs: { driver: "cri", max_size: 10485760, max_file: 3 },
    runtime: {
      runtime: "runc",
      no_shim: false,
      direct_start: true,
      timeout: 120,
      seccomp: "default",
    },
    shim: { warm: 1, keep: 8, timeout: 10, on_death: "kill", oom_score_adj: -998 },
    network: {
      bridge: "berth0",
      config_dir: "/etc/cni/net.d",
      plugin_dirs: ["/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"],
      subnets: ["10.87.0.0/16"],
      timeout: 30,
    },
    metrics: {},
    events: { segment_bytes: 1048576, segments: 16 },
  });
});

Deno.test("loadConfig: a flag wins over the file, and the socket follows the state directory", () => {
  const toml = `state = "/a"\nroot = "/b"\n[log]\nlevel = "error"`;
  assert.equal(load(toml).socket.path, "/a/berth.sock");
  const config = load(toml, { state: "/c", root: "d", logLevel: "debug" });
  assert.equal(config.state, "/c");
  assert.equal(config.root, `${Deno.cwd()}/d`);
  assert.equal(config.socket.path, "/c/berth.sock");
  assert.equal(config.log.level, "debug");
  assert.equal(load(`[socket]\npath = "/s"`, { state: "/c" }).socket.path, "/s");
  assert.equal(load(`[socket]\npath = "/s"`, { socket: "/t" }).socket.path, "/t");
});

Deno.test("formatConfig: the printed config means the same", () => {
  const toml = `
    state = "/a"
    [socket]
    gid = 5
    mode = "0660"
    [runtime]
    runtime = "crun"
    [shim]
    cgroup = "/shims"
    timeout = 1.5
    [metrics]
    address = "unix:/run/m.sock"
  `;
  const config = load(toml);
  assert.deepEqual(load(formatConfig(config)), config);
});

Deno.test("ConfigError: bad TOML is told with file, line and column", () => {
  assert.match(complaint(`state = "/a"\nroot = oops\n`), /^FILE:2:\d+: /);
  assert.doesNotMatch(complaint(`state = "/a"\nroot = oops\n`), /\n/);
});

Deno.test("ConfigError: an unknown key is named, with those that are known", () => {
  assert.equal(
    complaint(`stat = "/a"`),
    "FILE: unknown key stat " +
      "(expected one of state, root, socket, log, logs, runtime, shim, network, metrics, events)",
  );
  assert.equal(
    complaint(`[socket]\npaht = "/a"`),
    "FILE: unknown key socket.paht (expected one of path, mode, gid)",
  );
});

Deno.test("ConfigError: a value that does not fit is named by its key, with what was expected", () => {
  const cases = [
    [`state = 1`, "state: expected a string, found 1"],
    [`state = "run"`, 'state: expected an absolute path, found "run"'],
    [`socket = "/s"`, 'socket: expected a table, found "/s"'],
    [
      `[socket]\nmode = "rw"`,
      'socket.mode: expected octal permissions as a string, such as "0660", found "rw"',
    ],
    [`[socket]\nmode = 0o600`, "socket.mode: expected a string, found 384"],
    [`[shim]\nwarm = 1.5`, "shim.warm: expected an integer, found 1.5"],
    [`[shim]\non_death = "x"`, 'shim.on_death: expected "kill" or "adopt", found "x"'],
    [`[runtime]\nno_shim = "yes"`, 'runtime.no_shim: expected a boolean, found "yes"'],
    [`[events]\nsegment_bytes = 1`, "events.segment_bytes: expected at least 4096, found 1"],
    [`[shim]\nwarm = -1`, "shim.warm: expected at least 0, found -1"],
    [`state = 2020-01-01`, "state: expected a string, found a date"],
    [`state = ["/a"]`, "state: expected a string, found an array"],
    [
      `[network]\nsubnets = ["10.0.0.0/8", "ff02::/64"]`,
      "network.subnets.1: expected a subnet of addresses that an interface can have, " +
      'found "ff02::/64"',
    ],
    [
      `[network]\nsubnets = ["10.0.0.0/8", "10.0.0.0/8"]`,
      "network.subnets.1: expected one subnet of IPv4, and of IPv6 such that do not overlap, " +
      'found "10.0.0.0/8"',
    ],
  ] as const;
  for (const [toml, expected] of cases) assert.equal(complaint(toml), `FILE: ${expected}`);
});

Deno.test("loadConfig: metrics go to a loopback address or a Unix socket only", () => {
  for (const address of ["127.0.0.1:9469", "localhost:1", "[::1]:9", "unix:/a/b"]) {
    assert.equal(load(`[metrics]\naddress = "${address}"`).metrics.address, address);
  }
  assert.match(complaint(`[metrics]\naddress = "0.0.0.0:9469"`), /^FILE: metrics\.address: /);
});

Deno.test("ConfigError: a flag that does not fit is not blamed on the file", () => {
  assert.match(complaint("", { logLevel: "loud" }), /^the command line: log\.level: expected "tr/);
});

Deno.test("loadConfig: a file that was named has to be there", () => {
  assert.throws(
    () => loadConfig({ config: "/nowhere/berth.toml" }),
    (error) => error instanceof ConfigError && error.message.includes("/nowhere/berth.toml"),
  );
});

Deno.test("loadConfig: a seccomp profile that cannot be used is named with its line", () => {
  assert.match(
    complaint('[runtime]\nseccomp = "profile.json"'),
    /runtime\.seccomp: expected "default"/,
  );
  const profile = Deno.makeTempFileSync();
  try {
    const bad = '{\n"defaultAction": "SCMP_ACT_ERRNO",\n"syscalls": [\n{ "names": 1 }\n]}';
    Deno.writeTextFileSync(profile, bad);
    const text = complaint(`[runtime]\nseccomp = "${profile}"`);
    assert.match(
      text,
      /^FILE: runtime\.seccomp: seccomp profile \S+:4: syscalls\[0\]: names must be/,
    );
  } finally {
    Deno.removeSync(profile);
  }
});

Deno.test("loadConfig: the cgroup driver systemd is refused where systemd is not the init system", () => {
  const load = () => complaint('[runtime]\ncgroup_driver = "systemd"');
  const why = 'FILE: runtime.cgroup_driver: "systemd" is not the init system of this machine';
  if (exists("/run/systemd/system")) assert.throws(load, /the config was taken/);
  else assert.equal(load(), why);
});

Deno.test("config: every key has a description for the reference", () => {
  const missing: string[] = [];
  const walk = (schema: unknown, at: string) => {
    if (typeof schema !== "object" || schema === null || !("properties" in schema)) return;
    for (const [key, value] of Object.entries(schema.properties ?? {})) {
      if (!value.description) missing.push(at + key);
      walk(value, `${at}${key}.`);
    }
  };
  walk(z.toJSONSchema(configSchema, { io: "input" }), "");
  assert.deepEqual(missing, []);
});
