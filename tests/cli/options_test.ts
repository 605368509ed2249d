// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { findCommand } from "../../scripts/system_packages.ts";
import { testNeeding } from "../../scripts/test_needing.ts";
import { cli, ok, rootfsArgs, sh } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/poll.ts";
import { pathWithout, program } from "../harness/run.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import { crun } from "../harness/runtime/crun.ts";
import { SmallDisk } from "../harness/small_disk.ts";

/** Runs a script in a container with these options and returns what it printed. */
async function out(daemon: TestDaemon, options: string[], script: string): Promise<string> {
  const args = ["run", "--rm", ...rootfsArgs(daemon), ...options, ...sh(script)];
  return (await ok(daemon, ...args)).trim();
}

Deno.test("berth run sets up the process as its options ask", async () => {
  await using daemon = await TestDaemon.start();
  const file = `${daemon.dir}/env`;
  await Deno.writeTextFile(file, "A=1\nB=two words\n");
  assert.equal(await out(daemon, ["--env-file", file, "-e", "A=2"], 'echo "$A $B"'), "2 two words");
  assert.equal(await out(daemon, ["--workdir", "/tmp"], "pwd"), "/tmp");
  assert.equal(
    await out(daemon, ["--ulimit", "nofile=100:200", "--ulimit", "core=0"], "ulimit -n; ulimit -c"),
    "100\n0",
  );
  assert.equal(await out(daemon, ["--ulimit", "core=-1"], "ulimit -c"), "unlimited");
  const soft = await out(daemon, [], "ulimit -Sn");
  assert.equal(soft, await out(daemon, [], "ulimit -Hn"));
  assert.match(await out(daemon, ["--group-add", "44", "--group-add", "root"], "id -G"), /\b44\b/);
  const annotated = await cli(daemon, [
    ...["create", "--name", "kept", ...rootfsArgs(daemon), "--annotation", "a=b"],
    ...["--stop-signal", "QUIT", "--entrypoint", "sh", "--", "-c", "true"],
  ]);
  assert.equal(annotated.code, 0, annotated.stderr);
  const { spec } = JSON.parse((await cli(daemon, ["inspect", "--spec", "kept"])).stdout);
  assert.deepEqual(spec.process.args, ["sh", "-c", "true"]);
  const { "org.criu.config": _, ...annotations } = spec.annotations;
  assert.deepEqual(annotations, { a: "b", "org.opencontainers.image.stopSignal": "QUIT" });
});

Deno.test("berth run mounts and makes what its options ask for", async () => {
  await using daemon = await TestDaemon.start();
  const size = (path: string) => `df -k ${path} | tail -1 | awk '{print $2}'`;
  assert.equal(await out(daemon, ["--tmpfs", "/mnt:size=64k"], size("/mnt")), "64");
  assert.equal(await out(daemon, ["--shm-size", "1m"], size("/dev/shm")), "1024");
  const flags = await out(daemon, ["--tmpfs", "/mnt"], "grep ' /mnt ' /proc/mounts");
  assert.match(flags, /nosuid,nodev,noexec/);
  const device = ["--device", "/dev/null:/dev/hole:rw"];
  assert.match(await out(daemon, device, "ls -l /dev/hole; echo x > /dev/hole"), /^c\S+ .* 1, +3 /);
  const shared = await Deno.makeTempDir({ dir: daemon.dir });
  const writable = ["--mount", `type=bind,src=${shared},dst=/mnt,readonly=false`];
  await out(daemon, writable, "echo new > /mnt/f");
  const readonly = ["--mount", `type=bind,src=${shared},dst=/mnt,ro=1`];
  assert.equal(await out(daemon, readonly, "echo x 2>/dev/null > /mnt/f || cat /mnt/f"), "new");
});

