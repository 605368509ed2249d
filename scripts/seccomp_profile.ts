// SPDX-License-Identifier: MIT
//
// `deno task seccomp`: takes docker's seccomp profile over from a
// clone of moby/profiles at a release, the newest by default, with its licence; says which it was.
import { run } from "../tests/harness/command.ts";
import { ROOT } from "./root.ts";
import { misused, parseOptions } from "./options.ts";

const USAGE = `usage: deno task seccomp --repository DIR [options]
  --repository DIR   a clone of github.com/moby/profiles
  --release TAG      which of its releases; default the newest`;

const { values } = parseOptions(USAGE, {
  options: { repository: { type: "string" }, release: { type: "string" } },
});
if (values.repository === undefined) misused(USAGE, "--repository is missing");
const repository = values.repository;
const release = values.release ??
  (await git("tag", "--list", "seccomp/v*", "--sort=-v:refname")).split("\n")[0] ?? "";
const target = `${ROOT}/src/oci/seccomp`;
const profile: unknown = JSON.parse(await git("show", `${release}:seccomp/default.json`));
const json = { release: `moby/profiles ${release}`, profile };
await Deno.writeTextFile(`${target}/default_profile.json`, JSON.stringify(json));
await Deno.writeTextFile(`${target}/LICENSE`, await git("show", `${release}:LICENSE`));
await run([Deno.execPath(), "fmt", "--quiet", `${target}/default_profile.json`]);
console.log(`took over the seccomp profile of moby/profiles ${release}`);

function git(...args: string[]): Promise<string> {
  return run(["git", "-C", repository, ...args]);
}
