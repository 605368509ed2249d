// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cli, cliCommand, ok, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { makeFifo } from "../harness/io/fifo.ts";
import { namesIn } from "../harness/leaks/traces.ts";
import { until, within } from "../harness/poll.ts";
import { signalChild } from "../harness/processes.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";

/** Returns whether a thread of a process waits for the other end of a FIFO (proc_pid_wchan(5)). */
function opensFifo(pid: number): boolean {
  return namesIn(`/proc/${pid}/task`).some((thread) => {
    try {
      const place = Deno.readTextFileSync(`/proc/${pid}/task/${thread}/wchan`);
      return /^(wait_for_partner|fifo_open)$/.test(place);
    } catch {
      // The thread has just ended.
      return false;
    }
  });
}

Deno.test("berth: a FIFO without a writer in the place of a file is left by a signal", async () => {
  await using daemon = await TestDaemon.start();
  const fifo = makeFifo(daemon.dir);
  const running = ["run", "-d", "--name", "web", ...rootfsArgs(daemon), "--", "sleep", "1000"];
  await ok(daemon, ...running);
  const container = [...rootfsArgs(daemon), "--", "true"];
  for (
    const [args, signal, code] of [
      [["run", "--rm", "--env-file", fifo, ...container], "SIGINT", 130],
      [["run", "-d", "--label-file", fifo, ...container], "SIGTERM", 143],
      [["create", "--security-opt", `seccomp=${fifo}`, ...container], "SIGHUP", 129],
      [["exec", "--env-file", fifo, "web", "true"], "SIGINT", 130],
      [["load", "-i", fifo], "SIGTERM", 143],
      [["import", fifo, "base"], "SIGINT", 130],
    ] as const
  ) {
    const child = cliCommand(daemon, args, { stdin: "null", stdout: "piped", stderr: "piped" })
      .spawn();
    try {
      await until("the wait for a writer", () => opensFifo(child.pid));
      child.kill(signal);
      const output = await within(`the end of ${args[0]}`, child.output());
      const stderr = new TextDecoder().decode(output.stderr);
      assert.deepEqual([output.code, stderr], [code, `berth: ended by ${signal}\n`], args[0]);
    } finally {
      // Whatever still waits for it gets a writer.
      new Deno.Command("timeout", { args: ["1", "sh", "-c", `: >${fifo}`] }).outputSync();
    }
  }
  assert.deepEqual(await daemon.containerIds(), ["web"]);
});

Deno.test("berth: a signal ends a command whose daemon does not answer, wherever it has come", async () => {
  await using daemon = await TestDaemon.start();
  const socket = `${daemon.dir}/silent.sock`;
  using silent = Deno.listen({ transport: "unix", path: socket });
  const container = [...rootfsArgs(daemon), "--", "true"];
  for (
    const [args, ...signals] of [
      [["run", ...container], "SIGINT"],
      [["run", "-d", ...container], "SIGTERM"],
      [["create", ...container], "SIGHUP"],
      [["run", "--rm", "image"], "SIGINT"],
      [["exec", "-u", "nobody", "web", "true"], "SIGINT"],
      [["exec", "-d", "web", "true"], "SIGTERM"],
      // The first waits for the process.
      [["exec", "web", "true"], "SIGTERM", "SIGINT"],
      [["start", "-a", "web"], "SIGINT"],
      [["attach", "web"], "SIGINT"],
      [["wait", "web"], "SIGINT"],
      [["logs", "-f", "web"], "SIGINT"],
      [["pull", "image"], "SIGINT"],
      [["events"], "SIGINT"],
    ] as const
  ) {
    const env = { BERTH_SOCKET: socket };
    const child = cliCommand(daemon, args, { stdin: "null", stdout: "null", stderr: "null", env })
      .spawn();
    try {
      using connection = await within("its connection", silent.accept());
      await within("its first call", connection.read(new Uint8Array(100)));
      for (const signal of signals) child.kill(signal);
      const { code } = await within(`the end of ${args[0]}`, child.status);
      const codes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
      assert.ok(signals.some((signal) => codes[signal] === code), `${args.join(" ")}: ${code}`);
    } finally {
      signalChild(child, "SIGKILL");
    }
  }
});

