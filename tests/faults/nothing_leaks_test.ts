// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { crun } from "../harness/runtime/crun.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { FifoReader, makeFifo } from "../harness/io/fifo.ts";
import { until } from "../harness/poll.ts";
import { testNeeding } from "../../scripts/test_needing.ts";

const FOREVER = ["sleep", "1000"];

/** The fds of a process that are no stdio of it. */
function otherFds(pid: number): string[] {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].map(({ name }) => name)
    .filter((name) => Number(name) > 2)
    .map((name) => `${name}: ${Deno.readLinkSync(`/proc/${pid}/fd/${name}`)}`);
}

function environment(pid: number): string[] {
  return Deno.readTextFileSync(`/proc/${pid}/environ`).split("\0").filter(Boolean).sort();
}

/** Fails if a process of a container shows anything of berth, its shim or the runtime. */
async function assertClean(pid: number, init: number, what: string): Promise<void> {
  // The runtime's own init has become the program when its name is the program's; execve(2) sets the
  // name before the environment.
  await until(
    `${what} to be the program`,
    () => Deno.readTextFileSync(`/proc/${pid}/comm`) === "sleep\n" && environment(pid).length > 0,
  );
  assert.deepEqual(otherFds(pid), [], `${what}: fds`);
  assert.deepEqual(environment(pid), ["A=1", "HOME=/root", "PATH=/bin", "TERM=xterm"], what);
  assert.equal(Deno.readLinkSync(`/proc/${pid}/cwd`), "/", `${what}: cwd`);
  assert.equal(Deno.readTextFileSync(`/proc/${pid}/oom_score_adj`), "0\n", what);
  const cgroup = (of: number) => Deno.readTextFileSync(`/proc/${of}/cgroup`);
  assert.equal(cgroup(pid), cgroup(init), `${what}: cgroup`);
  for (const line of cgroup(pid).trim().split("\n")) {
    // What the machine does not mount, the runtime leaves.
    assert.match(line, /:\/$|\/d-[0-9a-f]+\//, `${what}: a cgroup of its own`);
  }
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  assert.match(status, /^SigIgn:\s+0+$/m, `${what}: ignored signals`);
  assert.match(status, /^SigBlk:\s+0+$/m, `${what}: blocked signals`);
  assert.match(status, /^Umask:\s+0022$/m, `${what}: umask`);
}

for (const name of ["runc", "crun"]) {
  testNeeding(
    [name],
    `nothing leaks: nothing of berth is seen in a container of ${name}, nor in an exec`,
    async () => {
      await using daemon = await TestDaemon.start({ env: { SECRET_OF_THE_DAEMON: "1" } });
      const { client } = daemon;
      const runtime = name === "crun" ? crun(daemon) : name;
      for (const terminal of [false, true]) {
        const id = `c-${terminal}`;
        const stdout = makeFifo(daemon.dir);
        await using _reader = new FifoReader(stdout);
        const env = ["PATH=/bin", "HOME=/root", "TERM=xterm", "A=1"];
        const pid = await daemon.run(id, FOREVER, { process: { env } }, {
          runtime,
          terminal,
          stdout,
        });
        await assertClean(pid, pid, `${name}, terminal ${terminal}: init`);
        for (const execTerminal of [false, true]) {
          const exec = await client.call("container.exec", {
            id,
            process: { args: FOREVER },
            terminal: execTerminal,
          });
          await assertClean(exec.pid, pid, `${name}, terminal ${terminal}: exec, ${execTerminal}`);
        }
        await daemon.remove(id);
      }
    },
  );
}
