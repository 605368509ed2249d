// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { StandIn } from "../harness/stand_in.ts";
import { FileLock } from "../../src/linux/fd/file_lock.ts";
import { mount } from "../../src/linux/mount/mount.ts";
import { cli, ok } from "../harness/cli.ts";
import {
  busyboxLayer,
  cgroupArgs as cgroup,
  imageTest as test,
  layerOf,
  makeImage,
  startForImages,
} from "../harness/images/images.ts";
import { PausedSkopeo } from "../harness/images/paused_skopeo.ts";
import { TestRegistry } from "../harness/images/registry.ts";
import { until } from "../harness/poll.ts";
import { namesIn } from "../harness/leaks/traces.ts";
import { layersOf, leftIn, NOTHING } from "../harness/images/store.ts";

test("images storage: runs beside rm and prune keep their layers, and no layer is left", async () => {
  await using daemon = await startForImages();
  const layers = [await busyboxLayer(daemon.dir), layerOf(daemon.dir, { f: "kept" })];
  const image = await makeImage(daemon.dir, { layers });
  const runOne = () => cli(daemon, ["run", "--rm", ...cgroup(daemon), image, "cat", "/f"]);
  for (let round = 0; round < 2; round++) {
    const [one, two, three, ...removals] = await Promise.all([
      runOne(),
      runOne(),
      runOne(),
      cli(daemon, ["rmi", image]),
      cli(daemon, ["image", "prune", "--all"]),
      cli(daemon, ["rmi", image]),
    ]);
    for (const { code, stdout, stderr } of [one, two, three]) {
      assert.deepEqual([code, stdout], [0, "kept"], stderr);
    }
    for (const { code, stderr } of removals) {
      // It is gone already, or not there yet, or a container has it.
      assert.ok(code === 0 || /no image|used by/.test(stderr), stderr);
    }
  }
  await ok(daemon, "image", "prune", "--all");
  assert.deepEqual(leftIn(daemon), NOTHING);
});

test("images storage: what rmi leaves to a run or a create goes with its end, and no start waits for it", async () => {
  await using daemon = await startForImages();
  const { dir } = daemon;
  const base = await busyboxLayer(dir);
  const layers = [base, layerOf(dir, { f: "gone" })];
  const gone = await makeImage(dir, { layers });
  const image = await makeImage(dir, { layers: [base] });
  const marked = () => namesIn(`${daemon.root}/images/removed`).length;
  await ok(daemon, "create", ...cgroup(daemon), "--name", "taken", image, "true");
  {
    await ok(daemon, "pull", gone);
    using paused = new PausedSkopeo();
    const create = ["create", ...cgroup(daemon), "--name", "taken", image, "true"];
    const creating = cli(daemon, create, { env: paused.env });
    await until("the pull", () => paused.waits);
    assert.equal(await ok(daemon, "rmi", gone), `Untagged: ${gone}\n`);
    assert.equal(marked(), 1);
    paused.release();
    const created = await creating;
    assert.equal(created.code, 125, created.stderr);
    assert.deepEqual([marked(), layersOf(daemon)], [0, 1]);
  }
  const markGone = async () => {
    await ok(daemon, "pull", gone);
    using used = FileLock.tryLock(`${daemon.root}/images/lock`, { shared: true });
    assert.ok(used);
    await ok(daemon, "rmi", gone);
  };
  for (const detach of [["-d"], []]) {
    await markGone();
    using paused = new PausedSkopeo("delete");
    const name = `run${detach.join("")}`;
    const command = ["run", ...detach, ...cgroup(daemon), "--name", name, image, "sleep", "1000"];
    const running = cli(daemon, command, { env: paused.env });
    await until("the removal", () => paused.waits);
    const { status } = await daemon.stateOf(name);
    paused.release();
    await until("its end", () => marked() === 0);
    await ok(daemon, "rm", "--force", name);
    await running;
    assert.equal(status, "running", name);
    assert.equal(layersOf(daemon), 1);
  }
  // What cannot be removed of others hides nothing that a removal has done.
  await markGone();
  using skopeo = new StandIn("skopeo", "echo broken >&2\nexit 1");
  const untagged = await cli(daemon, ["rmi", "--force", image], { env: skopeo.env });
  assert.deepEqual([untagged.code, untagged.stdout], [0, `Untagged: ${image}\n`]);
  assert.match(untagged.stderr, /broken/);
});

