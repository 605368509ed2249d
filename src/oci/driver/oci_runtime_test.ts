// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { O_CREAT, O_WRONLY, open, OwnedFd } from "../../linux/fd/fd.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import { DeadlineExceededError, RuntimeError } from "../../rpc/errors.ts";
import type { OciRuntime } from "./oci_runtime.ts";
import { TestContainers } from "./driver_testing.ts";
import { testNeeding } from "../../../scripts/test_needing.ts";
import { SmallDisk } from "../../../tests/harness/small_disk.ts";

/**
 * crun refuses a machine where v2 has controllers beside v1's, so it does not get to see v2: a
 * private mount namespace per call hides it.
 */
function crunHere(box: TestContainers): string {
  const unified = "/sys/fs/cgroup/unified";
  return box.script(
    "crun",
    `exec unshare -m sh -c 'mountpoint -q ${unified} && umount ${unified}; exec crun "$@"' crun "$@"`,
  );
}

const pidIn = (path: string) => Number(Deno.readTextFileSync(path));

async function failure(call: Promise<unknown>): Promise<RuntimeError> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof RuntimeError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "the call did not fail" });
}

for (const runtime of ["runc", "crun"]) {
  testNeeding(
    [runtime],
    `oci runtime: a whole life with ${runtime}, with exec, ps, pause, resume and state`,
    async () => {
      await using box = new TestContainers();
      const runc: OciRuntime = box.runc(runtime === "crun" ? crunHere(box) : "runc");
      const id = box.configure(runc, "/bin/sleep", "1000");
      const pidFile = `${box.bundle}/init.pid`;
      await runc.create({ id, bundle: box.bundle, pidFile });
      const pid = pidIn(pidFile);
      const exited = box.reaper.watch(pid);
      const status = async () => (await runc.state(id))?.status;
      assert.deepEqual(await runc.state(id), {
        id,
        status: "created",
        pid,
        bundle: box.bundle,
      });
      await runc.start(id);
      assert.equal(await status(), "running");

      const out = `${box.dir}/out`;
      const processFile = `${box.dir}/process.json`;
      Deno.writeTextFileSync(
        processFile,
        JSON.stringify({ args: ["/bin/sh", "-c", "echo hello"], cwd: "/" }),
      );
      const execPidFile = `${box.dir}/exec.pid`;
      {
        using stdout = new OwnedFd(open(out, O_CREAT | O_WRONLY));
        await runc.exec({ id, processFile, pidFile: execPidFile, stdout: stdout.fd });
      }
      const execExit = await box.reaper.watch(pidIn(execPidFile));
      assert.equal(execExit.status, 0);
      assert.equal(Deno.readTextFileSync(out), "hello\n");

      await runc.pause(id);
      assert.equal(await status(), "paused");
      await runc.resume(id);
      assert.equal(await status(), "running");
      await runc.update(id, { pids: { limit: 33 } });

      const refused = await failure(runc.delete(id));
      assert.equal(refused.data.id, id);
      await runc.kill(id, SIGKILL, { all: runtime === "runc" });
      assert.equal((await exited).signal, SIGKILL);
      assert.equal(await status(), "stopped");
      await runc.delete(id);
      assert.equal(await runc.state(id), undefined);
      await runc.delete(id, { force: true });
      assert.match((await runc.version()).version, /^\d+\.\d+/);
      assert.deepEqual(
        box.reports.slice(0, 3).map(({ subcommand, id, exitCode }) => [subcommand, id, exitCode]),
        [["create", id, 0], ["state", id, 0], ["start", id, 0]],
      );
    },
  );
}

Deno.test("oci runtime: a failing create tells what runc says, once", async () => {
  await using box = new TestContainers();
  const runc = box.runc();
  const id = box.configure(runc, "/bin/nothing");
  const call = () => runc.create({ id, bundle: box.bundle, pidFile: `${box.bundle}/init.pid` });
  const error = await failure(call());
  const said = 'runc create failed: unable to start container process: exec: "/bin/nothing": ' +
    "stat /bin/nothing: no such file or directory";
  assert.equal(error.message, `container ${id}: ${said}`);
  assert.equal(error.data.id, id);
  assert.equal(error.data["exitCode"], 1);
  assert.equal(error.data["runtimeMessage"], said);
  assert.match(String(error.data["command"]), /^runc --root \/.* create --bundle /);
  assert.equal(await runc.state(id), undefined);
  Deno.writeTextFileSync(`${box.bundle}/config.json`, "{");
  assert.match((await failure(call())).message, /unexpected EOF/);
});

