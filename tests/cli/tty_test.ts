// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cli, ok, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/poll.ts";
import { processesOf, signalIfThere } from "../harness/processes.ts";
import { PtyProcess } from "../harness/io/pty.ts";
import { baseName, program } from "../harness/run.ts";

/** `berth` at a terminal. */
function atTerminal(daemon: TestDaemon, args: readonly string[]): PtyProcess {
  return new PtyProcess([...program(), ...args], {
    env: { BERTH_SOCKET: daemon.socket, PS1: "$ " },
    cwd: daemon.dir,
  });
}

const BEGIN = "BEGIN";
const DETACH = "\x10\x11";

/** The settings that raw mode changes. */
function modeOf(stty: string): string {
  return (stty.match(/-?\b(icanon|echo|isig|opost|icrnl)\b/g) ?? []).join(" ");
}

const COOKED = "icrnl opost isig icanon echo";

/** Asserts that the terminal is as it was before the command. */
async function assertRestored(terminal: PtyProcess): Promise<void> {
  assert.equal(modeOf(await terminal.mode()), COOKED);
}

Deno.test("berth -t: a shell in a container is used as a person would", async () => {
  await using daemon = await TestDaemon.start();
  await using terminal = atTerminal(daemon, [
    ...["run", "-it", "--rm", "--name", "shell", "-e", "PS1=$ ", ...rootfsArgs(daemon)],
    ...["--", "sh"],
  ]);
  await terminal.shows("$ ");
  assert.match(modeOf(await terminal.mode()), /-icanon.*-echo/);
  terminal.type("tty; stty size\r");
  await terminal.shows(/\/dev\/(pts\/0|console)\r\n30 100\r\n/);
  terminal.resize(77, 22);
  await until("the new size", async () => {
    const from = terminal.output.length;
    terminal.type("stty size; echo end$((1+1))\r");
    await terminal.shows("end2", from);
    return terminal.output.slice(from).includes("22 77");
  });
  // Typed no sooner than the program that is to read it runs: the shell reads ahead.
  terminal.type("echo sl$((1+1))p; sleep 1000\r");
  await terminal.shows("sl2p\r\n");
  const before = terminal.output.length;
  let typed = -Infinity;
  await until("the prompt", () => {
    if (terminal.output.slice(before).includes("$ ")) return true;
    // Again where the first came before the shell had given its terminal to that program.
    if (performance.now() - typed > 5_000) {
      terminal.type("\x03");
      typed = performance.now();
    }
    return false;
  });
  terminal.type("echo interrupted: $?\r");
  await terminal.shows("interrupted: 130");
  terminal.type("echo c$((1+1))t; cat\r");
  await terminal.shows("c2t\r\n");
  terminal.type("typed\r");
  await terminal.shows(/typed\r\ntyped\r\n/);
  const after = terminal.output.length;
  terminal.type("\x04");
  await terminal.shows("$ ", after);
  terminal.type("exit 5\r");
  assert.equal(await terminal.exited(), 5);
  await assertRestored(terminal);
  assert.deepEqual(await daemon.containerIds(), []);
});

Deno.test("berth -t: Ctrl-P Ctrl-Q leaves the container running, and attach comes back to it", async () => {
  await using daemon = await TestDaemon.start();
  await using first = atTerminal(daemon, [
    ...["run", "-it", "--name", "shell", "-e", "PS1=$ ", ...rootfsArgs(daemon)],
    ...["--", "sh"],
  ]);
  await first.shows("$ ");
  first.type(DETACH);
  assert.equal(await first.exited(), 0);
  await assertRestored(first);
  const state = await daemon.stateOf("shell");
  assert.equal(state.status, "running");

  await using second = atTerminal(daemon, ["attach", "--detach-keys", "ctrl-a,d", "shell"]);
  await until("an answer of the shell", () => {
    if (/again42/.test(second.output)) return true;
    second.type("echo again$((6*7))\r");
    return false;
  }, { everyMs: 300 });
  second.type("\x01d");
  assert.equal(await second.exited(), 0);

  await using third = atTerminal(daemon, ["attach", "shell"]);
  await until("an answer of the shell", () => {
    if (/third42/.test(third.output)) return true;
    third.type("echo third$((6*7))\r");
    return false;
  }, { everyMs: 300 });
  third.type("exit 3\r");
  assert.equal(await third.exited(), 3);
  await assertRestored(third);
});

Deno.test("berth -t: a size that changes while the daemon is away reaches the process once it is back", async () => {
  await using daemon = await TestDaemon.start();
  await using terminal = atTerminal(daemon, [
    ...["run", "-it", "--rm", "--name", "shell", "-e", "PS1=$ ", ...rootfsArgs(daemon)],
    ...["--", "sh", "-c", 'trap "stty size" WINCH; echo ready; while :; do sleep 0.1; done'],
  ]);
  await terminal.shows("ready\r\n");
  await daemon.kill9();
  terminal.resize(88, 33);
  terminal.resize(77, 22);
  await daemon.start();
  await terminal.shows("22 77\r\n");
  await daemon.client.call("container.kill", { id: "shell", signal: "KILL" });
  assert.equal(await terminal.exited(), 137);
});