test("images storage: what a killed command has left mounted is unmounted, not removed through", async () => {
  await using daemon = await startForImages();
  await ok(daemon, "images");
  const layer = `${daemon.dir}/layer`;
  const view = `${daemon.root}/images/tmp/left/view`;
  Deno.mkdirSync(layer);
  Deno.writeTextFileSync(`${layer}/file`, "kept");
  Deno.mkdirSync(view, { recursive: true });
  mount({ type: "bind", source: layer, target: view, options: ["bind"] });
  await ok(daemon, "images");
  assert.equal(Deno.readTextFileSync(`${layer}/file`), "kept");
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/images/tmp`)], []);
});

test("berth image rm removes one name of several, and nothing that a container uses", async () => {
  await using daemon = await startForImages();
  await using registry = await TestRegistry.start(daemon.dir);
  const source = await makeImage(daemon.dir, { layers: [await busyboxLayer(daemon.dir)] });
  const a = await registry.push(source, "a");
  const b = await registry.push(source, "b");
  await ok(daemon, "pull", a, b);
  await ok(daemon, "create", "--name", "user", ...cgroup(daemon), a, "true");
  // What the container uses is not for its user to say.
  const label = ["--label", "berth.image-id=other"];
  const labeled = await cli(daemon, ["create", ...label, ...cgroup(daemon), a, "true"]);
  assert.equal(labeled.code, 125);
  assert.match(labeled.stderr, /berth\.image-id: labels that begin with berth\. are berth's own/);
  assert.equal(await ok(daemon, "rmi", b), `Untagged: ${b}:latest\n`);
  const refused = await cli(daemon, ["rmi", a]);
  assert.equal(refused.code, 125);
  assert.match(
    refused.stderr,
    /used by user; remove the container first, as by berth rm user; --force removes only its name$/m,
  );
  assert.match(await ok(daemon, "images"), new RegExp(`${a}:latest .* user$`, "m"));
  assert.equal(await ok(daemon, "image", "prune", "--all"), "");
  await ok(daemon, "rm", "user");
  assert.match(await ok(daemon, "rmi", a), /^Untagged: .*a:latest\nDeleted: [0-9a-f]{64}\n$/);
  assert.equal(await ok(daemon, "images", "-q"), "");
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/images/storage/overlay/l`)], []);
  assert.equal((await cli(daemon, ["rmi", "nope"])).code, 125);
}, "docker-registry");

test("berth rmi --force takes the name of an image that a container uses, whose files stay", async () => {
  await using daemon = await startForImages();
  const layers = [await busyboxLayer(daemon.dir), layerOf(daemon.dir, { motd: "kept" })];
  const image = await makeImage(daemon.dir, { layers, config: { Cmd: ["cat", "/motd"] } });
  for (const name of ["one", "two"]) {
    await ok(daemon, "create", "--name", name, ...cgroup(daemon), image);
  }
  const refused = await cli(daemon, ["rmi", image]);
  assert.match(refused.stderr, /used by \w+, \w+; remove the containers first, as by berth rm /);
  assert.equal(await ok(daemon, "rmi", "--force", image), `Untagged: ${image}\n`);
  const left = JSON.parse(await ok(daemon, "images", "--json"));
  assert.deepEqual([left.name, left.usedBy.toSorted()], [undefined, ["one", "two"]]);
  await ok(daemon, "start", "one");
  await ok(daemon, "wait", "one");
  assert.equal(await ok(daemon, "logs", "one"), "kept");
  // No name is left to be taken, and the files are needed still.
  const again = await cli(daemon, ["rmi", "-f", left.id]);
  assert.equal(again.code, 125);
  assert.match(
    again.stderr,
    /used by \w+, \w+; remove the containers first, as by berth rm \w+ \w+$/m,
  );
  assert.equal(await ok(daemon, "image", "prune", "--all"), "");
  await ok(daemon, "rm", "one", "two");
  assert.equal(await ok(daemon, "rmi", "-f", left.id), `Deleted: ${left.id}\n`);
  const gone = await cli(daemon, ["rmi", "-f", left.id]);
  assert.deepEqual([gone.code, gone.stdout], [0, ""]);
  assert.match(gone.stderr, /no image /);
});