Deno.test("oci runtime: where the disk is full a create fails, and a later one does not meet its rest", async () => {
  await using box = new TestContainers();
  const runc = box.runc();
  const id = box.configure(runc, "/bin/sleep", "1000");
  using disk = new SmallDisk(`${box.dir}/small`, "size=64k");
  const create = () => runc.create({ id, bundle: box.bundle, pidFile: `${disk.dir}/init.pid` });
  disk.fill();
  await failure(create());
  assert.deepEqual(Array.from(Deno.readDirSync(disk.dir), ({ name }) => name), ["filler"]);
  disk.empty();
  await create();
});

Deno.test("oci runtime: a pid file whose rest cannot be removed does not hide what the runtime says", async () => {
  await using box = new TestContainers();
  const failing = box.runc(box.script("failing", "echo no room >&2; exit 1"));
  Deno.mkdirSync(`${box.dir}/.init.pid/in-the-way`, { recursive: true });
  const pidFile = `${box.dir}/init.pid`;
  const error = await failure(failing.create({ id: "a", bundle: box.bundle, pidFile }));
  assert.match(error.message, /^container a: failing create failed/);
});

Deno.test("oci runtime: failing execs at once in one container do not mix their messages", async () => {
  await using box = new TestContainers();
  const runc = box.runc();
  const id = box.configure(runc, "/bin/sleep", "1000");
  const log = `${box.bundle}/log.json`;
  await runc.create({ id, bundle: box.bundle, pidFile: `${box.bundle}/init.pid`, log });
  await runc.start(id, { log });
  await Promise.all(Array.from({ length: 6 }, async (_, n) => {
    const processFile = `${box.dir}/process${n}.json`;
    Deno.writeTextFileSync(processFile, JSON.stringify({ args: [`/bin/no${n}`], cwd: "/" }));
    const pidFile = `${box.dir}/${n}.pid`;
    const error = await failure(runc.exec({ id, processFile, pidFile, log }));
    assert.match(error.message, new RegExp(`/bin/no${n}`));
    assert.equal(error.message.match(/\/bin\/no\d/g)?.every((at) => at === `/bin/no${n}`), true);
  }));
  const logs = [...Deno.readDirSync(box.bundle)].filter(({ name }) => name.startsWith("log"));
  assert.deepEqual(logs.map(({ name }) => name), ["log.json"]);
});

Deno.test("oci runtime: a hung runtime is killed at the timeout, or when the signal is aborted", async () => {
  await using box = new TestContainers();
  const hung = box.runc(box.script("hung", 'echo $$ > "$2.pid"; exec sleep 1000'));
  const pid = () => pidIn(`${box.dir}/r.pid`);
  await assert.rejects(hung.start("a", { timeoutMs: 3000 }), (error) => {
    assert.ok(error instanceof DeadlineExceededError);
    assert.equal(
      error.message,
      "container a: hung start did not end within 3000 ms and was killed",
    );
    assert.equal(error.data.id, "a");
    return true;
  });
  assert.throws(() => Deno.statSync(`/proc/${pid()}`), Deno.errors.NotFound);
  const abort = new AbortController();
  const call = hung.state("a", { signal: abort.signal });
  abort.abort();
  await assert.rejects(call, DeadlineExceededError);
  await assert.rejects(hung.start("a", { signal: AbortSignal.abort() }), DeadlineExceededError);
  assert.equal(box.reaper.watchedCount, 0);
});

Deno.test("oci runtime: a call that ends in time is not disturbed by its bounds", async () => {
  await using box = new TestContainers();
  const abort = new AbortController();
  await box.runc().version({ timeoutMs: 60_000, signal: abort.signal });
  abort.abort();
});