Deno.test("berth -t: a detached container with a terminal can be attached to", async () => {
  await using daemon = await TestDaemon.start();
  const run = ["run", "-dit", "--name", "bg", "-e", "PS1=$ ", ...rootfsArgs(daemon), "--", "sh"];
  await ok(daemon, ...run);
  await using terminal = atTerminal(daemon, ["attach", "bg"]);
  await until("the raw mode", async () => modeOf(await terminal.mode()) !== COOKED);
  terminal.type("echo from-$((40+2))\r");
  await terminal.shows("from-42");
  terminal.type("exit 8\r");
  assert.equal(await terminal.exited(), 8);
  await assertRestored(terminal);
  assert.match((await cli(daemon, ["logs", "bg"])).stdout, /from-42/);
});

Deno.test("berth -t: a signal to the command puts the terminal back and leaves the container running", async () => {
  await using daemon = await TestDaemon.start();
  for (const [signal, status] of [["TERM", 143], ["HUP", 129]] as const) {
    const id = `c-${signal}`;
    await using terminal = atTerminal(daemon, [
      ...["run", "-it", "--name", id, "-e", "PS1=$ ", ...rootfsArgs(daemon)],
      ...["--", "sh"],
    ]);
    await terminal.shows("$ ");
    const commands = processesOf(baseName(daemon.dir)).filter(({ command }) =>
      command.includes(`--name ${id} `) && !command.startsWith("setsid ")
    );
    assert.notEqual(commands.length, 0);
    for (const { pid } of commands) signalIfThere(pid, `SIG${signal}`);
    assert.equal(await terminal.exited(), status);
    await assertRestored(terminal);
    const state = await daemon.stateOf(id);
    assert.equal(state.status, "running");
  }
});

Deno.test("berth -t: a command that cannot run puts the terminal back and says so", async () => {
  await using daemon = await TestDaemon.start();
  await using terminal = atTerminal(daemon, [
    ...["run", "-it", "--rm", ...rootfsArgs(daemon)],
    ...["--", "nosuch"],
  ]);
  assert.equal(await terminal.exited(), 127);
  assert.match(terminal.output, /berth:.* .*nosuch.*\r\n$/);
  await assertRestored(terminal);
});

Deno.test("berth -t: 10 MB through a terminal arrive whole and in order", async () => {
  await using daemon = await TestDaemon.start();
  const shared = await Deno.makeTempDir({ dir: daemon.dir });
  // Text without line feeds, which a terminal would turn into two characters.
  const script =
    `stty -opost; printf ${BEGIN}; head -c 7500000 /dev/urandom | base64 -w 0 | tee /mnt/copy`;
  await using terminal = atTerminal(daemon, [
    ...["run", "-it", "--rm", "-v", `${shared}:/mnt`, ...rootfsArgs(daemon)],
    ...["--", "sh", "-c", script],
  ]);
  assert.equal(await terminal.exited(), 0);
  const written = await Deno.readFile(`${shared}/copy`);
  assert.equal(written.length, 10_000_000);
  // Deno itself may clear lines of a terminal before berth's first byte.
  const shown = terminal.bytes();
  const begin = new TextDecoder("latin1").decode(shown.subarray(0, 1000)).indexOf(BEGIN);
  assert.notEqual(begin, -1);
  const text = shown.subarray(begin + BEGIN.length);
  const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
  assert.equal(hash(text), hash(written));
});

Deno.test("berth exec gives a terminal too", async () => {
  await using daemon = await TestDaemon.start();
  const run = ["run", "-d", "--name", "c", ...rootfsArgs(daemon), "--", "sleep", "1000"];
  await ok(daemon, ...run);
  await using terminal = atTerminal(daemon, ["exec", "-it", "-e", "PS1=$ ", "c", "sh"]);
  await terminal.shows("$ ");
  terminal.type("stty size; tty\r");
  await terminal.shows("30 100\r\n/dev/pts/");
  terminal.type("exit 6\r");
  assert.equal(await terminal.exited(), 6);
  await assertRestored(terminal);

  await using detached = atTerminal(daemon, ["exec", "-it", "-e", "PS1=$ ", "c", "sh"]);
  await detached.shows("$ ");
  detached.type(DETACH);
  assert.equal(await detached.exited(), 0);
  await assertRestored(detached);
});

Deno.test("berth -t: input that is no terminal can still be given to one, its last line unfinished too", async () => {
  await using daemon = await TestDaemon.start();
  const run = ["run", "-it", "--rm", ...rootfsArgs(daemon), "--", "sh", "-c", "stty -echo; cat"];
  for (const [stdin, expected] of [["line\n", /line\r\n$/], ["a\nb", /b$/]] as const) {
    const { code, stdout } = await cli(daemon, run, { stdin });
    assert.equal(code, 0);
    assert.match(stdout, expected);
  }
});
