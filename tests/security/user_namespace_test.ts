// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FileLock } from "../../src/linux/fd/file_lock.ts";
import { exists } from "../../src/linux/fs/exists.ts";
import { isKernelAtLeast } from "../../src/linux/kernel_release.ts";
import { cli, cliCommand, ok, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { FifoReader, makeFifo } from "../harness/io/fifo.ts";
import { openAbove } from "../harness/files.ts";
import { until, within } from "../harness/poll.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import { program } from "../harness/run.ts";

/** Whom root of the containers is on the host. */
const MAPPED = 231_072;

/** A spec with a user namespace of its own. */
function spec(daemon: TestDaemon, script: string) {
  const { linux, mounts: _, root, ...rest } = daemon.spec(["sh", "-c", script]);
  assert.ok(typeof linux === "object" && linux !== null && "namespaces" in linux);
  assert.ok(Array.isArray(linux.namespaces));
  const mappings = [{ containerID: 0, hostID: MAPPED, size: 65_536 }];
  return {
    ...rest,
    root,
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["mode=755"] },
    ],
    linux: {
      ...linux,
      namespaces: [...linux.namespaces, { type: "user" }],
      uidMappings: mappings,
      gidMappings: mappings,
    },
  };
}

Deno.test("user namespace: root of a user namespace reaches its rootfs and its stdio, and nobody else more", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  openAbove(daemon);
  const script = "id -u; echo again >/dev/stdout; echo err >/dev/stderr; exit 4";
  const rootfs = [{ type: "bind", source: rootfsDir(), options: ["rbind", "ro"] }];

  const fifo = makeFifo(daemon.dir);
  await using reader = new FifoReader(fifo);
  const id = "c";
  await client.call("container.create", { id, spec: spec(daemon, script), rootfs, stdout: fifo });
  await client.call("container.start", { id });
  assert.equal(await within("the end", reader.text()), "0\nagain\n");
  assert.equal((await daemon.exitOf(id)).exitStatus, 4);
  await client.call("container.delete", { id });

  const logged = { id, spec: spec(daemon, `${script.replace("exit 4", "sleep 1000")}`), rootfs };
  await client.call("container.create", { ...logged, log: {} });
  await client.call("container.start", { id });
  const bundle = Deno.statSync(`${daemon.state}/linux/${id}`);
  assert.deepEqual([(bundle.mode ?? 0) & 0o777, bundle.uid, bundle.gid], [0o710, 0, MAPPED]);
  const asNobody = async (path: string) => {
    // The working directory may be below /root, where nobody else can be.
    const nobody = { uid: 65_534, gid: 65_534, cwd: "/" };
    const { success } = await new Deno.Command("ls", { args: [path], ...nobody }).output();
    return success;
  };
  assert.equal(await asNobody(daemon.state), false);
  assert.equal(await asNobody(`${daemon.state}/linux`), false);
  assert.equal(await asNobody(`${daemon.state}/linux/${id}/rootfs`), false);
  for (const { name } of Deno.readDirSync(daemon.state)) {
    const mode = Deno.statSync(`${daemon.state}/${name}`).mode ?? 0;
    assert.equal(mode & 0o007, name === "linux" ? 0o001 : 0, name);
  }
  const exec = { id, execId: "e", process: { args: ["sh", "-c", "echo in >/dev/stdout"] } };
  await client.call("container.exec", { ...exec, stdout: `file://${daemon.dir}/exec` });
  assert.equal((await daemon.exitOf(id, "e")).exitStatus, 0);
  assert.equal(Deno.readTextFileSync(`${daemon.dir}/exec`), "in\n");
  await until("what it wrote, in its log", () => {
    const log = Deno.readTextFileSync(`${daemon.root}/logs/${id}/container.log`);
    return /stdout F again\n/.test(log) && /stderr F err\n/.test(log);
  });
  await daemon.remove(id);
});

/** Whether the kernel has overlays of mapped layers. */
const MAPS_OVERLAYS = isKernelAtLeast(Deno.osRelease(), "5.19");