Deno.test("oci runtime: a missing runtime is named", async () => {
  await using box = new TestContainers();
  const error = await failure(box.runc("/nowhere/runc").start("a"));
  assert.equal(error.message, 'container a: there is no OCI runtime "/nowhere/runc"');
  assert.equal(error.data["exitCode"], -1);
  await failure(box.runc("berth-no-such-runtime").version());
  // It could not say whether there is one.
  await failure(box.runc("/nowhere/runc").state("a"));
  Deno.writeTextFileSync(`${box.dir}/plain`, "");
  assert.match((await failure(box.runc(`${box.dir}/plain`).start("a"))).message, /cannot be run/);
});

Deno.test("oci runtime: a runtime that says nothing, or dies, still gives a message", async () => {
  await using box = new TestContainers();
  const silent = await failure(box.runc(box.script("silent", "exit 3")).start("a"));
  assert.equal(silent.message, "container a: silent start failed: it gave no message");
  assert.equal(silent.data["exitCode"], 3);
  const shot = await failure(box.runc(box.script("shot", "kill -9 $$")).start("a"));
  assert.match(shot.message, /killed by signal 9/);
});

Deno.test("oci runtime: of a runtime that says too much the end is told, and no more is read", async () => {
  await using box = new TestContainers();
  const flood = box.runc(
    box.script("flood", "head -c 100000000 /dev/zero | tr '\\0' x >&2; echo ' why' >&2; exit 1"),
  );
  const { external } = Deno.memoryUsage();
  const { message } = await failure(flood.start("a"));
  assert.match(message, /^container a: flood start failed: x{4092} why$/);
  assert.ok(Deno.memoryUsage().external - external < 1e6);
});

Deno.test("oci runtime: where the disk is too full for its log, that is told, or what it says on stderr", async () => {
  await using box = new TestContainers();
  using disk = new SmallDisk(`${box.dir}/full`, "size=64k");
  const log = `${disk.dir}/log.json`;
  Deno.writeTextFileSync(log, "");
  const create = (script: string, consoleSocket?: string) =>
    failure(
      box.runc(box.script("fake", script)).create({
        id: "a",
        bundle: box.bundle,
        pidFile: `${box.dir}/pid`,
        log,
        consoleSocket,
      }),
    );
  const writes =
    'printf "{\\"level\\":\\"error\\",\\"msg\\":\\"no such luck\\"}\\n" >>"$4"; exit 1';
  assert.match((await create(writes)).message, /fake create failed: no such luck$/);
  Deno.truncateSync(log);
  disk.fill();
  for (const script of ["exit 1", writes]) {
    assert.match(
      (await create(script)).message,
      /failed: it gave no message, and its log \S+log.json cannot be written: no space left on device$/,
    );
  }
  const told = await create("echo no such luck >&2; exit 1", `${box.dir}/console`);
  assert.match(told.message, /fake create failed: no such luck$/);
});

Deno.test("oci runtime: a failed checkpoint tells what CRIU logged", async () => {
  await using box = new TestContainers();
  const imagePath = `${box.dir}/image`;
  Deno.mkdirSync(imagePath);
  const fake = box.runc(box.script(
    "fake",
    `printf '(1) fine\\n(2) Error (criu/x.c:1): no such luck\\n' > ${imagePath}/dump.log
echo "criu failed" >&2; exit 1`,
  ));
  const error = await failure(fake.checkpoint({ id: "a", imagePath, leaveRunning: true }));
  assert.match(error.message, /criu failed\n\(2\) Error .* no such luck$/);
  assert.match(
    String(error.data["command"]),
    / checkpoint --image-path \S+ --work-path \S+ --leave-running a$/,
  );
});

Deno.test("OciRuntime.checkpoint that fails for want of iptables names the package", async () => {
  await using box = new TestContainers();
  const line = '(1) Error (criu/util.c:642): execvp("iptables-restore", ...) failed: No such file';
  const log = `${box.dir}/dump.log`;
  const fake = box.runc(box.script("fake", `echo '${line}' >${log}; echo failed >&2; exit 1`));
  const error = await failure(fake.checkpoint({ id: "a", imagePath: box.dir }));
  assert.match(error.message, /iptables-restore[^]*\n.*install the package iptables$/);
});