Deno.test("berth run, start -a, exec: signals leave a start that hangs, and nothing of a container of run", async () => {
  await using daemon = await TestDaemon.start();
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const options = ["--runtime", wrapper.path, ...rootfsArgs(daemon), "--", "sleep", "1000"];
  await ok(daemon, "create", "--name", "web", ...options);
  await ok(daemon, "run", "-d", "--name", "up", ...options);
  const releases = [wrapper.hang("start"), wrapper.hang("exec")];
  const told = (what: string) => `berth: told to leave: ${what}\n`;
  for (
    const [args, said, ...signals] of [
      [["run", "-d", ...options], "", "SIGTERM"],
      [["run", ...options], "", "SIGTERM", "SIGINT"],
      [["start", "-a", "web"], told("web may still start, see berth ps -a"), "SIGTERM", "SIGINT"],
      [
        ["exec", "--exec-id", "e", "up", "true"],
        told("e may still come to run in up"),
        "SIGTERM",
        "SIGINT",
      ],
    ] as const
  ) {
    const subcommand = args[0] === "exec" ? "exec" : "start";
    const calls = wrapper.calls(subcommand).length;
    const child = cliCommand(daemon, args, { stdin: "null", stdout: "null", stderr: "piped" })
      .spawn();
    await wrapper.called(subcommand, calls + 1);
    // Two of one kind could be taken for one.
    for (const signal of signals) child.kill(signal);
    const { code, stderr } = await within(`the end of ${args[0]}`, child.output());
    assert.ok(code === 130 || code === 143, String(code));
    const words = new TextDecoder().decode(stderr);
    assert.ok(words.startsWith(said), words);
    assert.match(words.slice(said.length), /^berth: ended by SIG(INT|TERM)\n$/);
    assert.deepEqual((await daemon.containerIds()).sort(), ["up", "web"], args.join(" "));
  }
  for (const release of releases) release();
  await ok(daemon, "rm", "-f", "web", "up");
});

Deno.test("berth run: a file of variables may be a pipe, and is told when it cannot be read", async () => {
  await using daemon = await TestDaemon.start();
  const run = (...options: string[]) => [
    ...["run", "--rm", ...options, ...rootfsArgs(daemon), "--"],
    ...["sh", "-c", 'echo "$A"'],
  ];
  const piped = await cli(daemon, run("--env-file", "/dev/stdin"), { stdin: "A=1\n" });
  assert.deepEqual(piped, { code: 0, stdout: "1\n", stderr: "" });
  const profile = JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW" });
  const filtered = run("-e", "A=2", "--security-opt", "seccomp=/dev/stdin");
  const allowed = await cli(daemon, filtered, { stdin: profile });
  assert.deepEqual(allowed, { code: 0, stdout: "2\n", stderr: "" });
  for (
    const [options, why] of [
      [["--env-file", "/dev/zero"], "cannot read /dev/zero: it has more than 16 MiB"],
      [["--label-file", "/tmp"], "cannot read /tmp: it is a directory"],
      [["--env-file", "/no/file"], "cannot read /no/file: no such file"],
      [["--security-opt", "seccomp=/tmp"], "seccomp profile /tmp: it is a directory"],
    ] as const
  ) {
    const { code, stderr } = await cli(daemon, run(...options));
    assert.deepEqual([code, stderr], [125, `berth: ${why}\n`]);
  }
});

Deno.test("berth run -d, create: a signal leaves nothing, however far they have come", async () => {
  await using daemon = await TestDaemon.start();
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const options = ["--runtime", wrapper.path, "--overlay", "-i", ...rootfsArgs(daemon)];
  const idFile = `${daemon.dir}/id`;
  for (
    const [verb, subcommand, signal, code] of [
      [["run", "-d"], "create", "SIGTERM", 143],
      [["run", "-d"], "start", "SIGINT", 130],
      [["create"], "create", "SIGHUP", 129],
    ] as const
  ) {
    const calls = wrapper.calls(subcommand).length;
    const release = wrapper.hang(subcommand);
    const args = [...verb, "--cidfile", idFile, ...options, "--", "sleep", "1000"];
    const child = cliCommand(daemon, args, { stdin: "null", stdout: "piped", stderr: "piped" })
      .spawn();
    await wrapper.called(subcommand, calls + 1);
    child.kill(signal);
    release();
    wrapper.clear();
    const { stdout, stderr, ...end } = await within("its end", child.output());
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    const told = `berth: ended by ${signal}\n`;
    assert.deepEqual([end.code, text(stderr), text(stdout)], [code, told, ""], verb.join(" "));
    assert.deepEqual(await daemon.containerIds(), []);
    for (const kind of ["logs", "io", "overlay", "etc"]) {
      assert.deepEqual(namesIn(`${daemon.root}/${kind}`), [], kind);
    }
    assert.ok(!namesIn(daemon.dir).includes("id"), "the --cidfile");
  }
});