Deno.test({
  name: "user namespace: the layers of a rootfs with mapped ids belong to root of the namespace" +
    (MAPS_OVERLAYS ? "" : " (takes Linux 5.19)"),
  ignore: !MAPS_OVERLAYS,
  fn: async () => {
    await using daemon = await TestDaemon.start();
    const { client } = daemon;
    openAbove(daemon);
    for (const name of ["upper", "work"]) {
      Deno.mkdirSync(`${daemon.dir}/${name}`);
      Deno.chownSync(`${daemon.dir}/${name}`, MAPPED, MAPPED);
    }
    const layers =
      `lowerdir=${rootfsDir()},upperdir=${daemon.dir}/upper,workdir=${daemon.dir}/work`;
    const map = `0:${MAPPED}:65536`;
    const options = [layers, `uidmap=${map}`, `gidmap=${map}`];
    const rootfs = [{ type: "overlay", source: "overlay", options }];
    const script = "stat -c %u:%g /bin/busybox /etc; echo changed >/etc/passwd; ls -ln /etc/passwd";
    const id = "c";
    const { root: _, ...config } = spec(daemon, script);
    const writable = { ...config, root: { path: "rootfs", readonly: false } };
    const stdout = `file://${daemon.dir}/out`;
    await client.call("container.create", { id, spec: writable, rootfs, stdout });
    await client.call("container.start", { id });
    assert.equal((await daemon.exitOf(id)).exitStatus, 0);
    await client.call("container.delete", { id });
    const said = Deno.readTextFileSync(`${daemon.dir}/out`);
    assert.match(said, /^0:0\n0:0\n-rw-r--r-- +1 0 +0 +8 /);
    const { uid, gid } = Deno.statSync(`${daemon.dir}/upper/etc/passwd`);
    assert.deepEqual([uid, gid], [MAPPED, MAPPED]);
    assert.match(Deno.readTextFileSync(`${rootfsDir()}/etc/passwd`), /^root:/);

    // What fails says why, and leaves nothing.
    const half = rootfs.map((mount) => ({ ...mount, options: [layers, `uidmap=${map}`] }));
    const create = client.call("container.create", { id, spec: writable, rootfs: half });
    await assert.rejects(create, /cannot mount .*uidmap: uidmap and gidmap go together/);
    assert.deepEqual(await client.call("container.list", {}), { containers: [] });
  },
});

/** Runs a script with `berth run` and these options. */
async function run(daemon: TestDaemon, options: readonly string[], script: string) {
  return await cli(daemon, [
    ...["run", "--rm", "--rootfs", rootfsDir(), "--overlay", "--cgroup-parent", daemon.cgroup],
    ...[...options, "sh", "-c", script],
  ]);
}

const WHO =
  "cat /proc/self/uid_map /proc/self/gid_map | tr -s ' ' | sed 's/^ //'; touch /made && ls -ln /made";

Deno.test("berth run --userns maps the container's users, and refuses what belongs to the host's", async () => {
  await using daemon = await TestDaemon.start();
  openAbove(daemon);
  const map = `0:${MAPPED}:65536`;
  const mapped = await run(daemon, ["--userns", map], WHO);
  assert.equal(mapped.stderr, "");
  const [uids, gids, made = ""] = mapped.stdout.trim().split("\n");
  assert.deepEqual([uids, gids], Array(2).fill(`0 ${MAPPED} 65536`));
  assert.match(made, /^-\S+ +1 0 +0 /, "its own to itself");
  const volumes = ["--userns", map, "-v", "/srv", "-v", "/bin", "-u", "7:8"];
  const written = await run(daemon, volumes, "touch /srv/made; ls -lnd /srv /bin");
  assert.equal(written.stderr, "");
  assert.match(written.stdout, /^d\S+ +\d+ 7 +8 .* \/srv$/m);
  assert.match(written.stdout, /^d\S+ +\d+ 0 +0 .* \/bin$/m);
  const host = await run(daemon, ["--userns", "host"], "cat /proc/self/uid_map | tr -s ' '");
  assert.equal(host.stdout, Deno.readTextFileSync("/proc/self/uid_map").replaceAll(/ +/g, " "));
  const refused = await run(daemon, ["--userns", map, "--privileged", "--pid", "host"], "true");
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /leave out --privileged, --pid, or give --userns host/);
  const wrong = await run(daemon, ["--userns", "0:1"], "true");
  assert.match(wrong.stderr, /expected host, auto, or CONTAINER:HOST:SIZE/);
});

