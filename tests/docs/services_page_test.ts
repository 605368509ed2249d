// SPDX-License-Identifier: MIT
//
// The commands of the page about services, run as they stand there. Only the image and the port are
// replaced: by a shell script in the tests' root filesystem.
import assert from "node:assert/strict";
import { ROOT } from "../../scripts/root.ts";
import type { ContainerState } from "../../src/rpc/contract/schemas.ts";
import { cli, cliCommand, type CliResult, ok, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until, within } from "../harness/poll.ts";

const PAGE = Deno.readTextFileSync(`${ROOT}/docs/services.md`);

/** The script that takes the place of the page's image. */
const SCRIPT = 'trap "echo bye; exit 0" TERM; echo serving; while :; do sleep 0.05; done';

/** Returns the words after `berth` of a command of the page. */
function wordsOf(daemon: TestDaemon, line: string): string[] {
  const [command = ""] = line.split("#");
  const [berth, ...words] = command.trim().split(/ +/);
  assert.equal(berth, "berth", line);
  if (words.at(-1) !== "nginx") return words;
  const port = words.indexOf("-p");
  assert.ok(port > 0, line);
  const flags = words.slice(0, -1).toSpliced(port, 2);
  return [...flags, ...rootfsArgs(daemon), "--", "sh", "-c", SCRIPT];
}

/** Runs a command of the page. */
async function types(daemon: TestDaemon, line: string): Promise<CliResult> {
  return await cli(daemon, wordsOf(daemon, line));
}

/** Starts a command of the page that stays, and reads what it prints. */
function follow(daemon: TestDaemon, line: string | readonly string[]) {
  const words = typeof line === "string" ? wordsOf(daemon, line) : [...line];
  const child = cliCommand(daemon, words, {
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const seen = { text: "" };
  const read = (async () => {
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) seen.text += chunk;
  })();
  const shows = (text: string) =>
    until(`${text} of ${line}`, () => seen.text === text || undefined).catch((error) => {
      throw new Error(`${error}: ${seen.text}`);
    });
  const ended = async () => {
    const { code } = await within(`the end of ${line}`, child.status);
    await read;
    return code;
  };
  return { shows, ended, terminate: () => child.kill("SIGTERM") };
}

Deno.test("services page: each command of a service with berth alone does what the page says", async () => {
  await using daemon = await TestDaemon.start();
  const [, block = ""] = /```console\n(.*?)```/s.exec(PAGE) ?? [];
  const lines = block.trim().split("\n");
  const state = (): Promise<ContainerState> => daemon.stateOf("web");
  const line = (verb: string) => {
    const found = lines.filter((each) => each.startsWith(`berth ${verb} `));
    assert.equal(found.length, 1, verb);
    return found[0] ?? "";
  };
  const done: CliResult = { code: 0, stdout: "web\n", stderr: "" };
  const verbs = ["run", "logs", "ps", "inspect", "stop", "start", "restart", "update"];
  assert.deepEqual(lines.map((each) => each.split(" ")[1]), verbs, "each is run below");

  assert.deepEqual(await types(daemon, line("run")), done);
  assert.deepEqual((await state()).restart, { policy: "unless-stopped" });
  const logLines = async () => (await cli(daemon, ["logs", "web"])).stdout.split("\n");
  await until("the trap", async () => (await logLines())[0] === "serving");
  const waiting = await types(daemon, line("ps"));
  assert.deepEqual([waiting.code, waiting.stdout.split("\n").length], [0, 2], "only the header");

  assert.deepEqual(await types(daemon, line("stop")), done);
  assert.equal((await state()).status, "stopped");
  await daemon.restart();
  const { status, restartingAt } = await state();
  assert.deepEqual([status, restartingAt], ["stopped", undefined], "also under the next daemon");
  assert.deepEqual(await types(daemon, line("start")), done);
  const logs = follow(daemon, line("logs"));
  await logs.shows("serving\nbye\nserving\n");
  assert.deepEqual(await types(daemon, line("restart")), done);
  assert.deepEqual(await types(daemon, line("update")), done);
  const inspected = JSON.parse((await types(daemon, line("inspect"))).stdout);
  assert.deepEqual(
    [inspected.restart, inspected.restartCount, inspected.lastExit?.exitStatus],
    [{ policy: "always" }, 0, 0],
  );
  await logs.shows("serving\nbye\nserving\nbye\nserving\n");
  await ok(daemon, "rm", "-f", "web");
  assert.equal(await logs.ended(), 0);
});

/** Returns a command of the page's unit for systemd. */
function unitCommand(key: string): string {
  const [, unit = ""] = /```ini\n(.*?)```/s.exec(PAGE) ?? [];
  const [, found = ""] = new RegExp(`^${key}=-?/usr/local/bin/(.*)$`, "m").exec(unit) ?? [];
  assert.notEqual(found, "", key);
  return found;
}

Deno.test("services page: the stop of the unit for systemd ends what ignores SIGTERM, too", async () => {
  await using daemon = await TestDaemon.start();
  // What the minus sign of the unit is for.
  assert.match((await types(daemon, unitCommand("ExecStop"))).stderr, /web/);
  const stubborn = SCRIPT.replace(/trap ".*?"/, 'trap ""');
  assert.notEqual(stubborn, SCRIPT);
  const flags = wordsOf(daemon, unitCommand("ExecStart")).slice(0, -1);
  const service = follow(daemon, [...flags.toSpliced(1, 0, "--stop-timeout", "0.5"), stubborn]);
  await service.shows("serving\n");
  service.terminate();
  assert.deepEqual(await types(daemon, unitCommand("ExecStop")), {
    code: 0,
    stdout: "web\n",
    stderr: "",
  });
  // The page says what systemd makes of it.
  assert.equal(await service.ended(), 137);
  assert.match(PAGE, /SuccessExitStatus=143\n[\s\S]*ends the unit with 137/);
});

Deno.test("services page: the commands of the unit for systemd run, stop and leave nothing", async () => {
  await using daemon = await TestDaemon.start();
  // The minus sign of the unit: there is none yet.
  assert.match((await types(daemon, unitCommand("ExecStartPre"))).stderr, /web/);
  const service = follow(daemon, unitCommand("ExecStart"));
  await service.shows("serving\n");
  // The daemon is restarted: the command waits for it to be back.
  await daemon.restart();
  service.terminate();
  assert.equal(await service.ended(), 0);
  await daemon.untilEmpty();
});
