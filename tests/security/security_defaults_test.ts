// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cli } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { rootfsDir } from "../harness/rootfs.ts";

// The rows of the table in docs/security.md. System calls are in seccomp_test.ts.

async function run(
  daemon: TestDaemon,
  options: readonly string[],
  script: string,
): Promise<string> {
  const { stdout, stderr } = await cli(daemon, [
    ...["run", "--rm", "--rootfs", rootfsDir(), "--overlay", "--cgroup-parent", daemon.cgroup],
    ...[...options, "sh", "-c", script],
  ]);
  return stdout + stderr;
}

const STATUS =
  "grep -E '^(CapBnd|CapEff|CapInh|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\t'";

/** The bits of docker's 14 capabilities. */
const DEFAULT_CAPS = "00000000a80425fb";

/** Every capability that this machine gives to its root. */
function allCaps(): string {
  return /CapBnd:\s*(\w+)/.exec(Deno.readTextFileSync("/proc/self/status"))?.[1] ?? "";
}

Deno.test("security defaults: capabilities, seccomp and noNewPrivileges are as documented", async () => {
  await using daemon = await TestDaemon.start();
  const none = "0".repeat(16);
  assert.deepEqual((await run(daemon, [], STATUS)).trim().split("\n"), [
    `CapInh:${none}`,
    `CapEff:${DEFAULT_CAPS}`,
    `CapBnd:${DEFAULT_CAPS}`,
    `CapAmb:${none}`,
    "NoNewPrivs:1",
    "Seccomp:2",
  ]);
});

Deno.test("security defaults: the config names the seccomp profile, and an option another", async () => {
  await using daemon = await TestDaemon.start({ config: '[runtime]\nseccomp = "unconfined"' });
  const mode = "grep Seccomp: /proc/self/status | tr -d '\t'";
  assert.equal(await run(daemon, [], mode), "Seccomp:0\n");
  assert.equal(await run(daemon, ["--security-opt", "seccomp=default"], mode), "Seccomp:2\n");
});

Deno.test("security defaults: paths are masked or read-only, and devices are few", async () => {
  await using daemon = await TestDaemon.start();
  const output = await run(
    daemon,
    [],
    [
      "cat /proc/kcore /proc/keys /proc/interrupts 2>/dev/null | wc -c",
      "ls /sys/firmware | wc -l",
      "echo 1 2>/dev/null >/proc/sys/kernel/panic || echo sysctl",
      "mkdir /sys/kernel/x 2>/dev/null || echo sys",
      // Made, which mknod's capability allows, but not to be opened.
      "mknod /tmp/mem c 1 1 && (: </tmp/mem) 2>/dev/null || echo mem",
      "ls /dev | grep -v core | tr '\\n' ' '",
    ].join("; "),
  );
  assert.equal(
    output,
    "0\n0\nsysctl\nsys\nmem\n" +
      "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero ",
  );
});

/** docker's masked and read-only paths, as far as a kernel has them. */
const MASKED = "/proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys " +
  "/proc/latency_stats /proc/sched_debug /proc/scsi /proc/timer_list /proc/timer_stats " +
  "/sys/devices/virtual/powercap /sys/firmware";
const READ_ONLY = "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger /sys";

Deno.test("security defaults: docker's masked paths are empty, and its read-only ones are mounted so", async () => {
  await using daemon = await TestDaemon.start();
  const script = `for path in ${MASKED}; do [ ! -e $path ] || ` +
    // The profile of AppArmor refuses even to open /proc/kcore.
    '[ -z "$([ -d $path ] && ls -A $path || head -c 1 $path 2>/dev/null)" ] || ' +
    "echo shown $path; done; " +
    `for path in ${READ_ONLY}; do [ ! -e $path ] || ` +
    'grep -q " $path [a-z0-9]* ro," /proc/self/mounts || echo writable $path; done; ' +
    // Under v1 the directory of the hierarchies is a tmpfs of the runtime's, which may be writable.
    "grep -E '^[a-z0-9]+ /sys/fs/cgroup[^ ]* cgroup2? rw' /proc/self/mounts; true";
  assert.equal(await run(daemon, [], script), "");
  // The check finds what is open.
  const open = (await run(daemon, ["--security-opt", "systempaths=unconfined"], script)).split(
    "\n",
  );
  assert.ok(open.includes("shown /proc/interrupts"), open.join());
  assert.ok(open.includes("writable /proc/sys"), open.join());
});

