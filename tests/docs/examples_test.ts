// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type CommandResult, output } from "../harness/command.ts";
import { ROOT } from "../../scripts/root.ts";
import { SIGTERM } from "../../src/linux/process/signals.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until, within } from "../harness/poll.ts";
import { hasTrap } from "../harness/processes.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import { testNeeding } from "../../scripts/test_needing.ts";

async function run(daemon: TestDaemon, argv: readonly string[]): Promise<CommandResult> {
  const env = { BERTH_SOCKET: daemon.socket, BERTH_CGROUP_PARENT: `/${daemon.cgroup}` };
  return await within(argv.join(" "), output(argv, { cwd: daemon.dir, env }), 300_000);
}

const EXAMPLES = [
  {
    name: "Python",
    needed: "python3",
    argv: ["python3", `${ROOT}/examples/python/berth_client.py`],
  },
  { name: "shell", needed: "socat", argv: [`${ROOT}/examples/shell/life.sh`] },
] as const;

for (const { name, needed, argv } of EXAMPLES) {
  testNeeding(
    [needed],
    `examples: the ${name} example runs a container, shows its output and leaves nothing`,
    async () => {
      await using daemon = await TestDaemon.start();
      await daemon.life("first");
      using events = await EventCollector.subscribe(daemon.socket);
      const audit = LeakAudit.take(daemon);
      const script = 'echo "it said \\"hello\\""; exit 7';
      const { code, stdout, stderr } = await run(daemon, [
        ...argv,
        rootfsDir(),
        "sh",
        "-c",
        script,
      ]);
      assert.equal(stdout, 'it said "hello"\n', stderr);
      assert.equal(code, 7, stderr);
      const rooted = [...Deno.readDirSync(rootfsDir())].map(({ name }) => name);
      const nodes = rooted.includes("dev") ? [...Deno.readDirSync(`${rootfsDir()}/dev`)] : [];
      assert.deepEqual(nodes, [], "device nodes were made in the root filesystem");
      await events.wait({ type: "delete" });
      assert.equal(events.types(), "create start exit delete");
      await audit.assertClean();
    },
  );

  testNeeding(
    [needed],
    `examples: the ${name} example says what was wrong, and leaves nothing`,
    async () => {
      await using daemon = await TestDaemon.start();
      await daemon.life("first");
      const audit = LeakAudit.take(daemon);
      const { code, stderr } = await run(daemon, [...argv, rootfsDir(), "no-such-program"]);
      assert.notEqual(code, 0);
      assert.match(stderr, /RuntimeError/);
      assert.match(stderr, /no-such-program/);
      await audit.assertClean();
    },
  );
}

const TYPESCRIPT = `${ROOT}/examples/typescript`;

/** Deno on an example. */
function deno(name: string): string[] {
  return [Deno.execPath(), "run", "-A", "--no-check", `${TYPESCRIPT}/${name}`];
}

for (
  const [name, needed, argv] of [
    ["TypeScript", [], deno("job_runner.ts")],
    ["Python", ["python3"], ["python3", `${ROOT}/examples/python/job_runner.py`]],
  ] as const
) {
  testNeeding(
    needed,
    `examples: the ${name} job runner runs 50 jobs, ends the late ones, and leaves nothing`,
    async () => {
      await using daemon = await TestDaemon.start();
      await daemon.life("first");
      const audit = LeakAudit.take(daemon);
      const { code, stdout, stderr } = await run(daemon, [...argv, rootfsDir(), "50", "8", "15"]);
      assert.equal(code, 0, stderr);
      const lines = stdout.trim().split("\n");
      assert.equal(lines.at(-1), "48 good, 2 bad");
      for (let n = 1; n <= 50; n++) {
        const how = n % 25 === 0 ? "late, after" : "exit 0";
        assert(lines.includes(`job ${n}: ${how}: ${n * n}`), `job ${n}: ${stdout}`);
      }
      await audit.assertClean();
    },
  );
}

Deno.test("examples: the supervisor starts what has died again, and stops all at its end", async () => {
  await using daemon = await TestDaemon.start();
  using events = await EventCollector.subscribe(daemon.socket);
  const [command = "", ...args] = deno("supervisor.ts");
  const child = new Deno.Command(command, {
    args: [
      ...args,
      rootfsDir(),
      "2",
      "sh",
      "-c",
      "trap 'exit 0' TERM; while :; do sleep 0.1; done",
    ],
    env: { BERTH_SOCKET: daemon.socket },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const output = new Response(child.stdout).text();
  // Without their traps they would ignore the signal that ends them.
  const second = await events.wait({ type: "start", id: "worker-2" });
  await until("the trap of worker-2", () => hasTrap(second.pid, SIGTERM));
  await daemon.client.call("container.kill", { id: "worker-1", signal: "KILL" });
  const again = await events.wait({ type: "start", id: "worker-1" }, 2);
  await until("the trap of worker-1", () => hasTrap(again.pid, SIGTERM));
  child.kill("SIGTERM");
  const { code } = await within("the supervisor's end", child.status);
  const text = await output;
  assert.equal(code, 0, text);
  assert.match(text, /worker-1: exit 137\n/);
  assert.match(text, /worker-2: ended, 0\n/);
  assert.deepEqual(await daemon.containerIds(), []);
});

Deno.test("examples: the dashboard shows what containers use", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("web", ["sh", "-c", "while :; do :; done"]);
  // The runtime's own process, with its threads, has yet to become the container's.
  await until("a single thread", async () => {
    return (await daemon.client.call("container.stats", { id: "web" })).pids?.current === 1;
  });
  const { code, stdout, stderr } = await run(daemon, [...deno("dashboard.ts"), "2"]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^web +running +- % +\d+\.\d MiB +1$/m);
  assert.match(stdout, /^web +running +[1-9]\d*\.\d % /m);
});
