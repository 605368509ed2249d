// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cli, cliCommand, ok, rootfsArgs } from "../harness/cli.ts";
import { testNotCompiled } from "../harness/program/compiled.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until, within } from "../harness/poll.ts";

async function withContainer(use: (daemon: TestDaemon) => Promise<void>) {
  await using daemon = await TestDaemon.start();
  const options = ["-d", "--name", "c", "-e", "A=own", "-w", "/tmp", ...rootfsArgs(daemon)];
  await ok(daemon, "run", ...options, "--", "sleep", "1000");
  await use(daemon);
}

Deno.test("berth exec passes input, output and exit status through", async () => {
  await withContainer(async (daemon) => {
    const exec = ["exec", "c", "sh", "-c"];
    assert.deepEqual(await cli(daemon, [...exec, "echo out; echo err >&2; exit 7"]), {
      code: 7,
      stdout: "out\n",
      stderr: "err\n",
    });
    const piped = await cli(daemon, ["exec", "-i", "c", "--", "wc", "-c"], {
      stdin: "y".repeat(200_000),
    });
    assert.equal(piped.stdout.trim(), "200000");
    assert.equal((await cli(daemon, ["exec", "c", "cat"], { stdin: "no" })).stdout, "");
    const { processes } = await daemon.stateOf("c");
    assert.deepEqual(processes, []);
  });
});

Deno.test("berth exec takes over what it is not told, and changes what it is", async () => {
  await withContainer(async (daemon) => {
    const out = async (...args: string[]) => (await cli(daemon, ["exec", ...args])).stdout.trim();
    assert.equal(await out("c", "sh", "-c", "echo $A; pwd; id -u"), "own\n/tmp\n0");
    assert.equal(await out("-e", "A=new", "-e", "B=2", "c", "sh", "-c", "echo $A $B"), "new 2");
    assert.equal(await out("-e", "A", "c", "sh", "-c", "echo ${A-none}"), "none", "not set here");
    assert.equal(
      await out("-u", "12:34", "-w", "/etc", "c", "sh", "-c", "id -u; id -g; pwd"),
      "12\n34\n/etc",
    );
    assert.equal(await out("-u", "root", "c", "id", "-u"), "0");
    const long = "z".repeat(20_000);
    assert.equal(await out("c", "echo", long), long);
  });
});

Deno.test("berth exec says by its exit status what went wrong", async () => {
  await withContainer(async (daemon) => {
    for (
      const [args, code, message] of [
        [["c", "nosuch"], 127, /nosuch/],
        [["c", "/etc/passwd"], 126, /permission denied|not executable/],
        [["c", "/etc"], 126, /"\/etc"/],
        [["c", "/bin/sh/x"], 127, /not a directory/],
        [["gone", "true"], 125, /gone/],
        [["-u", "nobody-such", "c", "true"], 125, /nobody-such/],
      ] as const
    ) {
      const result = await cli(daemon, ["exec", ...args]);
      assert.equal(result.code, code, result.stderr);
      assert.match(result.stderr, message);
      assert.match(result.stderr, /^berth: [^\n]+\n$/);
    }
    await daemon.client.call("container.kill", { id: "c", signal: "KILL" });
    await daemon.exitOf("c");
    assert.equal((await cli(daemon, ["exec", "c", "true"])).code, 125);
  });
});

Deno.test("berth exec: a background child that keeps the output open does not keep exec", async () => {
  await withContainer(async (daemon) => {
    const script = "sleep 1000 & echo started";
    const result = await within("exec", cli(daemon, ["exec", "c", "sh", "-c", script]));
    assert.deepEqual(result, { code: 0, stdout: "started\n", stderr: "" });
  });
});