Deno.test("security defaults: processes are not limited, and no other LSM's label than berth's is given", async () => {
  await using daemon = await TestDaemon.start();
  const limit = "cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null";
  assert.equal(await run(daemon, [], limit), "max\n");
  assert.equal(await run(daemon, ["--pids", "9"], limit), "9\n");
  const { defaults: { apparmor } } = await daemon.client.call("daemon.info", {});
  const label = await run(daemon, [], "cat /proc/self/attr/current 2>/dev/null");
  if (apparmor === undefined) assert.doesNotMatch(label, /berth/);
  else assert.equal(label, `${apparmor} (enforce)\n`);
});

Deno.test("security defaults: each namespace but the user namespace is the container's own", async () => {
  await using daemon = await TestDaemon.start();
  const kinds = ["pid", "mnt", "ipc", "uts", "net", "cgroup", "user"];
  const script = kinds.map((kind) => `readlink /proc/self/ns/${kind}`).join("; ");
  for (const options of [[], ["--privileged"]]) {
    const own = (await run(daemon, options, script)).trim().split("\n");
    const shared = kinds.filter((kind, index) =>
      own[index] === Deno.readLinkSync(`/proc/self/ns/${kind}`)
    );
    assert.equal(own.length, kinds.length);
    assert.deepEqual(shared, ["user"]);
  }
  assert.match(await run(daemon, [], "ls /sys/class/net"), /^lo\n$/);
});

Deno.test("security defaults: security options: capabilities are added and dropped", async () => {
  await using daemon = await TestDaemon.start();
  const caps = async (...options: string[]) =>
    /CapBnd:(\w+)/.exec(await run(daemon, options, STATUS))?.[1];
  assert.equal(await caps("--cap-drop", "ALL"), "0".repeat(16));
  assert.equal(await caps("--cap-drop", "ALL", "--cap-add", "net_admin"), "0000000000001000");
  assert.equal(await caps("--cap-add", "ALL"), allCaps());
  assert.match(await run(daemon, ["--cap-add", "EVERYTHING"], ":"), /no capability "EVERYTHING"/);
});

Deno.test("security defaults: security options: privileged lifts the restrictions", async () => {
  await using daemon = await TestDaemon.start();
  const output = await run(
    daemon,
    ["--privileged"],
    `${STATUS}; cat /proc/interrupts | grep -q . && echo interrupts; mknod /tmp/null c 1 3 && : </tmp/null && echo device; ` +
      "grep -q ' /sys sysfs rw' /proc/self/mounts && echo sys; test -c /dev/kmsg && echo kmsg; " +
      "mkdir /tmp/m && mount -t tmpfs x /tmp/m && echo mounted",
  );
  const all = allCaps();
  const [, , bounding, , ...rest] = output.trim().split("\n");
  assert.equal(bounding, `CapBnd:${all}`);
  const expected = ["NoNewPrivs:0", "Seccomp:0", "interrupts", "device", "sys"];
  // What the host has not, the container cannot be given.
  if (hasKmsg()) expected.push("kmsg");
  assert.deepEqual(rest, [...expected, "mounted"], output);
});

function hasKmsg(): boolean {
  try {
    return Deno.statSync("/dev/kmsg").isCharDevice === true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

Deno.test("security defaults: security options: paths, privileges and a read-only root with a tmpfs", async () => {
  await using daemon = await TestDaemon.start();
  const option = (...values: string[]) => values.flatMap((value) => ["--security-opt", value]);
  assert.match(await run(daemon, option("no-new-privileges=false"), STATUS), /NoNewPrivs:0/);
  assert.match(await run(daemon, option("seccomp=unconfined"), STATUS), /Seccomp:0/);
  assert.equal(await run(daemon, option("apparmor=unconfined"), "echo free"), "free\n");
  const masked = "grep -q . /proc/interrupts && echo seen";
  assert.equal(await run(daemon, option("systempaths=unconfined"), masked), "seen\n");
  assert.equal(await run(daemon, option("unmask=/proc/interrupts"), masked), "seen\n");
  assert.equal(await run(daemon, option("mask=/proc/uptime"), "cat /proc/uptime"), "");
  assert.match(await run(daemon, option("nonsense"), ":"), /security option "nonsense": expected/);
  const { stdout, stderr } = await cli(daemon, [
    ...["run", "--rm", "--rootfs", rootfsDir(), "--cgroup-parent", daemon.cgroup],
    ...["--read-only", "--tmpfs", "/tmp", "sh", "-c"],
    "touch /tmp/x && echo tmp; touch /etc/x 2>/dev/null || echo read-only",
  ]);
  assert.equal(stdout, "tmp\nread-only\n", stderr);
});
