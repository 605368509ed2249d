// SPDX-License-Identifier: MIT
//
// `deno task seccomp`: takes docker's seccomp profile over from a
// clone of moby/profiles at a release, the newest by default, with its license; says which it was.
// Only the order of the names is changed: libseccomp keeps system calls in a list by number and looks
// for the place of each from the lowest on, so that the highest first takes it the shortest time.
import { run } from "../tests/harness/command.ts";
import { ROOT } from "./root.ts";
import { misused, parseOptions } from "./options.ts";

const USAGE = `usage: deno task seccomp --repository DIR [options]
  --repository DIR   a clone of github.com/moby/profiles
  --release TAG      which of its releases; default the newest`;

/** Above every number. */
const MOST = Number.MAX_SAFE_INTEGER;

const { values } = parseOptions(USAGE, {
  options: { repository: { type: "string" }, release: { type: "string" } },
});
if (values.repository === undefined) misused(USAGE, "--repository is missing");
const repository = values.repository;
const release = values.release ??
  (await git("tag", "--list", "seccomp/v*", "--sort=-v:refname")).split("\n")[0] ?? "";
const target = `${ROOT}/src/oci/seccomp`;
const numbers = await syscallNumbers();
const profile: unknown = JSON.parse(
  await git("show", `${release}:seccomp/default.json`),
  (key, value) => key === "names" && Array.isArray(value) ? value.toSorted(byNumber) : value,
);
const json = { release: `moby/profiles ${release}`, profile };
await Deno.writeTextFile(`${target}/default_profile.json`, JSON.stringify(json));
await Deno.writeTextFile(`${target}/LICENSE`, await git("show", `${release}:LICENSE`));
await run([Deno.execPath(), "fmt", "--quiet", `${target}/default_profile.json`]);
console.log(`took over the seccomp profile of moby/profiles ${release}`);

function git(...args: string[]): Promise<string> {
  return run(["git", "-C", repository, ...args]);
}

/** Compares two names for the higher number first; what has none here is newer, or of another machine. */
function byNumber(a: string, b: string): number {
  return (numbers.get(b) ?? MOST) - (numbers.get(a) ?? MOST);
}

/** Reads the numbers of x86_64 from the headers of Debian's package linux-libc-dev. */
async function syscallNumbers(): Promise<ReadonlyMap<string, number>> {
  const header = await Deno.readTextFile("/usr/include/x86_64-linux-gnu/asm/unistd_64.h");
  return new Map(
    Array.from(header.matchAll(/^#define __NR_(\w+) (\d+)$/gm), ([, name = "", number]) => [
      name,
      Number(number),
    ]),
  );
}