Deno.test("berth exec: a background child that goes on writing does not keep exec, which loses nothing", async () => {
  await withContainer(async (daemon) => {
    const script = "(while :; do echo x; sleep 0.01; done) & seq 30000; echo end >&2; exit 3";
    const args = ["exec", "c", "sh", "-c", script];
    const { code, stdout, stderr } = await within("exec", cli(daemon, args));
    assert.equal(code, 3);
    assert.equal(stderr, "end\n");
    // What the child writes may come in the middle of a line.
    const own = stdout.replaceAll("x\n", "");
    assert.equal(own, Array.from({ length: 30_000 }, (_, index) => `${index + 1}\n`).join(""));
  });
});

for (const input of ["", "a", "a\n", "a\nb", "x".repeat(100)]) {
  Deno.test(`berth exec: input ${JSON.stringify(input.slice(0, 5))} of ${input.length} bytes ends at a terminal`, async () => {
    await withContainer(async (daemon) => {
      const exec = cli(daemon, ["exec", "-it", "c", "cat"], { stdin: input });
      const { code, stdout } = await within("exec", exec);
      assert.equal(code, 0);
      assert.ok(stdout.replaceAll("\r", "").startsWith(input), JSON.stringify(stdout));
    });
  });
}

Deno.test("berth exec -d runs on by itself, and wait and kill reach it", async () => {
  await withContainer(async (daemon) => {
    const { stdout } = await cli(daemon, ["exec", "-d", "--exec-id", "job", "c", "sleep", "1000"]);
    assert.equal(stdout, "job\n");
    await until("its command", async () => {
      const { stdout } = await cli(daemon, ["ps", "c"]);
      return /job +sleep 1000\n/.test(stdout);
    });
    await ok(daemon, "kill", "--exec", "job", "c");
    assert.equal((await cli(daemon, ["wait", "--exec", "job", "c"])).stdout, "137\n");
  });
});

Deno.test("berth exec: a signal to exec reaches the process in the container", async () => {
  await withContainer(async (daemon) => {
    const script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    const child = cliCommand(daemon, ["exec", "c", "sh", "-c", script], {
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const output = child.stdout.getReader();
    await output.read();
    child.kill("SIGTERM");
    assert.equal((await within("the end of exec", child.status)).code, 9);
    await output.cancel();
    const { status } = await daemon.stateOf("c");
    assert.equal(status, "running");
  });
});

Deno.test("berth exec leaves no FIFOs behind", async () => {
  await withContainer(async (daemon) => {
    const tmp = `${daemon.dir}/tmp`;
    await Deno.mkdir(tmp);
    const options = { env: { TMPDIR: tmp } };
    assert.equal((await cli(daemon, ["exec", "c", "true"], options)).code, 0);
    assert.equal((await cli(daemon, ["exec", "c", "nosuch"], options)).code, 127);
    await until("an empty directory", () => [...Deno.readDirSync(tmp)].length === 0);
  });
});

testNotCompiled(
  "berth exec: a TMPDIR that is empty or relative is as good as any",
  "Deno starts no compiled program so",
  async () => {
    await withContainer(async (daemon) => {
      const cwd = `${daemon.dir}/cwd`;
      await Deno.mkdir(cwd);
      for (const TMPDIR of ["", "."]) {
        assert.deepEqual(await cli(daemon, ["exec", "c", "echo", "hi"], { cwd, env: { TMPDIR } }), {
          code: 0,
          stdout: "hi\n",
          stderr: "",
        });
      }
      assert.deepEqual([...Deno.readDirSync(cwd)], []);
    });
  },
);

Deno.test("berth exec tells the status of a process whose shim is killed", async () => {
  await withContainer(async (daemon) => {
    const exec = cliCommand(daemon, ["exec", "c", "sh", "-c", "echo begun; exec sleep 90"], {
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output = exec.stdout.pipeThrough(new TextDecoderStream()).getReader();
    // What it shows comes after its own wait for the process.
    assert.equal((await within("what it shows", output.read())).value, "begun\n");
    await daemon.killShim("c");
    assert.equal((await within("the end of exec", exec.status)).code, 137);
    assert.equal((await within("its output's end", output.read())).done, true);
    assert.equal(await new Response(exec.stderr).text(), "");
  });
});