Deno.test("berth run: a read-only bind mount is read-only with all mounts below, but for those that are asked for", async () => {
  await using daemon = await TestDaemon.start();
  const source = `${daemon.dir}/source`;
  using _nested = new SmallDisk(`${source}/nested`);
  Deno.mkdirSync(`${source}/own`);
  const script = "for dir in . nested own; do " +
    "touch /mnt/$dir/f 2>/dev/null && echo $dir || :; done";
  const at = `${source}:/mnt`;
  const bind = `type=bind,src=${source},dst=/mnt`;
  const runtimes = findCommand("crun") === undefined ? ["runc"] : ["runc", crun(daemon)];
  for (const runtime of runtimes) {
    for (
      const [options, writable] of [
        [["-v", at], ". nested own"],
        [["-v", `${at}:ro`], ""],
        [["-v", `${at}:ro`, "-v", `${daemon.dir}:/mnt/own`], "own"],
        [["-v", `${at}:ro,rslave`], ""],
        [["--mount", `${bind},readonly`], ""],
        [["--mount", `${bind},readonly,bind-recursive=writable`], "nested"],
        [["--mount", `${bind},readonly,bind-recursive=readonly`], ""],
        [["--mount", `${bind},bind-recursive=disabled`], ". nested own"],
      ] as const
    ) {
      const seen = await out(daemon, ["--runtime", runtime, ...options], script);
      assert.equal(seen.replaceAll("\n", " "), writable, `${runtime} ${options.join(" ")}`);
    }
    const file = ["--runtime", runtime, "-v", "/etc/hostname:/etc/hostname:ro"];
    assert.equal(await out(daemon, file, "echo x 2>/dev/null >/etc/hostname || echo no"), "no");
  }
});