Deno.test("berth run -d, create: a second signal is not silent, and leaves no empty --cidfile", async () => {
  await using daemon = await TestDaemon.start();
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const idFile = `${daemon.dir}/id`;
  for (
    const [verb, subcommand, isCreated] of [
      [["run", "-d"], "create", false],
      [["run", "-d"], "start", true],
      [["create"], "create", false],
    ] as const
  ) {
    const calls = wrapper.calls(subcommand).length;
    const releases = [wrapper.hang(subcommand), wrapper.hang("delete")];
    const options = ["--name", "c", "--runtime", wrapper.path, ...rootfsArgs(daemon)];
    const args = [...verb, "--cidfile", idFile, ...options, "--", "sleep", "1000"];
    const child = cliCommand(daemon, args, { stdin: "null", stdout: "null", stderr: "piped" })
      .spawn();
    await wrapper.called(subcommand, calls + 1);
    // Two of one kind could be taken for one.
    child.kill("SIGTERM");
    child.kill("SIGINT");
    const { code, stderr } = await within("its end", child.output());
    assert.match(new TextDecoder().decode(stderr), /told to leave: .* see berth ps -a\n$/);
    assert.ok(code === 130 || code === 143, String(code));
    assert.equal(namesIn(daemon.dir).includes("id"), isCreated, verb.join(" "));
    if (isCreated) {
      assert.notEqual(Deno.readTextFileSync(idFile), "");
      Deno.removeSync(idFile);
    }
    for (const release of releases) release();
    wrapper.clear();
    await until("its end", async () => {
      await cli(daemon, ["rm", "-f", "c"]);
      return (await daemon.containerIds()).length === 0;
    });
  }
});

Deno.test("berth run: a second interrupt takes back what a hanging runtime creates, a third leaves it", async () => {
  await using daemon = await TestDaemon.start();
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const options = ["--name", "c", "--runtime", wrapper.path, "--overlay", ...rootfsArgs(daemon)];
  const run = async () => {
    const calls = wrapper.calls("create").length;
    const child = cliCommand(daemon, ["run", ...options, "--", "true"], {
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    await wrapper.called("create", calls + 1);
    // Two of one kind could be taken for one.
    child.kill("SIGTERM");
    child.kill("SIGINT");
    return child;
  };
  const releases = [wrapper.hang("create")];
  const taken = await within("the end of run", (await run()).output());
  const signal = /^berth: ended by (SIGINT|SIGTERM)\n$/.exec(
    new TextDecoder().decode(taken.stderr),
  );
  assert.equal(taken.code, signal?.[1] === "SIGINT" ? 130 : 143);
  for (const kind of ["io", "overlay", "etc"]) {
    assert.deepEqual(namesIn(`${daemon.root}/${kind}`), [], kind);
  }
  releases.push(wrapper.hang("delete"));
  const left = await run();
  const output = left.stderr.pipeThrough(new TextDecoderStream()).getReader();
  assert.match(
    (await within("a word", output.read())).value ?? "",
    /once more to leave at once\n$/,
  );
  left.kill("SIGINT");
  assert.equal((await within("the end of run", left.status)).code, 130);
  assert.match((await output.read()).value ?? "", /told to leave/);
  await output.cancel();
  for (const release of releases) release();
  wrapper.clear();
  await until("the end of its create", async () => {
    const { code } = await cli(daemon, ["create", ...options, "--", "true"]);
    return code === 0;
  });
});
