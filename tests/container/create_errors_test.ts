// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  AlreadyExistsError,
  BerthError,
  FailedPreconditionError,
  InvalidParamsError,
  NotFoundError,
} from "../../src/rpc/errors.ts";
import type { ErrorKind } from "../../src/rpc/errors.ts";
import { COLD, TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { makeFifo } from "../harness/io/fifo.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import type { JsonObject } from "../harness/rootfs.ts";

/** Makes a call and returns the typed error that came; fails if there was none. */
async function refusal(call: Promise<unknown>, kind: ErrorKind): Promise<BerthError> {
  let result: unknown;
  try {
    result = await call;
  } catch (error) {
    assert.ok(error instanceof BerthError, String(error));
    assert.equal(error.kind, kind, error.message);
    assert.doesNotMatch(error.message, /\n\s+at /, "no stack trace on the wire");
    return error;
  }
  throw new Error(`expected ${kind}, got ${JSON.stringify(result)}`);
}

/** The same of a create that must not fit; returns the paths of what does not. */
async function badPaths(daemon: TestDaemon, params: JsonObject): Promise<string[]> {
  const error = await refusal(daemon.peer.call("container.create", params), "InvalidParams");
  assert.ok(error instanceof InvalidParamsError);
  return error.issues.map(({ path }) => path);
}

/**
 * Starts a daemon, has `work` make calls that must fail, and checks that they left nothing, not
 * even an event, and that the daemon still runs containers.
 */
async function withNothingLeft(
  work: (daemon: TestDaemon, events: EventCollector) => Promise<void>,
  options: { events?: string; config?: string } = {},
): Promise<void> {
  const { config = "" } = options;
  await using daemon = await TestDaemon.start({ config });
  const audit = await LeakAudit.warm(daemon);
  {
    using events = await EventCollector.subscribe(daemon.socket);
    await work(daemon, events);
    assert.equal(await daemon.life("after"), 0);
    await events.wait({ type: "delete", id: "after" });
    assert.equal(events.types(), `${options.events ?? ""}create start exit delete`);
  }
  assert.deepEqual(await daemon.containerIds(), []);
  await audit.assertClean();
}

Deno.test("create errors: an id that is none is refused by every method", async () => {
  await withNothingLeft(async (daemon) => {
    const spec = daemon.spec(["true"]);
    for (const id of ["../x", "", "a".repeat(77), "a/b", ".", "..", "-a", "a b", "a\0b", "ä", 7]) {
      assert.deepEqual(await badPaths(daemon, { id, spec }), ["id"], JSON.stringify(id));
      for (const method of ["start", "state", "delete", "kill"]) {
        const params = { id, ...(method === "kill" ? { signal: 9 } : {}) };
        const error = await refusal(
          daemon.peer.call(`container.${method}`, params),
          "InvalidParams",
        );
        assert.deepEqual(error.data.issues, [
          { path: "id", message: error instanceof InvalidParamsError && error.issues[0]?.message },
        ]);
      }
    }
    assert.deepEqual(await badPaths(daemon, { spec }), ["id"]);
  });
});

Deno.test("create errors: a spec that is none is refused with the path of each thing that does not fit", async () => {
  await withNothingLeft(async (daemon) => {
    const id = "bad";
    const paths = (spec: unknown) => badPaths(daemon, { id, spec });
    for (const spec of [undefined, null, 7, "spec", [], true]) {
      assert.deepEqual(await paths(spec), ["spec"], JSON.stringify(spec));
    }
    assert.deepEqual((await paths({})).sort(), ["spec.ociVersion", "spec.process", "spec.root"]);
    const good = (override: JsonObject) => daemon.spec(["true"], override);
    assert.deepEqual(await paths(good({ process: { args: [] } })), ["spec.process.args"]);
    assert.deepEqual(await paths(good({ process: { args: ["a", 1] } })), ["spec.process.args.1"]);
    assert.deepEqual(await paths(good({ process: { cwd: "tmp" } })), ["spec.process.cwd"]);
    assert.deepEqual(await paths(good({ process: { user: { uid: -1 } } })), [
      "spec.process.user.uid",
    ]);
    assert.deepEqual(await paths(good({ mounts: "none" })), ["spec.mounts"]);
    assert.deepEqual(await paths(good({ linux: { namespaces: [{}] } })), [
      "spec.linux.namespaces.0.type",
    ]);
    assert.deepEqual(await paths(good({ ociVersion: "one" })), ["spec.ociVersion"]);
  });
});

Deno.test("create errors: what only the runtime can judge fails with its own words", async () => {
  await withNothingLeft(async (daemon) => {
    const id = "bad";
    for (
      const [override, words] of [
        [{ linux: { namespaces: [{ type: "nonsense" }] } }, /namespace .*nonsense/],
        [{ root: { path: "/no/such/rootfs" } }, /\/no\/such\/rootfs/],
        [{ process: { rlimits: [{ type: "RLIMIT_X", hard: 1, soft: 1 }] } }, /RLIMIT_X|rlimit/],
      ] as const
    ) {
      const spec = daemon.spec(["true"], override);
      const error = await refusal(
        daemon.client.call("container.create", { id, spec }),
        "RuntimeError",
      );
      assert.match(String(error.data.runtimeMessage), words);
      assert.ok(error.message.includes(String(error.data.runtimeMessage)));
      assert.equal(error.data.id, id);
    }
  });
});

Deno.test("create errors: a command that is not in the rootfs: runc's own text, no event, the id free at once", async () => {
  await withNothingLeft(async (daemon) => {
    const { client } = daemon;
    for (const command of ["no-such-command", "/bin/no-such-command", "/etc/passwd"]) {
      const spec = daemon.spec([command]);
      const error = await refusal(
        client.call("container.create", { id: "again", spec }),
        "RuntimeError",
      );
      assert.match(
        error.message,
        /executable file not found|no such file or directory|permission denied/,
      );
      assert.match(String(error.data.runtimeMessage), new RegExp(command));
      assert.equal(error.data.exitCode, 1);
      assert.equal(error.data.id, "again");
      assert.ok(Array.isArray(error.data.command) || typeof error.data.command === "string");
      assert.equal((await refusal(daemon.stateOf("again"), "NotFound")).data.id, "again");
    }
    await daemon.life("again");
  }, { events: "create start exit delete " });
});

Deno.test("create errors: a runtime that is not there, or is no runtime, fails the create alone", async () => {
  await withNothingLeft(async (daemon) => {
    const spec = daemon.spec(["true"]);
    for (const runtime of ["/no/such/runtime", "no-such-runtime", "/etc/passwd"]) {
      const create = daemon.client.call("container.create", { id: "bad", spec, runtime });
      const error = await refusal(create, "RuntimeError");
      assert.ok(error.message.includes(runtime), error.message);
      assert.equal(error.data.id, "bad");
    }
    const create = daemon.client.call("container.create", {
      id: "bad",
      spec,
      runtime: "/bin/false",
    });
    assert.equal((await refusal(create, "RuntimeError")).data.exitCode, 1);
  });
});

Deno.test("create errors: a rootfs source that is not there is refused before anything is made", async () => {
  await withNothingLeft(async (daemon) => {
    const spec = daemon.spec(["true"], { root: undefined });
    const rootfs = [
      { type: "bind", source: rootfsDir(), options: ["rbind", "ro"] },
      { type: "bind", source: `${daemon.dir}/nowhere`, target: "/data", options: ["rbind"] },
    ];
    assert.deepEqual(await badPaths(daemon, { id: "bad", spec, rootfs }), ["rootfs.1.source"]);
    const wrong = [{ type: "no-such-fs", source: "none" }];
    const error = await refusal(
      daemon.client.call("container.create", { id: "bad", spec, rootfs: wrong }),
      "FailedPrecondition",
    );
    assert.match(error.message, /no-such-fs|ENODEV/);
  });
});

Deno.test("create errors: a FIFO given as a file is refused, not waited for", async () => {
  await using daemon = await TestDaemon.start();
  const fifo = `file://${makeFifo(daemon.dir)}`;
  await daemon.run("one", ["sleep", "1000"]);
  const exec = { id: "one", execId: "exec", process: { args: ["true"] } };
  for (const name of ["stdout", "stderr"]) {
    const asked = [
      daemon.client.call("container.exec", { ...exec, [name]: fifo }),
      daemon.client.call("container.create", {
        id: "two",
        spec: daemon.spec(["true"]),
        [name]: fifo,
      }),
    ];
    // At once: which of them is answered first is open.
    await Promise.all(asked.map((call) =>
      assert.rejects(call, (error) => {
        assert.ok(error instanceof InvalidParamsError);
        assert.match(error.message, new RegExp(`${name}: .* is a FIFO: name it without file://`));
        return true;
      })
    ));
  }
  await daemon.life("two");
});

Deno.test("create errors: a checkpoint that is not there, or no directory, is refused before anything is made", async () => {
  await withNothingLeft(async (daemon) => {
    const spec = daemon.spec(["true"]);
    const file = `${daemon.dir}/file`;
    await Deno.writeTextFile(file, "");
    for (const checkpoint of [`${daemon.dir}/nowhere`, file, `${file}/below`, "relative"]) {
      const params = { id: "bad", spec, checkpoint };
      assert.deepEqual(await badPaths(daemon, params), ["checkpoint"], checkpoint);
    }
    await Deno.remove(file);
  });
});

Deno.test("create errors: a missing FIFO and a path that is none are refused before anything is made", async () => {
  await withNothingLeft(async (daemon) => {
    const spec = daemon.spec(["true"]);
    const fifo = makeFifo(daemon.dir);
    const file = `${daemon.dir}/file`;
    await Deno.writeTextFile(file, "");
    for (const name of ["stdin", "stdout", "stderr"]) {
      for (const path of [`${daemon.dir}/nowhere`, file, daemon.dir, "relative", "http://x"]) {
        const params = { id: "bad", spec, stdin: fifo, stdout: fifo, [name]: path };
        assert.deepEqual(await badPaths(daemon, params), [name], path);
      }
    }
    const params = { id: "bad", spec, stdin: `file://${file}` };
    assert.deepEqual(await badPaths(daemon, params), ["stdin"], "a file is for output only");
    // Missing directories above a file are made; a file above it cannot be.
    const below = { id: "bad", spec, stdout: `file://${file}/dir/log` };
    assert.deepEqual(await badPaths(daemon, below), ["stdout"]);
    const unknown = { id: "bad", spec, stdouts: fifo, terminal: "yes" };
    assert.deepEqual((await badPaths(daemon, unknown)).sort(), ["stdouts", "terminal"]);
    await Deno.remove(file);
    await Deno.remove(fifo);
  });
});

Deno.test("create errors: start twice, delete while running, kill of an exited container, an id taken", async () => {
  await withNothingLeft(async (daemon) => {
    const { client } = daemon;
    const id = "c";
    await daemon.run(id, ["sleep", "1000"]);
    // As in docker, what runs is left alone.
    const { pid } = await daemon.stateOf(id);
    assert.deepEqual(await client.call("container.start", { id }), { pid });
    const taken = await refusal(
      client.call("container.create", { id, spec: daemon.spec(["true"]) }),
      "AlreadyExists",
    );
    assert.match(taken.message, /container c /);
    const busy = await refusal(client.call("container.delete", { id }), "FailedPrecondition");
    assert.match(busy.message, /running/);
    const signal = await refusal(
      client.call("container.kill", { id, signal: "SIGNONSENSE" }),
      "InvalidParams",
    );
    assert.match(signal.message, /SIGNONSENSE/);
    await refusal(client.call("container.kill", { id, signal: 65 }), "InvalidParams");
    assert.equal((await daemon.stateOf(id)).status, "running");

    await client.call("container.kill", { id, signal: "KILL" });
    assert.equal((await daemon.exitOf(id)).exitStatus, 137);
    const gone = await refusal(client.call("container.kill", { id, signal: 9 }), "NotFound");
    assert.match(gone.message, /container c.*exited/);
    await refusal(client.call("container.kill", { id, signal: 9, all: true }), "NotFound");
    await refusal(client.call("container.pause", { id }), "FailedPrecondition");
    await client.call("container.delete", { id });
    for (const method of ["start", "state", "wait", "pause", "resume", "delete", "pids"] as const) {
      const error = await refusal(client.call(`container.${method}`, { id }), "NotFound");
      assert.equal(error.data.id, id);
    }
  }, { events: "create start exit delete " });
});

for (const [shims, config] of [["warm", ""], ["cold", COLD]] as const) {
  Deno.test(`create errors: of many creates of one id at once one wins, the others touch nothing, with ${shims} shims`, async () => {
    await withNothingLeft(async (daemon) => {
      const { client } = daemon;
      const spec = daemon.spec(["true"]);
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, () => client.call("container.create", { id: "one", spec })),
      );
      const lost = results.filter((result) => result.status === "rejected");
      assert.equal(lost.length, 19);
      for (const { reason } of lost) {
        assert.ok(reason instanceof AlreadyExistsError, String(reason));
      }
      const { pid } = await client.call("container.start", { id: "one" });
      assert.equal((await daemon.stateOf("one")).pid, pid);
      assert.equal((await daemon.exitOf("one")).exitStatus, 0);
      await client.call("container.delete", { id: "one" });
    }, { events: "create start exit delete ", config });
  });
}