Deno.test("berth run: names resolve: the container's own, given ones, and with the host's network the host's", async () => {
  await using daemon = await TestDaemon.start();
  const hosts = await out(
    daemon,
    ["-h", "boat.example", "--add-host", "db:10.1.2.3"],
    "cat /etc/hosts",
  );
  assert.match(hosts, /^10\.1\.2\.3\tdb$/m);
  assert.match(hosts, /^127\.0\.1\.1\tboat\.example boat$/m);
  assert.equal(await out(daemon, ["-h", "boat"], "cat /etc/hostname; hostname"), "boat\nboat");
  const dns = ["--dns", "192.0.2.7", "--dns-search", "example.org", "--dns-option", "ndots:2"];
  assert.equal(
    await out(daemon, dns, "cat /etc/resolv.conf"),
    "nameserver 192.0.2.7\nsearch example.org\noptions ndots:2",
  );
  // Its own name resolves, given or not, on the network of the host too.
  const address = (...options: string[]) =>
    out(daemon, options, "ping -c 1 -w 5 $(hostname) | head -n 1");
  assert.match(await address("-h", "boat.example"), /^PING boat\.example \(127\.0\.1\.1\)/);
  assert.match(await address("--name", "skiff"), /^PING skiff \(127\.0\.1\.1\)/);
  assert.match(
    await address("--name", "raft", "--network", "host"),
    /^PING raft \(127\.0\.1\.1\)/,
  );
  const host = await out(daemon, ["--network", "host"], "cat /etc/hosts /etc/resolv.conf");
  for (const line of Deno.readTextFileSync("/etc/hosts").trim().split("\n")) {
    assert.ok(host.includes(line), line);
  }
  for (const [server] of Deno.readTextFileSync("/etc/resolv.conf").matchAll(/^nameserver.*$/gm)) {
    assert.ok(host.includes(server), server);
  }
  // One's own file counts.
  const own = `${daemon.dir}/hosts`;
  await Deno.writeTextFile(own, "127.0.0.1 mine\n");
  assert.equal(await out(daemon, ["-v", `${own}:/etc/hosts`], "cat /etc/hosts"), "127.0.0.1 mine");
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/etc`)], []);
});

Deno.test("berth run: a read-only root filesystem is not written to for what is mounted there", async () => {
  await using daemon = await TestDaemon.start();
  const rootfs = `${daemon.dir}/rootfs`;
  for (const dir of ["bin", "proc", "dev", "sys", "etc"]) {
    Deno.mkdirSync(`${rootfs}/${dir}`, { recursive: true });
  }
  Deno.copyFileSync(`${rootfsDir()}/bin/busybox`, `${rootfs}/bin/busybox`);
  const { code, stderr } = await cli(daemon, [
    ...["run", "--rm", "--read-only", "--rootfs", rootfs, "--cgroup-parent", daemon.cgroup],
    ...["--", "/bin/busybox", "true"],
  ]);
  assert.equal(code, 0, stderr);
  assert.deepEqual([...Deno.readDirSync(`${rootfs}/etc`)], []);
});

Deno.test("berth run: namespaces are shared with the host and with another container", async () => {
  await using daemon = await TestDaemon.start();
  const first = ["run", "-d", "--name", "first", ...rootfsArgs(daemon), "--", "sleep", "1000"];
  await ok(daemon, ...first);
  const { pid } = await daemon.stateOf("first");
  for (
    const [option, name] of [["network", "net"], ["pid", "pid"], ["ipc", "ipc"], ["uts", "uts"]]
  ) {
    const look = `readlink /proc/self/ns/${name}`;
    assert.equal(
      await out(daemon, [`--${option}`, "host"], look),
      Deno.readLinkSync(`/proc/self/ns/${name}`),
    );
    assert.equal(
      await out(daemon, [`--${option}`, "container:first"], look),
      Deno.readLinkSync(`/proc/${pid}/ns/${name}`),
    );
  }
  for (const bad of [["--uts", "host", "-h", "x"], ["--ipc", "host", "--shm-size", "1m"]]) {
    const { code } = await cli(daemon, ["run", ...rootfsArgs(daemon), ...bad, "--", "true"]);
    assert.equal(code, 125, bad.join(" "));
  }
  const ghost = ["run", ...rootfsArgs(daemon), "--pid", "container:ghost", "--", "true"];
  assert.match((await cli(daemon, ghost)).stderr, /ghost/);

  // Those that are the first one's when the others are started again.
  const shares = ["--network", "container:first", "--uts", "container:first"];
  for (const [id, ...restart] of [["second"], ["third", "--restart", "always"]] as const) {
    const run = ["run", "-d", "--name", id, ...rootfsArgs(daemon), ...shares, ...restart];
    await ok(daemon, ...run, "--", "sleep", "1000");
  }
  for (const id of ["first", "second", "third"]) {
    await ok(daemon, "restart", "-t", "0", id);
  }
  const [one, ...others] = await Promise.all(["first", "second", "third"].map(async (id) => {
    const state = await daemon.stateOf(id);
    return ["net", "uts", "ipc"].map((name) => Deno.readLinkSync(`/proc/${state.pid}/ns/${name}`));
  }));
  for (const other of others) {
    assert.deepEqual(other.slice(0, 2), one?.slice(0, 2));
    assert.notEqual(other[2], one?.[2], "what is not shared");
  }
  await ok(daemon, "stop", "-t", "0", "first");
  const { code, stderr } = await cli(daemon, ["restart", "-t", "0", "second"]);
  assert.equal(code, 125);
  assert.match(
    stderr,
    /container first, whose \w+ namespace it shares, does not run: start it first/,
  );
});

Deno.test("berth run: --cidfile holds the id, and only that of a container that was made", async () => {
  await using daemon = await TestDaemon.start();
  const file = `${daemon.dir}/cid`;
  const create = ["create", "--cidfile", file, ...rootfsArgs(daemon)];
  const { stdout } = await cli(daemon, [...create, "--", "true"]);
  assert.equal(Deno.readTextFileSync(file), stdout.trim());
  assert.match((await cli(daemon, [...create, "--", "true"])).stderr, /exists already/);
  Deno.removeSync(file);
  assert.equal((await cli(daemon, [...create, "--user", "nobody-here", "--", "true"])).code, 125);
  assert.throws(() => Deno.statSync(file), Deno.errors.NotFound);
  assert.equal([...Deno.readDirSync(`${daemon.root}/etc`)].length, 1);
});

Deno.test("berth run: values that mean nothing are refused before anything is made", async () => {
  await using daemon = await TestDaemon.start();
  for (
    const [options, message] of [
      [["-v", "name:/x"], /no named volumes/],
      [["-v", "/nonesuch:/x"], /\/nonesuch: it does not exist/],
      [["--mount", "type=volume,src=x,dst=/x"], /no named volumes/],
      [["-v", "/proc"], /the volume \/proc would hide files of the kernel/],
      [["-v", "/bin/busybox"], /the volume \/bin\/busybox is no directory; mount a file/],
      [["--mount", "src=/,dst=/x,ro=perhaps"], /true or false/],
      [["-e", ""], /NAME=value/],
      [["--memory", "99999999999g"], /8192 TiB/],
      [["--pids-limit", "99999999"], /at most/],
      [["-m", "64m", "--memory-swap", "32m"], /--memory-swap/],
      [["--env-file", "/nonesuch"], /no such file/],
      [["--device", "/dev/nonesuch"], /no such device/],
      [["--add-host", "a:b"], /NAME:ADDRESS/],
      [["--ulimit", "files=1"], /nofile/],
      [["--stop-signal", "BOO"], /BOO/],
    ] as const
  ) {
    const args = ["run", ...rootfsArgs(daemon), ...options, "--", "true"];
    const { code, stderr } = await cli(daemon, args);
    assert.equal(code, 125, options.join(" "));
    assert.match(stderr, /^berth: [^\n]+\n$/);
    assert.match(stderr, message);
  }
  assert.deepEqual(await daemon.containerIds(), []);
  const dashes = await cli(daemon, ["run", ...rootfsArgs(daemon), "--", "--", "x"]);
  assert.equal(dashes.code, 127);
});

Deno.test("berth run: --init runs an init program, or says which package has one", async () => {
  await using daemon = await TestDaemon.start();
  const run = ["run", "--rm", "--init", ...rootfsArgs(daemon), ...sh("cat /proc/1/comm")];
  const path = pathWithout(daemon.dir, "catatonit", "tini-static", "docker-init", "tini");
  const none = await cli(daemon, run, { env: { PATH: path } });
  assert.match(none.stderr, /install the package catatonit/);
  // A stand-in that is an init program as far as berth looks: static, and takes `-- COMMAND`.
  const bin = `${daemon.dir}/bin`;
  Deno.mkdirSync(bin);
  Deno.copyFileSync(`${rootfsDir()}/bin/busybox`, `${bin}/catatonit`);
  const created = await cli(daemon, ["create", "--name", "c", ...run.slice(2)], {
    env: { PATH: `${bin}:${Deno.env.get("PATH")}` },
  });
  assert.equal(created.code, 0, created.stderr);
  const { spec } = JSON.parse((await cli(daemon, ["inspect", "--spec", "c"])).stdout);
  assert.deepEqual(spec.process.args.slice(0, 3), ["/dev/init", "--", "sh"]);
  const mount = spec.mounts.find((one: { destination: string }) => one.destination === "/dev/init");
  assert.equal(mount.source, `${bin}/catatonit`);
});

testNeeding(["catatonit"], "berth run: --init reaps orphans and passes signals on", async () => {
  await using daemon = await TestDaemon.start();
  // A process that has ended is in /proc until it is reaped.
  const script = `trap 'exit 5' TERM; orphan=$(sh -c 'sleep 0.1 >/dev/null & echo $!')
while test -e /proc/$orphan; do sleep 0.05; done; cat /proc/1/comm; while :; do sleep 0.05; done`;
  const run = ["run", "-d", "--init", "--name", "c", ...rootfsArgs(daemon), ...sh(script)];
  const { code, stderr } = await cli(daemon, run);
  assert.equal(code, 0, stderr);
  const log = `${daemon.root}/logs/c/container.log`;
  await until("the orphan to be reaped", () => Deno.readTextFileSync(log).includes(" init\n"));
  const { exitStatus } = await daemon.client.call("container.stop", { id: "c", timeout: 60 });
  assert.equal(exitStatus, 5);
});

Deno.test("berth run: -h of run is --hostname, and --help is help", async () => {
  await using daemon = await TestDaemon.start();
  assert.equal(await out(daemon, ["-h", "boat"], "hostname"), "boat");
  const help = await cli(daemon, ["run", "--help"]);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /-h, --hostname <name>/);
});

Deno.test("berth create: the default limit of open files is none above the daemon's own", async () => {
  await using daemon = await TestDaemon.start({
    program: ["prlimit", "--nofile=2048:2048", ...program()],
  });
  const args = ["create", "--name", "c", ...rootfsArgs(daemon), "--", "true"];
  await ok(daemon, ...args);
  const { spec } = JSON.parse((await cli(daemon, ["inspect", "--spec", "c"])).stdout);
  assert.deepEqual(spec.process.rlimits, [{ type: "RLIMIT_NOFILE", soft: 2048, hard: 2048 }]);
});
