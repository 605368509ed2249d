// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { removeFile } from "../../src/linux/fs/remove_file.ts";
import { cli, cliCommand, ok, rootfsArgs, sh } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until, within } from "../harness/poll.ts";
import { openAbove } from "../harness/files.ts";
import { rootfsDir } from "../harness/rootfs.ts";

/** Returns the names below the daemon's root directory, but for its lock. */
function rootEntries(daemon: TestDaemon): string[] {
  const walk = (dir: string): string[] =>
    [...Deno.readDirSync(dir)].flatMap(({ name, isDirectory }) =>
      isDirectory ? walk(`${dir}/${name}`) : [`${dir}/${name}`.slice(daemon.root.length + 1)]
    );
  return walk(daemon.root).filter((name) => name !== "root.lock");
}

Deno.test("berth run passes output, error output, input and exit status through, and --rm leaves nothing", async () => {
  await using daemon = await TestDaemon.start();
  const run = ["run", "--rm", ...rootfsArgs(daemon)];
  assert.deepEqual(await cli(daemon, [...run, ...sh("exit 0")]), {
    code: 0,
    stdout: "",
    stderr: "",
  });
  const audit = LeakAudit.take(daemon);

  assert.deepEqual(await cli(daemon, [...run, ...sh("echo out; echo err >&2; exit 7")]), {
    code: 7,
    stdout: "out\n",
    stderr: "err\n",
  });
  const counted = await cli(daemon, [...run, "-i", "--", "wc", "-c"], {
    stdin: "x".repeat(300_000),
  });
  assert.equal(counted.stdout.trim(), "300000");
  assert.equal((await cli(daemon, [...run, "--", "cat"], { stdin: "not passed on" })).stdout, "");

  assert.deepEqual(await daemon.containerIds(), []);
  assert.deepEqual(rootEntries(daemon), []);
  await audit.assertClean();
});

Deno.test("berth run says by its exit status what went wrong, and leaves nothing of it", async () => {
  await using daemon = await TestDaemon.start();
  const run = ["run", ...rootfsArgs(daemon)];
  for (
    const [args, code, message] of [
      [[...run, "--", "nosuch"], 127, /nosuch/],
      [[...run, "--", "/no/such"], 127, /no such file/],
      [[...run, "--", "/etc/passwd"], 126, /permission denied/],
      [[...run, "--", "/etc"], 126, /"\/etc"/],
      [[...run, "--", "/bin/sh/x"], 127, /not a directory/],
      [[...run, "--runtime", "/no/runtime", "--", "true"], 125, /runtime/],
      [[...run, "--mount", "src=/no/src,dst=/mnt", "--", "true"], 125, /\/no\/src/],
      [[...run, "--user", "nobody-such", "--", "true"], 125, /nobody-such/],
      [[...run, "--memory", "lots", "--", "true"], 125, /--memory/],
      [[...run, "-v", "/tmp:/x", "--tmpfs", "/x/", "--", "true"], 125, /two mounts at \/x/],
      [["run", "--rootfs", "/no/dir", "--", "true"], 125, /\/no\/dir/],
      [["run"], 125, /--rootfs/],
      [["run", "--rootfs", "/"], 125, /command/],
      [["run", "--bundle", "/no/bundle"], 125, /\/no\/bundle/],
      [[...run, "--name", "../x", "--", "true"], 125, /id/],
      [[...run, "--cgroup-parent", "ssh.service", "--", "true"], 125, /ssh\.service.*a slice/],
      [[...run, "--cgroup-parent", "a.scope", "--", "true"], 125, /a\.scope.*a slice/],
    ] as const
  ) {
    const result = await cli(daemon, args);
    assert.equal(result.code, code, `${args.join(" ")}: ${result.stderr}`);
    assert.match(result.stderr, message);
    assert.match(result.stderr, /^berth: [^\n]+\n$/, "one clear line");
    assert.equal(result.stdout, "");
  }
  assert.deepEqual(await daemon.containerIds(), []);
  assert.deepEqual(rootEntries(daemon), []);
});

