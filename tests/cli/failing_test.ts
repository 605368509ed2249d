// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { output } from "../harness/command.ts";
import { cli, cliCommand, ok, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { HoldingProxy } from "../harness/io/holding_proxy.ts";
import { filesIn } from "../harness/leaks/traces.ts";
import { until, within } from "../harness/poll.ts";
import { program } from "../harness/run.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";

Deno.test("berth: input that ends when nobody reads it any more is no error", async () => {
  await using daemon = await TestDaemon.start();
  const script = "echo one; read x; exit 5";
  const args = ["run", "--rm", "-it", ...rootfsArgs(daemon), "--", "sh", "-c", script];
  const child = cliCommand(daemon, args, { stdin: "piped", stdout: "piped", stderr: "piped" })
    .spawn();
  const output = child.stdout.getReader();
  await output.read();
  // While the daemon is away the command does not learn of the exit.
  await daemon.kill9();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode("go\n"));
  await delay(1000);
  await input.close();
  await delay(300);
  await daemon.start();
  const { code } = await within("the end of the command", child.status);
  assert.equal(await new Response(child.stderr).text(), "");
  assert.equal(code, 5);
});

Deno.test("berth run says which of its streams failed, and --rm removes the container then too", async () => {
  await using daemon = await TestDaemon.start();
  const run = ["run", "--rm", ...rootfsArgs(daemon), "-i", "--"];
  for (
    const [redirection, args, message] of [
      [">/dev/full", ["echo", "x"], /^berth: cannot write standard output: No space/],
      ["</tmp", ["cat"], /^berth: cannot read standard input: Is a directory/],
    ] as const
  ) {
    const argv = ["sh", "-c", `exec "$@" ${redirection}`, "sh", ...program(), ...run, ...args];
    const { code, stderr } = await output(argv, { env: { BERTH_SOCKET: daemon.socket } });
    assert.equal(code, 125);
    assert.match(stderr, message);
    assert.equal((await cli(daemon, ["ps", "-q"])).stdout, "");
  }
});

Deno.test("berth: cp and logs end in silence, with SIGPIPE's status, when their reader leaves", async () => {
  await using daemon = await TestDaemon.start();
  for (
    const [id, script] of [
      ["loud", "while :; do echo x; sleep 0.05; done"],
      ["quiet", "sleep 1000"],
    ] as const
  ) {
    const run = ["run", "-d", "--name", id, ...rootfsArgs(daemon), "--", "sh", "-c", script];
    await ok(daemon, ...run);
  }
  for (const args of [["cp", "loud:/bin", "-"], ["logs", "-f", "quiet", "loud"]]) {
    const child = cliCommand(daemon, args, { stdin: "null", stdout: "piped", stderr: "piped" })
      .spawn();
    const output = child.stdout.getReader();
    await within("some output", output.read());
    await output.cancel();
    const { code } = await within("its end without a reader", child.status);
    assert.deepEqual([code, await new Response(child.stderr).text()], [141, ""], args.join(" "));
  }
});

Deno.test("berth: --rm removes its own container only, and one that is gone is no error", async () => {
  await using daemon = await TestDaemon.start();
  const run = ["run", "--rm", "--name", "c", ...rootfsArgs(daemon), "-i"];
  const attended = cliCommand(daemon, [...run, "--", "sh", "-c", "echo; read x; exit 3"], {
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await attended.stdout.getReader().read();
  await ok(daemon, "rm", "-f", "c");
  assert.equal((await within("the end of the command", attended.status)).code, 137);
  assert.equal(await new Response(attended.stderr).text(), "");
  await attended.stdin.close();
});

Deno.test("berth: a daemon that dies in a create, and comes back, is asked what became of it", async () => {
  await using daemon = await TestDaemon.start();
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const options = ["--runtime", wrapper.path, "--overlay", ...rootfsArgs(daemon)];
  const sh = ["--", "sh", "-c", "echo out; exit 3"];
  for (
    const [args, code, stdout] of [
      [["run", "--rm"], 3, "out\n"],
      [["run", "-d", "--name", "two"], 0, "two\n"],
    ] as const
  ) {
    const calls = wrapper.calls("create").length;
    const release = wrapper.hang("create");
    const running = cli(daemon, [...args, ...options, ...sh]);
    await wrapper.called("create", calls + 1);
    await daemon.kill9();
    await delay(200);
    release();
    wrapper.clear();
    await daemon.start();
    assert.deepEqual(await running, { code, stdout, stderr: "" });
  }
  await daemon.exitOf("two");
  assert.equal((await cli(daemon, ["logs", "two"])).stdout, "out\n");
});

Deno.test("berth: a create that dies with its daemon and its shim leaves nothing", async () => {
  await using daemon = await TestDaemon.start();
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const args = ["run", "-d", "-i", "--name", "c", "--overlay", "--runtime", wrapper.path];
  const release = wrapper.hang("create");
  const running = cli(daemon, [...args, ...rootfsArgs(daemon), "--", "true"]);
  await wrapper.called("create");
  const { pid } = JSON.parse(Deno.readTextFileSync(`${daemon.state}/linux/c/shim.json`));
  await daemon.kill9();
  Deno.kill(pid, "SIGKILL");
  await daemon.start();
  release();
  wrapper.clear();
  const { code, stderr } = await running;
  assert.equal(code, 125, stderr);
  // The daemon removes them at the same time.
  const left = () =>
    ["logs", "io", "overlay"].flatMap((kind) => [...Deno.readDirSync(`${daemon.root}/${kind}`)]);
  await until("nothing is left", () => left().length === 0);
});

Deno.test("berth rm -f of what is being created takes it back", async () => {
  await using daemon = await TestDaemon.start();
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const options = ["--overlay", "--runtime", wrapper.path, "-v", "/data", ...rootfsArgs(daemon)];
  const release = wrapper.hang("create");
  const running = cli(daemon, ["run", "--name", "c", "-i", ...options, "--", "true"]);
  await wrapper.called("create");
  assert.deepEqual(await cli(daemon, ["rm", "-f", "c"]), { code: 0, stdout: "c\n", stderr: "" });
  assert.deepEqual(await running, {
    code: 125,
    stdout: "",
    stderr: "berth: container c was removed while it was being created\n",
  });
  for (const kind of ["io", "overlay", "etc", "volumes"]) {
    assert.deepEqual(filesIn(`${daemon.root}/${kind}`), [], kind);
  }
  release();
});

Deno.test("berth rm -f spares what a command makes of an id that the daemon knows nothing of yet", async () => {
  await using daemon = await TestDaemon.start();
  const options = ["--overlay", "-v", "/data", ...rootfsArgs(daemon)];
  const held = `${daemon.dir}/held.sock`;
  using proxy = HoldingProxy.listen(held, daemon.socket, "container.create");
  const later = cli(daemon, ["run", "--rm", "--name", "c", ...options, "--", "cat", "/etc/hosts"], {
    env: { BERTH_SOCKET: held },
  });
  await within("the create", proxy.held);
  const { code, stderr } = await cli(daemon, ["rm", "-f", "c"]);
  assert.deepEqual([code, stderr], [125, "berth: no container c\n"]);
  proxy.release();
  const { stdout, ...rest } = await later;
  assert.deepEqual(rest, { code: 0, stderr: "" });
  assert.match(stdout, /localhost/);
});
