// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { testNeeding } from "../../scripts/test_needing.ts";
import { ok, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { PtyProcess } from "../harness/io/pty.ts";
import { until } from "../harness/poll.ts";
import { shellProgram } from "../harness/run.ts";
import { StandIn } from "../harness/stand_in.ts";

/** How each shell is made plain, and loads the completion that `berth install docs` has written. */
const SHELLS = {
  bash: {
    argv: ["bash", "--norc", "-i"],
    setUp: "PS1='REA''DY> '; source share/bash-completion/completions/berth",
  },
  zsh: {
    argv: ["zsh", "-f", "-i"],
    setUp: "PS1='REA''DY> '; fpath=($PWD/share/zsh/site-functions $fpath); " +
      "autoload -Uz compinit && compinit -D -u; unsetopt prompt_cr prompt_sp",
  },
  fish: {
    argv: ["fish", "--no-config", "-i"],
    setUp: "function fish_prompt; echo -n 'REA''DY> '; end; " +
      "source share/fish/vendor_completions.d/berth.fish",
  },
} as const;

/** Text that is typed before the tab key, and the line that is then there. */
const COMPLETED: readonly (readonly [typed: string, line: string])[] = [
  ["berth renam", "berth rename "],
  ["berth rename ", "berth rename gone "],
  ["berth exec ", "berth exec web "],
  ["berth exec -e A=B ", "berth exec -e A=B web "],
  ["berth logs web g", "berth logs web gone "],
  ["berth events --id we", "berth events --id web "],
  ["berth kill -s TER", "berth kill -s TERM "],
  ["berth kill --signal=TER", "berth kill --signal=TERM "],
  ["berth ps --filter status=ex", "berth ps --filter status=exited "],
  ["berth ps --filter=status=ex", "berth ps --filter=status=exited "],
  ["berth cp we", "berth cp web:"],
  ["berth cp web:/etc/hosts ./si", "berth cp web:/etc/hosts ./site/"],
  ["berth unpause ", "berth unpause held "],
  ["berth pause ", "berth pause web "],
  ["berth stop h", "berth stop held "],
  ["berth image remo", "berth image remove "],
  ["berth image list --no-tr", "berth image list --no-trunc "],
  ["berth image rm --forc", "berth image rm --force "],
];

for (const shell of ["bash", "zsh", "fish"] as const) {
  testNeeding([shell], `berth completion: ${shell} completes what is typed`, async () => {
    await using daemon = await TestDaemon.start();
    const { dir } = daemon;
    const run = ["run", "-d", ...rootfsArgs(daemon)];
    for (
      const args of [
        [...run, "--name", "web", "--", "sleep", "1000"],
        [...run, "--name", "held", "--", "sleep", "1000"],
        ["pause", "held"],
        [...run, "--name", "gone", "--", "true"],
        ["wait", "gone"],
        ["install", "docs", "--prefix", dir],
      ]
    ) await ok(daemon, ...args);
    await Deno.mkdir(`${dir}/site`);
    const { argv, setUp } = SHELLS[shell];
    using berth = recorder(dir);
    await using terminal = new PtyProcess(argv, {
      cwd: dir,
      width: 120,
      env: {
        BERTH_SOCKET: daemon.socket,
        HOME: dir,
        ...berth.env,
        TERM: "xterm",
        LANG: "C.UTF-8",
      },
    });
    terminal.type(`${setUp}\r`);
    await terminal.shows("READY> ");
    for (const [typed, line] of COMPLETED) {
      // The last letter shows whether a space has been put behind the word.
      const from = terminal.output.length;
      terminal.type(`${typed}\tx\r`);
      const ran = await until(`the command after ${typed}`, () => takeRecord(dir))
        .catch((error) => {
          throw new Error(`${error.message}; ${JSON.stringify(terminal.output)}`);
        });
      assert.equal(ran, `${line}x`);
      // What is typed before a shell is at its prompt is not completed by each.
      await terminal.shows(/recorded[^]*READY> /, from);
    }
  });
}

/** A `berth` that lists ids as berth does, and writes down any other command instead of running it. */
function recorder(dir: string): StandIn {
  const script = `case "$1 $2" in "ps -q") exec ${shellProgram()} "$@" ;; esac
echo "berth $*" >'${dir}/new-record'
mv '${dir}/new-record' '${dir}/record'
echo recorded`;
  return new StandIn("berth", script);
}

/** Returns the command that has been written down, undefined where none has. */
async function takeRecord(dir: string): Promise<string | undefined> {
  try {
    const record = await Deno.readTextFile(`${dir}/record`);
    await Deno.remove(`${dir}/record`);
    return record.trimEnd();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