Deno.test("berth run makes the container that its options ask for", async () => {
  await using daemon = await TestDaemon.start();
  const run = ["run", "--rm", ...rootfsArgs(daemon)];
  const out = async (options: string[], script: string) => {
    const result = await cli(daemon, [...run, ...options, ...sh(script)], {
      env: { HERE: "host" },
    });
    assert.equal(result.code, 0, result.stderr);
    return result.stdout.trim();
  };
  assert.equal(await out(["-e", "A=b c", "-e", "HERE"], 'echo "$A $HERE"'), "b c host");
  assert.equal(await out(["--hostname", "boat"], "hostname"), "boat");
  assert.equal(await out(["--name", "named"], "hostname"), "named");
  assert.equal(await out(["-w", "/tmp", "-u", "1234:55"], "id -u; id -g; pwd"), "1234\n55\n/tmp");
  assert.equal(await out(["--read-only"], "touch /x 2>/dev/null || echo refused"), "refused");
  for (const name of ["hosts", "hostname", "resolv.conf"]) {
    const script = `(echo >>/etc/${name}) 2>/dev/null || echo refused`;
    assert.equal(await out(["--read-only"], script), "refused", name);
    assert.equal(await out([], script), "", name);
  }
  assert.equal(await out([], "echo $$"), "1");
  assert.equal(
    await out(
      ["--mount", "type=tmpfs,dst=/mnt,options=size=64k"],
      "df -k /mnt | tail -1 | awk '{print $2}'",
    ),
    "64",
  );

  const shared = await Deno.makeTempDir({ dir: daemon.dir });
  await Deno.writeTextFile(`${shared}/f`, "from the host");
  assert.equal(
    await out(["-v", `${shared}:/mnt:ro`], "cat /mnt/f; touch /mnt/g 2>/dev/null || echo ' ro'"),
    "from the host ro",
  );
  await out(["--mount", `type=bind,src=${shared},dst=/mnt`], "echo back > /mnt/g");
  assert.equal(await Deno.readTextFile(`${shared}/g`), "back\n");

  const hostNet = await out(["--net", "host"], "readlink /proc/self/ns/net");
  assert.equal(hostNet, await Deno.readLink("/proc/self/ns/net"));
  assert.notEqual(await out([], "readlink /proc/self/ns/net"), hostNet);
});

Deno.test("berth run -d labels and limits the container, and update changes its limits", async () => {
  await using daemon = await TestDaemon.start();
  const options = ["--memory", "64m", "--cpus", "0.5", "--pids", "20", "-l", "tier=front"];
  const started = await cli(daemon, [
    ...["run", "-d", "--name", "web", ...rootfsArgs(daemon), ...options],
    ...sh("exec sleep 1000"),
  ]);
  assert.deepEqual(started, { code: 0, stdout: "web\n", stderr: "" });
  const state = await daemon.stateOf("web");
  assert.equal(state.labels["tier"], "front");
  assert.equal(state.labels["berth.command"], "sh -c 'exec sleep 1000'");
  const stats = await daemon.client.call("container.stats", { id: "web" });
  assert.equal(stats.memory?.limitBytes, 64 << 20);
  assert.equal(stats.pids?.limit, 20);
  const updated = await cli(daemon, ["update", "--memory", "32m", "--pids", "10", "web"]);
  assert.deepEqual(updated, { code: 0, stdout: "web\n", stderr: "" });
  const after = await daemon.client.call("container.stats", { id: "web" });
  assert.equal(after.memory?.limitBytes, 32 << 20);
  assert.equal(after.pids?.limit, 10);
  const { spec } = JSON.parse((await cli(daemon, ["inspect", "--spec", "web"])).stdout);
  const { memory, pids, cpu } = spec.linux.resources;
  assert.deepEqual([memory.limit, pids.limit, cpu.quota], [32 << 20, 10, 50_000]);
  assert.equal((await cli(daemon, ["update", "web"])).code, 125);
});

Deno.test("berth run: an overlay keeps the directory as it is, and goes with the container", async () => {
  await using daemon = await TestDaemon.start();
  const run = ["run", "--overlay", ...rootfsArgs(daemon)];
  const result = await cli(daemon, [
    ...[...run, "--name", "over"],
    ...sh("echo new > /data/written; rm /etc/passwd; cat /data/written; ls /etc"),
  ]);
  assert.deepEqual(result, {
    code: 0,
    stdout: "new\ngroup\nhostname\nhosts\nresolv.conf\n",
    stderr: "",
  });
  assert.deepEqual([...Deno.readDirSync(`${rootfsDir()}/data`)], []);
  assert.ok(Deno.statSync(`${rootfsDir()}/etc/passwd`).isFile);
  assert.ok(rootEntries(daemon).some((path) => path.endsWith("upper/data/written")));
  await ok(daemon, "rm", "over");
  assert.deepEqual(rootEntries(daemon), []);
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/overlay`)], []);

  await ok(daemon, ...run, "--rm", ...sh("echo gone > /gone"));
  assert.equal((await cli(daemon, [...run, "--", "nosuch"])).code, 127);
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/overlay`)], []);
});

