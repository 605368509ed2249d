// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cli, ok } from "../harness/cli.ts";
import {
  busyboxLayer,
  cgroupArgs as cgroup,
  copyImage,
  imageTest as test,
  layerOf,
  makeImage,
  startForImages,
} from "../harness/images/images.ts";

test("images process: what of a config has no effect is said by pull, run and load, once", async () => {
  await using daemon = await startForImages();
  const image = await makeImage(daemon.dir, {
    layers: [await busyboxLayer(daemon.dir)],
    config: {
      Cmd: ["echo", "runs"],
      ExposedPorts: { "80/tcp": {}, "443/tcp": {} },
      Healthcheck: { Test: ["CMD-SHELL", "exit 1"], Interval: 1_000_000 },
    },
  });
  const notes = (name: string) =>
    `${name} asks for health checks, which berth does not run\n` +
    `${name} exposes 80/tcp, 443/tcp, which only -p publishes\n`;
  const args = ["run", "--rm", ...cgroup(daemon)];
  const first = await cli(daemon, [...args, image]);
  assert.deepEqual(first, {
    code: 0,
    stdout: "runs\n",
    stderr: `Pulling ${image}\n${notes(image)}`,
  });
  const archive = `${daemon.dir}/image.tar`;
  const name = "example.org/app:1";
  await copyImage(image, `docker-archive:${archive}:${name}`);
  const loaded = await cli(daemon, ["load", "-i", archive]);
  assert.deepEqual(loaded, {
    code: 0,
    stdout: `Loaded image: ${name}\n`,
    stderr: notes(name),
  });
  const second = await cli(daemon, [...args, name]);
  assert.deepEqual(second, { code: 0, stdout: "runs\n", stderr: "" });
  // Where the container has no network of its own, no port could be published.
  const [ofHealth] = notes(image).split("\n");
  for (const network of ["host", "none"]) {
    const told = await cli(daemon, [...args, "--pull=always", "--network", network, image]);
    assert.deepEqual(told, {
      code: 0,
      stdout: "runs\n",
      stderr: `Pulling ${image}\n${ofHealth}\n`,
    });
  }
});

test("berth pull and run --quiet: print nothing of the pull, as docker does", async () => {
  await using daemon = await startForImages();
  const passwd = "root:x:0:0::/:/bin/sh\nann:x:7:8::/:/bin/sh\n";
  const image = await makeImage(daemon.dir, {
    layers: [await busyboxLayer(daemon.dir), layerOf(daemon.dir, { "etc/passwd": passwd })],
    config: { Cmd: ["id", "-u"], User: "ann", Healthcheck: { Test: ["CMD", "true"] } },
  });
  const pulled = await cli(daemon, ["pull", "-q", image]);
  assert.deepEqual([pulled.code, pulled.stderr], [0, ""]);
  assert.match(pulled.stdout, /^[0-9a-f]{64}\n$/);
  // An empty user is none that was given.
  const args = ["run", "--rm", "-q", "--pull", "always", "--user", "", ...cgroup(daemon), image];
  assert.deepEqual(await cli(daemon, args), { code: 0, stdout: "7\n", stderr: "" });
});

test("images process: no-new-privileges is on, unless a security option turns it off", async () => {
  await using daemon = await startForImages();
  const image = await makeImage(daemon.dir, { layers: [await busyboxLayer(daemon.dir)] });
  const args = ["run", "--rm", ...cgroup(daemon)];
  const command = [image, "grep", "NoNewPrivs", "/proc/self/status"];
  for (
    const [options, value] of [
      [[], 1],
      [["--security-opt", "no-new-privileges=false"], 0],
      [["--security-opt", "no-new-privileges:false"], 0],
      [["--security-opt", "no-new-privileges"], 1],
    ] as const
  ) {
    const output = await ok(daemon, ...args, ...options, ...command);
    assert.equal(output, `NoNewPrivs:\t${value}\n`, options.join(" "));
  }
});

test("images process: a user who is not root writes to /dev/stdout and its like, and the log has all", async () => {
  await using daemon = await startForImages();
  const layer = layerOf(daemon.dir, {
    "etc/passwd": "app:x:1000:1000::/:\n",
    "var/log/x/keep": "",
  });
  // As the images of web servers have it.
  Deno.symlinkSync("/dev/stdout", `${layer}/var/log/x/access.log`);
  Deno.symlinkSync("/dev/stderr", `${layer}/var/log/x/error.log`);
  const script = `
    echo 1; echo 2 >> /var/log/x/access.log; echo 3 > /var/log/x/access.log
    echo 4 | dd of=/dev/stdout 2>/dev/null; echo 5 | tee /dev/stderr; echo 6 > /proc/self/fd/1
    exec 3>/dev/stdout; echo 7; echo 8 >&3; (echo 9 > /dev/stdout); id -u
    seq 5000 | tee /dev/stderr
    echo e1 >&2; echo e2 >> /var/log/x/error.log; echo e3 > /dev/stderr; echo e4 > /proc/1/fd/2`;
  const image = await makeImage(daemon.dir, {
    layers: [await busyboxLayer(daemon.dir), layer],
    config: { User: "app", Cmd: ["sh", "-c", script] },
  });
  const lines = Array.from({ length: 5_000 }, (_, n) => `${n + 1}\n`).join("");
  const stdout = `1\n2\n3\n4\n5\n6\n7\n8\n9\n1000\n${lines}`;
  const stderr = `5\n${lines}e1\ne2\ne3\ne4\n`;
  await ok(daemon, "run", "-d", "--name", "c", ...cgroup(daemon), image);
  assert.equal(await ok(daemon, "wait", "c"), "0\n");
  const logs = await cli(daemon, ["logs", "c"]);
  assert.deepEqual(logs, { code: 0, stdout, stderr });
  const foreground = await cli(daemon, ["run", "--rm", "--pull=never", ...cgroup(daemon), image]);
  assert.deepEqual(foreground, { code: 0, stdout, stderr });
});
