// SPDX-License-Identifier: MIT
//
// Commands that messages, help and docs tell people to type.
import assert from "node:assert/strict";
import { Option } from "commander";
import type { Command } from "commander";
import { ROOT } from "../../scripts/root.ts";
import { daemonProgram } from "../main.ts";
import { daemonRoleCommand } from "../daemon_command.ts";
import { berthProgram } from "./index.ts";

/** Words that follow "berth" in sentences about the program, where no command is meant. */
const PROSE: ReadonlySet<string> = new Set(
  ("and as before brings builds chooses client containerd does has is itself knows makes or pushes " +
    "reads runs saves that uses").split(" "),
);

/** What begins like a command and is none that people type. */
const NO_COMMANDS = ["berth container runtime daemon", "berth shim serve ", "berth -n $"];

/** Returns the content of each `.ts` file below a folder that ships, without comments. */
function sources(dir: string): [path: string, text: string][] {
  return [...Deno.readDirSync(dir)].flatMap(({ name, isDirectory }): [string, string][] => {
    const path = `${dir}/${name}`;
    if (isDirectory) return sources(path);
    if (!name.endsWith(".ts") || /_test(ing)?\.ts$/.test(name)) return [];
    const text = Deno.readTextFileSync(path);
    return [[path, text.replaceAll(/\/\*\*.*?\*\//gs, "").replaceAll(/^\s*\/\/.*$/gm, "")]];
  });
}

/** Returns the code of each page: blocks, and what stands in backquotes. */
function pages(): [path: string, text: string][] {
  const docs = [...Deno.readDirSync(`${ROOT}/docs`)].map(({ name }) => `docs/${name}`);
  return ["README.md", ...docs.filter((path) => path.endsWith(".md"))].map((path) => {
    const blocks: string[] = [];
    const text = Deno.readTextFileSync(`${ROOT}/${path}`).replaceAll(
      /^ *```(\w*)\n(.*?)^ *```/gms,
      (_, language, block) => {
        if (["sh", "console"].includes(language)) blocks.push(block);
        return "";
      },
    );
    const inline = Array.from(text.matchAll(/`([^`]+)`/g), ([, code = ""]) => code);
    return [path, [...blocks, ...inline.map((code) => code.replaceAll("\n", " "))].join("\n")];
  });
}

/** Returns what is wrong with a command line that begins with `berth`; undefined for nothing. */
function fault(program: Command, line: string): string | undefined {
  const [, ...words] = line.trim().split(/\s+/);
  let command = program;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (word === "--" || word.endsWith(":")) return undefined;
    const [, name = ""] = /^(--[a-z][a-z-]*|-[a-zA-Z])/.exec(word) ?? [];
    if (name !== "") {
      const option = optionsOf(command).find(({ long, short }) => name === long || name === short);
      if (option === undefined && name.startsWith("--")) return `no option ${name}`;
      if (option?.required && word === name) at++;
    } else if (command.commands.length > 0 && /^[a-z]+$/.test(word)) {
      const next = command.commands.find((each) =>
        each.name() === word || each.aliases().includes(word)
      );
      if (next === undefined) return `no command ${word}`;
      command = next;
    } else if (["run", "create", "exec"].includes(command.name())) {
      // What follows is the container's.
      return undefined;
    }
  }
  return undefined;
}

/** Returns what a command takes: its own options, `--help`, and those of the whole program. */
function optionsOf(command: Command): readonly Option[] {
  const own = command.name() === "daemon" ? daemonRoleCommand(async () => {}) : command;
  return [...own.options, ...command.parent?.options ?? [], new Option("-h, --help")];
}

Deno.test("berthProgram: every command that messages, help and docs name is there", async () => {
  const program = await berthProgram(daemonProgram);
  const faults: string[] = [];
  let commands = 0;
  for (const [path, text] of [...sources(`${ROOT}/src`), ...pages()]) {
    for (const [line, word = ""] of text.matchAll(/\bberth ((?:-|[a-z])[^"`'\n|;&)]*)/g)) {
      if (PROSE.has(word.split(/[^a-z]/, 1)[0] ?? "")) continue;
      if (NO_COMMANDS.some((start) => line.startsWith(start))) continue;
      commands++;
      const wrong = fault(program, line);
      if (wrong !== undefined) faults.push(`${path}: ${line}: ${wrong}`);
    }
  }
  assert.deepEqual(faults, []);
  assert(commands > 200, `${commands} commands`);
});
