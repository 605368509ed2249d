// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ROOT } from "../scripts/root.ts";
import { TestDaemon } from "./harness/daemon.ts";
import { EventCollector } from "./harness/events.ts";
import { LeakAudit } from "./harness/leak_audit.ts";
import { within } from "./harness/poll.ts";
import { rootfsDir } from "./harness/rootfs.ts";
import { testNeeding } from "../scripts/test_needing.ts";

interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(daemon: TestDaemon, argv: readonly string[]): Promise<Output> {
  const [command = "", ...args] = argv;
  const child = new Deno.Command(command, {
    args,
    cwd: daemon.dir,
    env: { BERTH_SOCKET: daemon.socket, BERTH_CGROUP_PARENT: `/${daemon.cgroup}` },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const { code, stdout, stderr } = await within(argv.join(" "), child.output(), 60_000);
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
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
    `the ${name} example runs a container, shows its output and leaves nothing`,
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

  testNeeding([needed], `the ${name} example says what was wrong, and leaves nothing`, async () => {
    await using daemon = await TestDaemon.start();
    await daemon.life("first");
    const audit = LeakAudit.take(daemon);
    const { code, stderr } = await run(daemon, [...argv, rootfsDir(), "no-such-program"]);
    assert.notEqual(code, 0);
    assert.match(stderr, /RuntimeError/);
    assert.match(stderr, /no-such-program/);
    await audit.assertClean();
  });
}
