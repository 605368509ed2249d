// SPDX-License-Identifier: MIT
//
// The README's commands, run as they stand there: `sh` and `python` blocks, in order, with a daemon
// of the test's own in place of the one at /run/berth.
import assert from "node:assert/strict";
import { output } from "../harness/command.ts";
import { cgroupHierarchies } from "../../src/linux/cgroup/cgroup.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { within } from "../harness/poll.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import { shellProgram } from "../harness/run.ts";
import { writeScript } from "../harness/stand_in.ts";
import { testNeeding } from "../../scripts/test_needing.ts";

const README = await Deno.readTextFile(new URL("../../README.md", import.meta.url));

/** The code blocks of a language. */
function blocks(language: string): string[] {
  return Array.from(
    README.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms")),
    ([, code = ""]) => code,
  );
}

/** Runs code from the README in a directory with `berth` in PATH; returns what it printed. */
async function run(daemon: TestDaemon, interpreter: string[], code: string): Promise<string> {
  const argv = [...interpreter, code.replaceAll("/run/berth/berth.sock", daemon.socket)];
  const { code: status, stdout, stderr } = await output(argv, {
    cwd: daemon.dir,
    env: { PATH: `${daemon.dir}/bin:${Deno.env.get("PATH")}`, BERTH_SOCKET: daemon.socket },
  });
  assert.equal(status, 0, `${code}\n${stdout}${stderr}`);
  return stdout;
}

/** A daemon, with the `berth` and the `rootfs` that the README speaks of beside it. */
async function prepare(): Promise<TestDaemon> {
  const daemon = await TestDaemon.start();
  await Deno.mkdir(`${daemon.dir}/bin`);
  writeScript(`${daemon.dir}/bin/berth`, `exec ${shellProgram()} "$@"`);
  await Deno.symlink(rootfsDir(), `${daemon.dir}/rootfs`);
  return daemon;
}

testNeeding(["socat"], "readme: every shell command works", async () => {
  await using daemon = await prepare();
  const [everyday = "", socket = "", ...more] = blocks("sh");
  assert.deepEqual(more, []);
  const said = await run(daemon, ["sh", "-e", "-c"], everyday);
  assert.match(said, /^hello$/m);
  assert.match(said, /^web\b.*\bUp\b/m);
  assert.deepEqual(await daemon.containerIds(), []);
  assert.match(await run(daemon, ["sh", "-e", "-c"], socket), /"name":"berth"/);
  removeDefaultCgroup();
});

testNeeding(["python3"], "readme: the Python works", async () => {
  await using daemon = await prepare();
  await daemon.run("seen", ["sleep", "1000"]);
  const [python = "", ...more] = blocks("python");
  assert.deepEqual(more, []);
  const said = await run(daemon, ["python3", "-c"], python);
  assert.equal(said, `${(await daemon.client.call("daemon.info", {})).version}\n['seen']\n`);
  await daemon.remove("seen");
});

Deno.test("readme: the TypeScript of the README works outside of the repository, in both ways", async () => {
  await using daemon = await prepare();
  await daemon.run("seen", ["sleep", "1000"]);
  await Deno.symlink(new URL("../..", import.meta.url), `${daemon.dir}/berth`);
  const [code = "", ...more] = blocks("ts");
  const [config = ""] = blocks("json");
  assert.deepEqual(more, []);
  const app = `${daemon.dir}/app.ts`;
  const firstEvent = async (...options: string[]) => {
    await using child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", ...options, "app.ts"],
      cwd: daemon.dir,
      env: { BERTH_SOCKET: daemon.socket },
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value } = await within("an event", reader.read());
    await reader.cancel();
    return value?.split("\n", 1)[0];
  };
  assert.ok(README.includes("`deno run -A --config berth/deno.json app.ts`"));
  await Deno.writeTextFile(app, code);
  assert.equal(await firstEvent("--config", "berth/deno.json"), "create seen");

  await Deno.writeTextFile(`${daemon.dir}/deno.json`, config);
  await Deno.writeTextFile(app, code.replace("./berth/mod.ts", "@berth/berth"));
  assert.equal(await firstEvent(), "create seen");
});

Deno.test("readme: every file that the README points to is there", async () => {
  for (const [, target = ""] of README.matchAll(/\]\(([^)#:]+)\)/g)) {
    await Deno.stat(new URL(`../../${target}`, import.meta.url));
  }
});

/** The README's containers are in the cgroup that all are in by default: it goes if empty. */
function removeDefaultCgroup(): void {
  for (const { mountPoint } of cgroupHierarchies()) {
    try {
      Deno.removeSync(`${mountPoint}/berth`);
    } catch (error) {
      const inUse = error instanceof Error && "code" in error && error.code === "EBUSY";
      if (!inUse && !(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
