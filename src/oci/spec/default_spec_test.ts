// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { O_CREAT, O_WRONLY, open, OwnedFd } from "../../linux/fd/fd.ts";
import { defaultSpec } from "./default_spec.ts";
import type { DefaultSpecOptions } from "./default_spec.ts";
import { validateSpec } from "./spec.ts";
import { TestContainers } from "../driver/driver_testing.ts";

const base = { id: "a", rootfs: "/r", args: ["sh"] };

Deno.test("defaultSpec: the default spec is a valid one, whatever was asked", () => {
  assert.deepEqual(validateSpec(defaultSpec(base)), []);
  const asked = defaultSpec({
    ...base,
    env: ["A=1", "PATH=/x"],
    cwd: "/srv",
    user: "3:4",
    mounts: [{ destination: "/dev/shm/", type: "bind", source: "/s", options: ["rbind"] }],
    resources: { pids: { limit: 5 } },
    readOnly: true,
    hostname: "box",
    namespaces: { network: "host" },
    terminal: true,
    cgroupsPath: "/c",
  });
  assert.deepEqual(validateSpec(asked), []);
  assert.deepEqual(asked.process.env, ["PATH=/x", "HOSTNAME=box", "TERM=xterm", "A=1"]);
  assert.deepEqual(asked.process.user, { uid: 3, gid: 4 });
  assert.deepEqual(asked.mounts?.filter(({ destination }) => destination.startsWith("/dev/shm")), [
    { destination: "/dev/shm/", type: "bind", source: "/s", options: ["rbind"] },
  ]);
  assert.equal(asked.linux?.namespaces?.some(({ type }) => type === "network"), false);
  assert.equal(asked.linux?.cgroupsPath, "/c");
  assert.equal(defaultSpec({ ...base, id: "x".repeat(76) }).hostname?.length, 64);
});

Deno.test("defaultSpec: the root propagates where a mount does, and to the host from an own root alone", () => {
  const bind = (destination: string, ...options: string[]) => ({
    destination,
    type: "bind",
    source: "/s",
    options: ["rbind", ...options],
  });
  const propagation = (ownRoot: boolean, ...mounts: ReturnType<typeof bind>[]) =>
    defaultSpec({ ...base, ownRoot, mounts }).linux?.rootfsPropagation;
  for (const ownRoot of [true, false]) {
    assert.equal(propagation(ownRoot), undefined);
    assert.equal(propagation(ownRoot, bind("/a", "rprivate")), undefined);
    assert.equal(propagation(ownRoot, bind("/a", "slave"), bind("/b")), "rslave");
  }
  const shared = [bind("/a/", "rshared"), bind("/ab"), bind("/b", "rslave")];
  assert.equal(propagation(true, ...shared), "shared");
  assert.equal(propagation(false, ...shared), undefined);
  // A mount below a shared one would be on the host, too.
  assert.equal(propagation(true, ...shared, bind("/a/b")), "rslave");
});

/** Runs a shell script in a container of the default spec and answers its output. */
async function run(script: string, options: Partial<DefaultSpecOptions> = {}): Promise<string> {
  await using box = new TestContainers();
  const runc = box.runc();
  const id = box.configure(runc, "unused");
  const rootfs = `${box.bundle}/rootfs`;
  const spec = defaultSpec({
    id,
    rootfs,
    args: ["/bin/busybox", "sh", "-c", script],
    cgroupsPath: `/${id}`,
    ...options,
  });
  Deno.writeTextFileSync(`${box.bundle}/config.json`, JSON.stringify(spec));
  const pidFile = `${box.bundle}/init.pid`;
  const out = `${box.dir}/out`;
  {
    using file = new OwnedFd(open(out, O_CREAT | O_WRONLY));
    await runc.create({ id, bundle: box.bundle, pidFile, stdout: file.fd, stderr: file.fd });
  }
  const exited = box.reaper.watch(Number(Deno.readTextFileSync(pidFile)));
  await runc.start(id);
  await exited;
  return Deno.readTextFileSync(out);
}

Deno.test("defaultSpec: a container of the default spec is isolated", async () => {
  const output = await run(
    `
    cd /bin; bb=/bin/busybox
    $bb echo "pid $$ host $($bb hostname) user $($bb id -u):$($bb id -g)"
    $bb ls /sys/class/net | $bb tr '\\n' ' '; $bb echo
    $bb grep -E 'CapBnd|CapEff|CapInh|NoNewPrivs' /proc/self/status
    $bb cat /proc/sysrq-trigger /proc/kcore | $bb wc -c
    $bb echo x 2>&1 > /proc/sys/kernel/hostname || $bb true
    $bb mknod /tmp-dev b 7 200 && $bb cat /tmp-dev 2>&1
    echo files $(ulimit -Sn) $(ulimit -Hn)
    $bb cat /dev/null && $bb echo null ok
    $bb grep -c . /proc/self/mountinfo > /dev/null && $bb ls /dev/shm /dev/mqueue && $bb echo mounts ok
  `,
    { hostname: "box" },
  );
  assert.match(output, /^pid 1 host box user 0:0$/m);
  assert.match(output, /^lo $/m);
  assert.match(output, /^CapInh:\t0{16}$/m);
  assert.match(output, /^CapEff:\t00000000a80425fb$/m);
  assert.match(output, /^CapBnd:\t00000000a80425fb$/m);
  assert.match(output, /^NoNewPrivs:\t1$/m);
  assert.match(output, /Read-only file system|can't create/);
  assert.match(output, /Operation not permitted|No such device/);
  // The soft limit of open files is the hard one.
  assert.match(output, /^files (\d+) \1$/m);
  assert.match(output, /null ok/);
  assert.match(output, /mounts ok/);
});

Deno.test("defaultSpec: limits, a read-only root, another user and a mount take effect", async () => {
  const output = await run(
    `
    bb=/bin/busybox
    $bb touch /x || $bb echo refused
    $bb id -u; $bb id -g; $bb pwd
    $bb cat /mnt/hello
    limit=/sys/fs/cgroup/memory/memory.limit_in_bytes
    [ -e $limit ] || limit=/sys/fs/cgroup/memory.max
    $bb cat $limit
    $bb grep Cap /proc/self/status
  `,
    {
      readOnly: true,
      user: "12:34",
      cwd: "/bin",
      mounts: [{ destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["mode=777"] }],
      resources: { memory: { limit: 67_108_864 } },
    },
  );
  assert.match(output, /refused/);
  assert.match(output, /^12\n34\n\/bin$/m);
  assert.match(output, /^67108864$/m);
  assert.match(output, /^CapEff:\t0{16}$/m);
});