Deno.test("berth run: a resolv.conf that leads to /dev/null or /proc is left so, and output arrives", async () => {
  await using daemon = await TestDaemon.start();
  openAbove(daemon);
  for (const target of ["/dev/null", "/proc/1/environ"]) {
    const rootfs = `${daemon.dir}/rootfs${target.replaceAll("/", "-")}`;
    await new Deno.Command("cp", { args: ["-a", rootfsDir(), rootfs] }).output();
    // Containers in that directory have left an empty one.
    removeFile(`${rootfs}/etc/resolv.conf`);
    Deno.symlinkSync(target, `${rootfs}/etc/resolv.conf`);
    const args = ["run", "--rm", "--rootfs", rootfs, "--cgroup-parent", daemon.cgroup];
    const result = await cli(daemon, [
      ...args,
      "-w",
      "",
      ...sh("readlink /etc/resolv.conf; exit 3"),
    ]);
    assert.deepEqual(result, { code: 3, stdout: `${target}\n`, stderr: "" });
    const asked = await cli(daemon, [...args, "--dns", "192.0.2.1", "--", "true"]);
    assert.equal(
      asked.stderr,
      "/etc/resolv.conf of the root filesystem cannot be replaced, so this is left out: --dns\n",
    );
    removeFile(`${rootfs}/etc/resolv.conf`);
    Deno.symlinkSync("/dev/shm/resolv", `${rootfs}/etc/resolv.conf`);
    const dns = ["--dns", "192.0.2.1", "--", "cat", "/etc/resolv.conf"];
    // Root of a user namespace may make nothing in the root filesystem, but in its own /dev/shm.
    for (const more of [[], ["--overlay", "--userns", "0:200000:65536"]]) {
      const { stdout, stderr } = await cli(daemon, [...args, ...more, ...dns]);
      assert.match(stdout, /^nameserver 192\.0\.2\.1$/m, stderr);
    }
  }
});

Deno.test("berth run: a mount that would take the place of /dev/null is refused, and no output goes into it", async () => {
  await using daemon = await TestDaemon.start();
  const rootfs = `${daemon.dir}/rootfs`;
  await new Deno.Command("cp", { args: ["-a", rootfsDir(), rootfs] }).output();
  Deno.symlinkSync("/dev/null", `${rootfs}/link`);
  Deno.symlinkSync("/not-there", `${rootfs}/lost`);
  const file = `${daemon.dir}/file`;
  Deno.writeTextFileSync(file, "precious");
  const run = (...options: string[]) =>
    cli(daemon, [
      ...["run", "--rm", "--rootfs", rootfs, "--cgroup-parent", daemon.cgroup, ...options],
      ...sh("echo out; echo gone > /dev/null"),
    ]);
  for (const place of ["/dev/null", "/link"]) {
    const { code, stderr } = await run("-v", `${file}:${place}`);
    assert.equal(code, 125, stderr);
    assert.match(
      stderr,
      new RegExp(`cannot mount ${file} at ${place}: .* has to be the null device`),
    );
    assert.equal((await run("-v", `/dev/null:${place}`)).stdout, "out\n");
  }
  assert.equal((await run("-v", `${file}:/dev/shm/file`)).stdout, "out\n");
  assert.equal(Deno.readTextFileSync(file), "precious");
  assert.deepEqual(await run("-w", "/lost/x"), {
    code: 125,
    stdout: "",
    stderr:
      "berth: the working directory /lost/x leads through the link /lost, which leads nowhere\n",
  });
});

Deno.test("berth run: --bundle uses a bundle's config as it is, with its relative root", async () => {
  await using daemon = await TestDaemon.start();
  const bundle = await Deno.makeTempDir({ dir: daemon.dir });
  await Deno.symlink(rootfsDir(), `${bundle}/rootfs`);
  const spec = daemon.spec(["sh", "-c", 'echo "$GREETING from $(hostname)"'], {
    root: { path: "rootfs", readonly: true },
    hostname: "bundled",
    process: { env: ["PATH=/bin", "GREETING=hello"] },
  });
  await Deno.writeTextFile(`${bundle}/config.json`, JSON.stringify(spec));
  assert.deepEqual(await cli(daemon, ["run", "--rm", "--bundle", bundle]), {
    code: 0,
    stdout: "hello from bundled\n",
    stderr: "",
  });
  const relative = await cli(daemon, ["run", "--rm", "--bundle", "."], { cwd: bundle });
  assert.equal(relative.stdout, "hello from bundled\n");
  for (const more of [["--env", "A=b"], ["--rootfs", "/"], ["--", "sh"]]) {
    const refused = await cli(daemon, ["run", "--bundle", bundle, ...more]);
    assert.equal(refused.code, 125);
    assert.match(refused.stderr, /as it is/);
  }
});