Deno.test("berth checkpoint: a container with a user namespace is refused and runs on", async () => {
  await using daemon = await TestDaemon.start();
  openAbove(daemon);
  const options = ["-d", "--name", "web", "--userns", `0:${MAPPED}:65536`];
  await ok(daemon, "run", ...options, ...rootfsArgs(daemon), "--", "sleep", "1000");
  const { code, stderr } = await cli(daemon, ["checkpoint", "--exit", "web"]);
  assert.equal(code, 125);
  assert.match(stderr, /^berth: cannot checkpoint web: .* user namespace/);
  assert.equal(exists(`${daemon.root}/checkpoints/web`), false);
  assert.equal((await daemon.stateOf("web")).status, "running");
});

/** Runs `berth` in a mount namespace whose subuid(5) and subgid(5) say this alone. */
async function withSubordinates(daemon: TestDaemon, ids: string, args: readonly string[]) {
  const file = `${daemon.dir}/subordinates`;
  Deno.writeTextFileSync(file, `${ids}\n`);
  const script = 'for f in subuid subgid; do mount --bind "$0" /etc/$f || exit 99; done; exec "$@"';
  const command = new Deno.Command("unshare", {
    args: [
      ...["--mount", "--propagation", "private", "sh", "-c", script, file],
      ...[...program(), ...args],
    ],
    cwd: daemon.dir,
    env: { BERTH_SOCKET: daemon.socket },
    stdin: "null",
  });
  const { stdout, stderr } = await within("the end of berth", command.output(), 120_000);
  return [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
}

Deno.test("berth run: --userns auto gives each container ids of its own, and userns_remap those of its user", async () => {
  const config = '[runtime]\nuserns_remap = "remapped"';
  await using daemon = await TestDaemon.start({ config });
  openAbove(daemon);
  const options = ["--overlay", ...rootfsArgs(daemon)];
  const ids = "containers:300000:131072\nremapped:500000:65536";
  const firsts: number[] = [];
  for (const id of ["a", "b"]) {
    const args = ["run", "-d", "--name", id, "--userns", "auto", ...options, "sleep", "1000"];
    assert.deepEqual(await withSubordinates(daemon, ids, args), [`${id}\n`, ""]);
    const { pid } = await daemon.stateOf(id);
    for (const file of ["uid_map", "gid_map"]) {
      const map = Deno.readTextFileSync(`/proc/${pid}/${file}`).trim().split(/ +/).map(Number);
      firsts.push(map[1] ?? NaN);
      assert.deepEqual([map[0], map[2]], [0, 65_536]);
    }
  }
  assert.deepEqual(firsts.sort(), [300_000, 300_000, 365_536, 365_536]);
  const [stdout, stderr] = await withSubordinates(daemon, ids, [
    ...["run", "--rm", ...options, "sh", "-c", WHO],
  ]);
  assert.equal(stderr, "");
  const [uids, gids] = (stdout ?? "").split("\n");
  assert.deepEqual([uids, gids], ["0 500000 65536", "0 500000 65536"]);
});

Deno.test("berth run: userns_remap of the config is for containers that say nothing else", async () => {
  const user = "berth-no-such-user";
  await using daemon = await TestDaemon.start({ config: `[runtime]\nuserns_remap = "${user}"` });
  const refused = await run(daemon, [], "true");
  assert.match(refused.stderr, /subuid gives the user berth-no-such-user no subordinate ids/);
  assert.equal((await run(daemon, ["--userns", "host"], "exit 3")).code, 3);
});

Deno.test("berth create: --userns auto tells that it waits for another create, and a signal ends it", async () => {
  await using daemon = await TestDaemon.start();
  using _other = await FileLock.lock(daemon.root, { directory: true });
  const args = ["create", "--userns", "auto", ...rootfsArgs(daemon), "--", "true"];
  const child = cliCommand(daemon, args, { stdin: "null", stdout: "null", stderr: "piped" })
    .spawn();
  const read = async () => {
    let said = "";
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      if (said === "") child.kill("SIGINT");
      said += text;
    }
    return said;
  };
  const said = await within("the end of create", read());
  assert.match(said, /^Waiting for another command .*\nberth: ended by SIGINT\n$/);
  assert.equal((await child.status).code, 130);
  assert.deepEqual(await daemon.containerIds(), []);
});