Deno.test("create errors: a created container that was never started can be deleted", async () => {
  await withNothingLeft(async (daemon) => {
    const { client } = daemon;
    await client.call("container.create", { id: "c", spec: daemon.spec(["true"]) });
    await assert.rejects(client.call("container.pause", { id: "c" }), FailedPreconditionError);
    assert.equal((await client.call("container.delete", { id: "c" })).exitStatus, 137);
    await assert.rejects(client.call("container.delete", { id: "c" }), NotFoundError);
  }, { events: "create exit delete " });
});

Deno.test("create errors: a full life in a very deep state directory, with the longest id", async () => {
  await using outer = TestDaemon.prepare();
  const state = `${outer.dir}/${"deep".repeat(50)}/${"deeper".repeat(40)}`;
  await using daemon = await TestDaemon.start({ state });
  const { client } = daemon;
  const id = "a".repeat(76);
  await daemon.life(id);
  const audit = LeakAudit.take(daemon);
  const stdout = makeFifo(daemon.dir);
  const created = await client.call("container.create", {
    id,
    spec: daemon.spec(["sh", "-c", "read line; stty size; echo $line"], {
      process: { consoleSize: { width: 77, height: 11 } },
    }),
    terminal: true,
    stdin: stdout,
    stdout: `file://${daemon.dir}/out`,
  });
  assert.ok(`${created.bundle}/shim.sock`.length > 500);
  await client.call("container.start", { id });
  const exec = await client.call("container.exec", {
    id,
    execId: "e".repeat(76),
    process: { args: ["sh", "-c", "stty size; exit 3"] },
    terminal: true,
  });
  assert.equal((await daemon.exitOf(id, exec.execId)).exitStatus, 3);
  await client.call("container.deleteProcess", { id, execId: exec.execId });

  await daemon.restart();
  await Deno.writeTextFile(stdout, "hello\n");
  assert.equal((await daemon.exitOf(id)).exitStatus, 0);
  await daemon.client.call("container.delete", { id });
  const output = await Deno.readTextFile(`${daemon.dir}/out`);
  assert.match(output, /11 77\r\nhello\r\n$/);
  await Deno.remove(`${daemon.dir}/out`);
  await Deno.remove(stdout);
  await audit.assertClean();
});

