// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { ImageError } from "../image_errors.ts";
import { Graph } from "./graph.ts";
import { ImageNames } from "./image_names.ts";

Deno.test("readList: a file that a loss of power has damaged is named, with what to do", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  const names = `${dir}/names.json`, layers = `${dir}/overlay-layers/layers.json`;
  Deno.mkdirSync(`${dir}/overlay-layers`);
  for (const text of ["", '[["a', "{}"]) {
    Deno.writeTextFileSync(names, text);
    Deno.writeTextFileSync(layers, text);
    const told = (path: string, lost: string) => (error: unknown) => {
      assert.ok(error instanceof ImageError);
      const why = `${path} is damaged: remove ${lost}, and pull the images again`;
      assert.equal(error.message, why);
      return true;
    };
    assert.throws(() => new ImageNames(names).list(), told(names, names));
    await assert.rejects(new ImageNames(names).set(["a"], "b"), told(names, names));
    const lost = `${dir} while no container uses an image`;
    assert.throws(() => new Graph(dir, dir).layersBelow("a"), told(layers, lost));
  }
  Deno.removeSync(names);
  await new ImageNames(names).set(["a"], "b");
  assert.equal(new ImageNames(names).get("a")?.id, "b");
});
