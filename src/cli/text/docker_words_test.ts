// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Command } from "commander";
import { explainUnknown } from "./docker_words.ts";

Deno.test("explainUnknown: a command of docker's says what there is, and no guess misleads", () => {
  const program = new Command("berth");
  program.command("resume").alias("unpause");
  const container = program.command("container");
  const network = program.command("network");
  const unknown = (name: string, guess?: string) =>
    `berth: unknown command '${name}'\n${guess === undefined ? "" : `(Did you mean ${guess}?)\n`}`;
  const said = (command: Command, name: string, guess?: string) =>
    explainUnknown(command, unknown(name, guess));
  assert.match(
    said(program, "volume", "resume"),
    /^berth: unknown command 'volume': .* -v [^\n]*\n$/,
  );
  assert.match(said(program, "build"), /'build': berth builds no images[^\n]*\n$/);
  assert.match(said(network, "create"), /'create': .*\/etc\/cni\/net\.d[^\n]*\n$/);
  assert.match(said(container, "ls"), /berth ps\n$/);
  assert.match(said(container, "unpause"), /berth unpause\n$/);
  assert.equal(said(container, "nosuch"), unknown("nosuch"));
  assert.equal(said(program, "constructor"), unknown("constructor"));
  assert.equal(said(program, "resum", "resume"), unknown("resum", "resume"));
  assert.equal(said(program, "xvolumes", "resume"), unknown("xvolumes"));
  assert.equal(explainUnknown(program, "berth: other\n"), "berth: other\n");
});
