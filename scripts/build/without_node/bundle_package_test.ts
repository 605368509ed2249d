// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { withoutNode } from "./bundle_package.ts";

Deno.test("withoutNode: Node's modules are imported from the file that stands for them", () => {
  const text =
    `import path from "node:path";\nimport { EventEmitter } from "node:events";\nrun();\n`;
  const from = `"${new URL("node.ts", import.meta.url).href}"`;
  assert.equal(
    withoutNode(text),
    `import { path as path } from ${from};\nimport { EventEmitter } from ${from};\nrun();\n`,
  );
});

Deno.test("withoutNode: throws where nothing stands for an import, or it is of another form", () => {
  assert.throws(() => withoutNode(`import os from "node:os";`), /nothing stands for .*node:os/);
  assert.throws(() => withoutNode(`import { once } from "node:events";`), /nothing stands for/);
  assert.throws(() => withoutNode(`import fs from "node:fs/promises";`), /node:fs\/promises/);
  assert.throws(() => withoutNode(`import * as fs from "node:fs";`), /"node:fs"/);
  assert.throws(() => withoutNode(`const fs = require("node:fs");`), /"node:fs"/);
});