Deno.test("container.create: a file that would take the place of /dev/null is refused", async () => {
  await withNothingLeft(async (daemon) => {
    const rootfs = `${daemon.dir}/rootfs`;
    await new Deno.Command("cp", { args: ["-a", rootfsDir(), rootfs] }).output();
    Deno.symlinkSync("/dev/null", `${rootfs}/link`);
    const file = `${daemon.dir}/file`;
    Deno.writeTextFileSync(file, "precious");
    const bind = [{ type: "bind", source: rootfs, options: ["bind"] }];
    for (const destination of ["/dev/null", "/tmp/../dev//null", "/link"]) {
      for (const made of [{ rootfs: bind }, { root: { path: rootfs } }]) {
        const spec = daemon.spec(["true"], "root" in made ? made : {});
        const given = Array.isArray(spec["mounts"]) ? spec["mounts"] : [];
        spec["mounts"] = [...given, { destination, type: "none", source: file, options: ["bind"] }];
        const more = "rootfs" in made ? made : {};
        const path = `spec.mounts.${given.length}.destination`;
        assert.deepEqual(await badPaths(daemon, { id: "c", spec, ...more }), [path]);
      }
    }
    assert.equal(Deno.readTextFileSync(file), "precious");
    for (const made of [rootfs, file]) Deno.removeSync(made, { recursive: true });
  });
});
