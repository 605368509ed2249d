// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readMountInfo } from "../../src/linux/mount/mountinfo.ts";
import { cli, ok } from "../harness/cli.ts";
import {
  busyboxLayer,
  cgroupArgs as cgroup,
  imageTest as test,
  layerOf,
  makeImage,
  startForImages,
} from "../harness/images/images.ts";
import { TestRegistry } from "../harness/images/registry.ts";
import { pathWithout } from "../harness/run.ts";

test(
  "berth run: pulls an image that is not there, and runs it without skopeo the next time",
  async () => {
    await using daemon = await startForImages();
    await using registry = await TestRegistry.start(daemon.dir);
    const layers = [await busyboxLayer(daemon.dir), layerOf(daemon.dir, { "etc/motd": "hello" })];
    const config = { Cmd: ["cat", "/etc/motd"], Env: ["PATH=/bin", "FROM_IMAGE=1"] };
    const image = await registry.push(await makeImage(daemon.dir, { layers, config }), "a/b:1");

    const first = await cli(daemon, ["run", "--rm", ...cgroup(daemon), image]);
    assert.deepEqual(first, { code: 0, stdout: "hello", stderr: `Pulling ${image}\n` });
    // A PATH without skopeo: what is there is not looked up again.
    const env = { PATH: pathWithout(daemon.dir, "skopeo") };
    const second = await cli(daemon, ["run", "--rm", ...cgroup(daemon), image, "env"], { env });
    assert.equal(second.code, 0, second.stderr);
    assert.match(second.stdout, /^FROM_IMAGE=1$/m);
    // A name that is not set here takes the image's variable away.
    const less = await ok(
      daemon,
      ...["run", "--rm", "-e", "FROM_IMAGE", "-e", "NONE", ...cgroup(daemon), image, "env"],
    );
    assert.match(less, /^PATH=\/bin$/m);
    assert.doesNotMatch(less, /FROM_IMAGE|NONE/);
    const missing = await cli(daemon, ["pull", image], { env });
    assert.equal(missing.code, 125);
    assert.match(missing.stderr, /install the package skopeo/);
    assert.equal(
      readMountInfo().filter(({ mountPoint }) => mountPoint.startsWith(daemon.dir)).length,
      0,
    );
  },
  "docker-registry",
);

test(
  "berth run --pull always takes what a tag means now, never takes what is there or fails",
  async () => {
    await using daemon = await startForImages();
    await using registry = await TestRegistry.start(daemon.dir);
    const base = await busyboxLayer(daemon.dir);
    const push = async (text: string) => {
      const layers = [base, layerOf(daemon.dir, { v: text })];
      return await registry.push(await makeImage(daemon.dir, { layers }), "tag");
    };
    const image = await push("one");
    const show = (...pull: string[]) =>
      cli(daemon, ["run", "--rm", ...pull, ...cgroup(daemon), image, "cat", "/v"]);
    const never = await show("--pull", "never");
    assert.deepEqual([never.code, never.stdout], [125, ""]);
    assert.match(never.stderr, /no image .*\/tag/);
    assert.equal((await show()).stdout, "one");
    await push("two");
    assert.equal((await show()).stdout, "one");
    assert.equal((await show("--pull=always")).stdout, "two");
    assert.equal((await show("--pull=never")).stdout, "two");
    // The image that lost its name is gone with the next prune.
    const lines = (await ok(daemon, "images", "--json")).trim().split("\n").map((l) =>
      JSON.parse(l)
    );
    assert.deepEqual(lines.map(({ name }) => name === null || name === undefined), [false, true]);
    assert.match(await ok(daemon, "image", "prune"), new RegExp(`^Deleted: ${lines[1].id}\n$`));
    assert.equal((await ok(daemon, "images", "-q")).trim(), lines[0].id);
  },
  "docker-registry",
);

test(
  "berth pull with a password, and what it says of a wrong one, a missing image, no registry",
  async () => {
    await using daemon = await startForImages();
    await using registry = await TestRegistry.start(daemon.dir, "secret");
    const source = await makeImage(daemon.dir, { layers: [await busyboxLayer(daemon.dir)] });
    const image = await registry.push(source, "private", "secret");
    const fails = async (pattern: RegExp, ...args: string[]) => {
      const { code, stderr } = await cli(daemon, ["pull", ...args]);
      assert.equal(code, 125);
      assert.match(stderr, pattern);
      assert.ok(!/level=fatal/.test(stderr), stderr);
    };
    await fails(/cannot pull .*(authentication required|unauthorized)/s, image);
    await fails(
      /cannot pull .*(authentication required|unauthorized)/s,
      "--creds",
      "user:no",
      image,
    );
    const other = `${registry.address}/other`;
    await fails(/no image .*other.*: /s, "--creds", "user:secret", other);
    await fails(/connection refused/, "127.0.0.1:1/x");
    await fails(/no image name/, "UPPER");
    assert.match(await ok(daemon, "pull", "--creds", "user:secret", image), /^[0-9a-f]{64}\n$/);
    const auth = btoa("user:secret");
    const authfile = `${daemon.dir}/auth.json`;
    Deno.writeTextFileSync(authfile, JSON.stringify({ auths: { [registry.address]: { auth } } }));
    await ok(daemon, "pull", "--authfile", authfile, image);
    await fails(/--authfile \/nowhere: no such file/, "--authfile", "/nowhere", image);
    await fails(/--creds: expected user:password/, "--creds", ":secret", image);
  },
  "docker-registry",
  "htpasswd",
);
