// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";

const MODULE = new URL("self_command.ts", import.meta.url).href;

/** What selfCommand and programPath answer where `file` was started and its unpacked files are gone. */
async function answersFor(dir: string, file: string): Promise<unknown> {
  const main = `${dir}/main.ts`;
  await Deno.writeTextFile(
    main,
    `import { programPath, selfCommand } from "${MODULE}";
Deno.removeSync("${main}");
console.log(JSON.stringify([selfCommand(), programPath()]));
`,
  );
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", main],
    env: { BERTH_FILE: file },
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.notEqual(text, "", new TextDecoder().decode(stderr));
  return JSON.parse(text);
}

Deno.test("a portable file started by a link calls itself by its own name", async () => {
  const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "berth-self-" }));
  try {
    const file = `${dir}/berth`;
    await Deno.writeTextFile(file, "");
    await Deno.symlink("berth", `${dir}/berthd`);
    assert.deepEqual(await answersFor(dir, `${dir}/berthd`), [[file], file]);
    assert.deepEqual(await answersFor(dir, file), [[file], file]);
    const gone = `${dir}/gone`;
    assert.deepEqual(await answersFor(dir, gone), [[gone], gone], "it may come back");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