Deno.test("berth run: 200 MB of output arrive whole and in order", async () => {
  await using daemon = await TestDaemon.start();
  const size = 200_000_000;
  const script = `head -c ${size} /dev/urandom | tee /mnt/copy`;
  const shared = await Deno.makeTempDir({ dir: daemon.dir });
  const child = cliCommand(daemon, [
    ...["run", "--rm", ...rootfsArgs(daemon), "-v", `${shared}:/mnt`],
    ...sh(script),
  ], { stdin: "null", stdout: "piped", stderr: "inherit" }).spawn();
  const hash = createHash("sha256");
  let length = 0;
  for await (const chunk of child.stdout) {
    length += chunk.length;
    hash.update(chunk);
  }
  assert.equal((await child.status).code, 0);
  assert.equal(length, size);
  const written = createHash("sha256");
  for await (const chunk of (await Deno.open(`${shared}/copy`)).readable) written.update(chunk);
  assert.equal(hash.digest("hex"), written.digest("hex"));
});

Deno.test("berth run: signals reach the process, and its own way of ending counts", async () => {
  await using daemon = await TestDaemon.start();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const) {
    const script = `trap 'echo got; exit 9' ${
      signal.slice(3)
    }; echo ready; while :; do sleep 0.05; done`;
    const child = cliCommand(daemon, ["run", "--rm", ...rootfsArgs(daemon), ...sh(script)], {
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const decoder = new TextDecoder();
    let output = "";
    for await (const chunk of child.stdout) {
      output += decoder.decode(chunk);
      if (output === "ready\n") child.kill(signal);
    }
    assert.equal((await child.status).code, 9);
    assert.equal(output, "ready\ngot\n");
  }
});

Deno.test("berth run: after the fourth interrupt run leaves, and says how to come back", async () => {
  await using daemon = await TestDaemon.start();
  const script = "trap 'echo no' INT; echo ready; while :; do sleep 0.05; done";
  const run = ["run", "--name", "web", ...rootfsArgs(daemon), ...sh(script)];
  const child = cliCommand(daemon, run, { stdin: "null", stdout: "piped", stderr: "piped" })
    .spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await output.read()).value, "ready\n");
  for (let n = 1; n <= 3; n++) {
    child.kill("SIGINT");
    assert.equal((await within("its answer", output.read())).value, "no\n");
  }
  child.kill("SIGINT");
  assert.equal((await child.status).code, 130);
  const said = await new Response(child.stderr).text();
  assert.equal(said, '\nberth: told to leave: web goes on; come back with "berth attach web"\n');
  await output.cancel();
  assert.equal((await daemon.stateOf("web")).status, "running");
});

Deno.test("berth run: a name that is taken is refused without touching its owner", async () => {
  await using daemon = await TestDaemon.start();
  const run = ["run", "-d", "-i", "--name", "one", ...rootfsArgs(daemon)];
  await ok(daemon, ...run, ...sh("echo first; exec cat"));
  await until(
    "the log",
    () =>
      Deno.readTextFileSync(`${daemon.root}/logs/one/container.log`).endsWith("stdout F first\n"),
  );
  const before = rootEntries(daemon);
  const second = await cli(daemon, [...run, ...sh("echo second")]);
  assert.equal(second.code, 125);
  assert.match(second.stderr, /one/);
  assert.equal(
    (await cli(daemon, ["run", "--name", "one", ...rootfsArgs(daemon), "--", "true"])).code,
    125,
  );
  assert.deepEqual(rootEntries(daemon), before);
  assert.equal((await cli(daemon, ["logs", "one"])).stdout, "first\n");
});

Deno.test("berth run: a reader of the output that leaves ends the command, and the container with --rm", async () => {
  await using daemon = await TestDaemon.start();
  const child = cliCommand(daemon, ["run", "--rm", ...rootfsArgs(daemon), "--", "yes"], {
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  const { code } = await within("the end of the command", child.status);
  assert.equal(code, 128 + 13);
  assert.equal(await new Response(child.stderr).text(), "");
  assert.deepEqual(await daemon.containerIds(), []);
});

Deno.test("berth run stays with its container while the daemon is killed and comes back", async () => {
  await using daemon = await TestDaemon.start();
  const script = "echo one; read x; echo two $x; exit 5";
  const child = cliCommand(daemon, ["run", "--rm", "-i", ...rootfsArgs(daemon), ...sh(script)], {
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await output.read()).value, "one\n");
  await daemon.kill9();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("go\n"));
  assert.equal((await output.read()).value, "two go\n");
  await daemon.start();
  await writer.close();
  const { code } = await within("the end of the command", child.status);
  assert.equal(await new Response(child.stderr).text(), "");
  assert.equal(code, 5);
  assert.equal((await output.read()).done, true);
  assert.deepEqual(await daemon.containerIds(), []);
});
